package enginetest

import "time"

const (
	// patience is how long anything may take on a busy machine.
	patience = 30 * time.Second
	// tick is how often is looked for what nobody announces.
	tick = 2 * time.Millisecond
)

// poll looks again and again until cond holds, and tells whether it came to that.
func poll(within time.Duration, cond func() bool) bool { return pollEvery(tick, within, cond) }

func pollEvery(tick, within time.Duration, cond func() bool) bool {
	if cond() {
		return true
	}
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	next := time.NewTicker(tick)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			if cond() {
				return true
			}
		case <-deadline.C:
			return cond()
		}
	}
}
