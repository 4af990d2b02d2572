package officialbroker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const processControl = true

const (
	signalKill      = syscall.SIGKILL
	signalTerminate = syscall.SIGTERM
	signalFreeze    = syscall.SIGSTOP
	signalThaw      = syscall.SIGCONT
)

// own makes a process to be started the first of a group, which does not outlive this
// process.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// frozen tells whether all threads of a process are frozen.
func frozen(pid int) bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		return false
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		// The state follows the name of the program in parentheses.
		_, rest, ok := strings.Cut(string(text), ") ")
		if err != nil || !ok || !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}

// signalGroup sends a signal to a process and all that it started.
func signalGroup(cmd *exec.Cmd, s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) }
