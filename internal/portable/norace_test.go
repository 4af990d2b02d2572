//go:build !race

package portable

const raceEnabled = false
