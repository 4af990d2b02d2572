//go:build !race

package bmq

const raceEnabled = false
