package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

// programVariable names the official broker's program.
const programVariable = "BMQBRKR"

var officialKind = brokerKind{
	name:     "official",
	missing:  officialMissing,
	process:  true,
	delicate: true,
	start:    startOfficial,
}

func officialProgram() (string, error) {
	if name := os.Getenv(programVariable); name != "" {
		return exec.LookPath(name)
	}
	return exec.LookPath("bmqbrkr")
}

func officialMissing() string {
	if !processControl {
		return "processes are controlled on Linux only"
	}
	if _, err := officialProgram(); err != nil {
		return fmt.Sprintf("neither does %s name the program of the official broker, nor is bmqbrkr on PATH", programVariable)
	}
	return ""
}

// official is an official broker in a process of its own.
type official struct {
	t      testing.TB
	dirs   officialDirs
	port   int
	config BrokerConfig
	cmd    *exec.Cmd
	exited chan struct{}
	asked  bool // to end
}

// portAttempts is how often a port may turn out to be taken.
const portAttempts = 3

func startOfficial(t testing.TB, c BrokerConfig) broker {
	o := &official{t: t, dirs: officialDirs{t.TempDir()}, config: c}
	var err error
	for range portAttempts {
		if err = o.begin(); err == nil {
			return o
		}
	}
	output, _ := os.ReadFile(o.dirs.output())
	require.NoError(t, err, "the official broker does not start: %s", output)
	return nil
}

// begin chooses a port and starts the broker for the first time.
func (o *official) begin() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	o.port = l.Addr().(*net.TCPAddr).Port
	if err := errors.Join(l.Close(), writeOfficialConfig(o.dirs, o.port, o.config)); err != nil {
		return err
	}
	return o.launch()
}

// launch starts the process and waits until it answers.
func (o *official) launch() error {
	program, err := officialProgram()
	if err != nil {
		return err
	}
	output, err := os.OpenFile(o.dirs.output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // the process has its own
	o.cmd = exec.Command(program, o.dirs.etc())
	o.cmd.Dir, o.cmd.Env = o.dirs.root, append(os.Environ(), "BMQ_PREFIX="+o.dirs.root+"/")
	o.cmd.Stdout, o.cmd.Stderr = output, output
	own(o.cmd)
	if err := o.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	o.exited, o.asked = exited, false
	go func() {
		defer close(exited)
		_ = o.cmd.Wait()
	}()
	if err := o.answers(); err != nil {
		o.kill()
		return err
	}
	return nil
}

// answers waits until a queue can be opened.
func (o *official) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	exited := o.exited
	go func() {
		select {
		case <-exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	opts := []bmq.Option{bmq.WithEngine(bmq.EnginePortable), bmq.WithBroker("tcp://" + o.address()), bmq.WithLogger(quiet)}
	if len(o.config.Users) > 0 {
		opts = append(opts, bmq.WithAuthnCredentialProvider(o.credential))
	}
	s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, opts...)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.OpenQueue(ctx, "bmq://"+memoryPriority+"/ready", bmq.WithWrite())
}

func (o *official) credential(context.Context) (bmq.AuthnCredential, error) {
	for name, password := range o.config.Users {
		return bmq.AuthnCredential{Mechanism: bmq.MechanismBasic, Data: []byte(name + ":" + password)}, nil
	}
	return bmq.AuthnCredential{}, errors.New("there are no users")
}

func (o *official) address() string { return fmt.Sprintf("127.0.0.1:%d", o.port) }

func (o *official) kill() {
	o.asked = true
	signalGroup(o.cmd, signalKill)
	<-o.exited
}

// terminate asks the broker to end. It may take its time for that.
func (o *official) terminate() {
	o.asked = true
	signalGroup(o.cmd, signalTerminate)
	over := time.NewTimer(2 * patience)
	defer over.Stop()
	select {
	case <-o.exited:
	case <-over.C:
		o.kill()
		require.Fail(o.t, "the official broker does not end when it is asked to")
	}
}

func (o *official) restart() { require.NoError(o.t, o.launch()) }

func (o *official) freeze() {
	signalGroup(o.cmd, signalFreeze)
	require.True(o.t, poll(patience, func() bool { return stopped(o.cmd.Process.Pid) }), "the broker does not freeze")
}

func (o *official) thaw() { signalGroup(o.cmd, signalThaw) }

// pass lets the broker's time pass: there is no other way than to wait.
func (o *official) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func (o *official) failed() string {
	select {
	case <-o.exited:
	default:
		return ""
	}
	if o.asked {
		return ""
	}
	output, _ := os.ReadFile(o.dirs.output())
	return fmt.Sprintf("the official broker ended: %v\n%s", o.cmd.ProcessState, output[max(0, len(output)-outputTail):])
}

// outputTail is how much of the broker's last words is shown.
const outputTail = 4 << 10

func (o *official) close() { o.kill() }
