//go:build race

package pages

// reuse is false under the race detector, which does not see that whoever read a
// page before can't do so any more.
const reuse = false
