package gauge

import (
	"syscall"
	"time"
)

// sleep sleeps in the kernel: the runtime's own timers are late by up to a millisecond in
// a process that waits for the network meanwhile.
func sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // waking up too soon is no harm
}
