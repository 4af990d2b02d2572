//go:build race

package portable

// raceEnabled says that the race detector runs, which makes memory dear.
const raceEnabled = true
