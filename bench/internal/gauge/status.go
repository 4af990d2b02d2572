package gauge

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// PeakRSS returns the most memory that this process had resident, in bytes; 0 where
// there is no /proc.
func PeakRSS() int64 { return status("VmHWM:") << 10 }

// RSS returns the memory that this process has resident, in bytes.
func RSS() int64 { return status("VmRSS:") << 10 }

// Threads returns the number of threads of this process.
func Threads() int { return int(status("Threads:")) }

// status reads a number off the kernel's account of this process.
func status(key string) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == key {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n
		}
	}
	return 0
}
