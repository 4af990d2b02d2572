// Package proctest runs real processes in tests: the programs of this module, and
// peers written in other languages. Every wait ends, and a test that fails shows what
// its processes wrote.
package proctest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Timeout is how long each wait for a process may take. It is long because the race
// detector and busy machines are slow; a process that works needs a fraction of it.
const Timeout = 60 * time.Second

// maxLine is how long a line of a process may be, in bytes.
const maxLine = 64 << 20

const envProgram = "BMQ_PROCTEST_PROGRAM"

// Main is for TestMain: in a process that Program started it runs that program, else
// it returns and the tests may run. They and their processes do not see a broker that
// the environment names.
func Main(programs map[string]func()) {
	_ = os.Unsetenv("BMQ_BROKER_URI") // it fails for malformed names only
	if main, ok := programs[os.Getenv(envProgram)]; ok {
		main()
		os.Exit(0)
	}
}

// Program returns a command that runs one of the programs that the test gave to Main:
// the test's own executable once more.
func Program(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	// The race detector would have each process wait for a second at its end.
	cmd.Env = append(os.Environ(), envProgram+"="+name, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// Process is a process that runs until the test ends, or sooner.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser

	mu      sync.Mutex
	out     []string // lines of stdout
	next    int      // of those that Line was not asked for yet
	errs    bytes.Buffer
	changed chan struct{} // closed at the next line, or the end
	ended   bool          // stdout is
	exited  chan struct{} // closed when the process is gone
}

// Start starts a process. It is killed when the test ends.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, changed: make(chan struct{}), exited: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin, cmd.Stderr = stdin, (*stderrOf)(p)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stdout)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		<-p.exited
		if t.Failed() {
			t.Logf("process %s\n%s", strings.Join(cmd.Args, " "), p.transcript())
		}
	})
	return p
}

// stderrOf keeps what a process writes to stderr.
type stderrOf Process

func (p *stderrOf) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.Write(b)
}

// read takes the lines of stdout, then waits for the end of the process.
func (p *Process) read(stdout io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		p.mu.Lock()
		p.out = append(p.out, lines.Text())
		p.announce()
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // Exit asks for the code
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.announce()
}

func (p *Process) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Stdin is where the process reads from.
func (p *Process) Stdin() io.WriteCloser { return p.stdin }

// Line returns the next line that the process writes to stdout. It fails the test if
// there is none within Timeout, or no more at all.
func (p *Process) Line() string {
	p.t.Helper()
	line, err := p.line(time.NewTimer(Timeout).C)
	if err != nil {
		p.t.Fatalf("waiting for a line of %s: %v", p.cmd.Args[0], err)
	}
	return line
}

// Rest returns the next line of a process that has ended, io.EOF after the last one.
func (p *Process) Rest() (string, error) {
	p.t.Helper()
	p.Exit()
	return p.line(nil)
}

// Await returns the next line that contains text.
func (p *Process) Await(text string) string {
	p.t.Helper()
	timeout := time.NewTimer(Timeout).C
	for {
		line, err := p.line(timeout)
		if err != nil {
			p.t.Fatalf("waiting for a line with %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return line
		}
	}
}

func (p *Process) line(timeout <-chan time.Time) (string, error) {
	for {
		p.mu.Lock()
		if p.next < len(p.out) {
			line := p.out[p.next]
			p.next++
			p.mu.Unlock()
			return line, nil
		}
		ended, changed := p.ended, p.changed
		p.mu.Unlock()
		if ended {
			return "", io.EOF
		}
		select {
		case <-changed:
		case <-timeout:
			return "", errors.New("nothing came in time")
		}
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("signalling %s: %v", p.cmd.Args[0], err)
	}
}

// Kill ends the process without any chance to clean up, and waits until it is gone.
func (p *Process) Kill() {
	p.t.Helper()
	p.Signal(os.Kill)
	p.Exit()
}

// Exit waits for the process to end and returns its exit code, -1 if a signal ended
// it.
func (p *Process) Exit() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(Timeout):
		p.t.Fatalf("%s did not end within %v", p.cmd.Args[0], Timeout)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stdout returns all that the process has written to stdout, Stderr to stderr.
func (p *Process) Stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.out, "\n")
}

// Stderr returns all that the process has written to stderr.
func (p *Process) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.String()
}

// transcript is the end of what a process wrote.
func (p *Process) transcript() string {
	const most = 4 << 10
	tail := func(s string) string { return s[max(0, len(s)-most):] }
	return "stdout:\n" + tail(p.Stdout()) + "\nstderr:\n" + tail(p.Stderr())
}
