package client

import (
	"os"
	"syscall"
)

// peakRSS returns the most memory that a process had resident, in bytes.
func peakRSS(p *os.ProcessState) int64 {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}
