//go:build !linux

package gauge

import "time"

// sleep sleeps as well as the runtime can.
func sleep(d time.Duration) { time.Sleep(d) }
