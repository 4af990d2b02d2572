package report

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/bmq-go/bmq/bench/internal/client"
)

// About says where and with what something was measured.
func About(clients []*client.Client, missing []string) []string {
	lines := []string{
		fmt.Sprintf("machine: %s, %d processors, %s, %s", processor(), runtime.NumCPU(), kernel(), memory()),
		fmt.Sprintf("Go: %s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
	}
	for _, c := range clients {
		lines = append(lines, fmt.Sprintf("%s: %s", c.Name, c.Version))
	}
	for _, m := range missing {
		lines = append(lines, "not here: "+m)
	}
	return lines
}

// field reads a value off a file of keys and values, such as /proc has.
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func processor() string {
	if name := field("/proc/cpuinfo", "model name"); name != "" {
		return name
	}
	return runtime.GOARCH
}

func memory() string {
	if total := field("/proc/meminfo", "MemTotal"); total != "" {
		var kb int64
		if _, err := fmt.Sscan(total, &kb); err == nil {
			return fmt.Sprintf("%d MiB of memory", kb>>10)
		}
	}
	return "memory unknown"
}

func kernel() string {
	out, err := exec.Command("uname", "-sr").Output()
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(out))
}
