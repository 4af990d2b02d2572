//go:build race

package bmq

// raceEnabled says that the race detector runs, which makes memory dear.
const raceEnabled = true
