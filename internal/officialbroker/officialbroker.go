// Package officialbroker runs the official broker, for tests that compare with it and
// for measurements: a cluster of one node in a process of its own, on a free port of
// the loopback interface, with its files in a folder of its own.
//
// Its program is the one that the environment variable BMQBRKR names, or bmqbrkr.tsk
// or bmqbrkr on PATH.
package officialbroker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/ports"
	"github.com/bmq-go/bmq/sessionevents"
)

// programVariable names the official broker's program.
const programVariable = "BMQBRKR"

// Config is what the broker has besides its defaults.
type Config struct {
	// Domains are there besides those of an embedded broker without a configuration.
	Domains []bmqtest.Domain
	// Heartbeats is how often the broker and its clients look for each other, and how
	// many silent times in a row end the connection; 0 for never.
	Heartbeats       time.Duration
	MissedHeartbeats int
	// Users may log in, by name and password; then nobody may stay anonymous.
	Users map[string]string
}

func program() (path string, err error) {
	if name := os.Getenv(programVariable); name != "" {
		return exec.LookPath(name)
	}
	for _, name := range []string{"bmqbrkr.tsk", "bmqbrkr"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	return path, err
}

// Missing says why there is no official broker here, or nothing.
func Missing() string {
	if !processControl {
		return "processes are controlled on Linux only"
	}
	if _, err := program(); err != nil {
		return fmt.Sprintf("neither does %s name the program of the official broker, nor is bmqbrkr.tsk or bmqbrkr on PATH", programVariable)
	}
	return ""
}

// Broker is an official broker in a process of its own, which ends with this one. One
// goroutine at a time may call its methods.
type Broker struct {
	config Config
	dirs   dirs
	port   int
	held   io.Closer // the port, also while the process does not run
	cmd    *exec.Cmd
	exited chan struct{}
	asked  bool // to end
}

const (
	// patience is how long the broker may take to start or to end.
	patience = time.Minute
	// outputTail is how much of the broker's last words is shown.
	outputTail = 4 << 10
)

// Start runs an official broker until Close. It answers when Start returns.
func Start(c Config) (*Broker, error) {
	root, err := os.MkdirTemp("", "bmq-official-broker-")
	if err != nil {
		return nil, err
	}
	b := &Broker{config: c, dirs: dirs{root}}
	if err := b.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("the official broker does not start: %w\n%s", err, b.lastWords()), b.remove())
	}
	return b, nil
}

// remove lets go of all but the process.
func (b *Broker) remove() error {
	err := os.RemoveAll(b.dirs.root)
	if b.held != nil {
		err = errors.Join(err, b.held.Close())
	}
	return err
}

// ForTest runs an official broker until the test ends. Where there is none the test is
// skipped.
func ForTest(t testing.TB, c Config) *Broker {
	t.Helper()
	if why := Missing(); why != "" {
		t.Skip("no official broker: " + why)
	}
	b, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if why := b.Failed(); why != "" {
			t.Error(why)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// begin chooses a port and starts the broker for the first time.
func (b *Broker) begin() error {
	var err error
	if b.port, b.held, err = ports.Free(); err != nil {
		return err
	}
	if err := writeConfig(b.dirs, b.port, b.config); err != nil {
		return err
	}
	return b.Restart()
}

// Restart starts the broker again after Kill or Terminate, with what it stored, and
// waits until it answers.
func (b *Broker) Restart() error {
	path, err := program()
	if err != nil {
		return err
	}
	output, err := os.OpenFile(b.dirs.output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // the process has its own
	cmd, exited := exec.Command(path, b.dirs.etc()), make(chan struct{})
	cmd.Dir, cmd.Env = b.dirs.root, append(os.Environ(), "BMQ_PREFIX="+b.dirs.root+"/")
	cmd.Stdout, cmd.Stderr = output, output
	own(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	b.cmd, b.exited, b.asked = cmd, exited, false
	go func() {
		defer close(exited)
		_ = cmd.Wait() // how it ended is in its state
	}()
	if err := b.answers(); err != nil {
		b.Kill()
		return err
	}
	return nil
}

// answers waits until a queue can be opened.
func (b *Broker) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exited := b.exited
	go func() {
		select {
		case <-exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	opts := []bmq.Option{bmq.WithEngine(bmq.EnginePortable), bmq.WithBroker(b.URI()), bmq.WithLogger(slog.New(slog.DiscardHandler))}
	if len(b.config.Users) > 0 {
		opts = append(opts, bmq.WithAuthnCredentialProvider(b.credential))
	}
	s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, opts...)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.OpenQueue(ctx, "bmq://"+b.config.domains()[0].Name+"/ready", bmq.WithWrite())
}

func (b *Broker) credential(context.Context) (bmq.AuthnCredential, error) {
	for name, password := range b.config.Users {
		return bmq.AuthnCredential{Mechanism: bmq.MechanismBasic, Data: []byte(name + ":" + password)}, nil
	}
	return bmq.AuthnCredential{}, errors.New("there are no users")
}

// Address is the broker's host and port, URI what clients connect to.
func (b *Broker) Address() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// URI is what clients connect to: tcp://host:port.
func (b *Broker) URI() string { return "tcp://" + b.Address() }

// Kill ends the broker's process at once. It can be restarted.
func (b *Broker) Kill() {
	b.asked = true
	signalGroup(b.cmd, signalKill)
	<-b.exited
}

// Terminate asks the broker to end, and waits until it did. It can be restarted.
func (b *Broker) Terminate() error {
	b.asked = true
	signalGroup(b.cmd, signalTerminate)
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case <-b.exited:
		return nil
	case <-over.C:
		b.Kill()
		return errors.New("the official broker does not end when it is asked to")
	}
}

// Freeze keeps the broker from doing anything until Thaw.
func (b *Broker) Freeze() error {
	signalGroup(b.cmd, signalFreeze)
	over := time.NewTimer(patience)
	defer over.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !frozen(b.cmd.Process.Pid) {
		select {
		case <-look.C:
		case <-over.C:
			return errors.New("the official broker does not freeze")
		}
	}
	return nil
}

// Thaw lets a frozen broker go on.
func (b *Broker) Thaw() { signalGroup(b.cmd, signalThaw) }

// Failed says how the broker ended by itself, or nothing.
func (b *Broker) Failed() string {
	select {
	case <-b.exited:
	default:
		return ""
	}
	if b.asked {
		return ""
	}
	return fmt.Sprintf("the official broker ended: %v\n%s", b.cmd.ProcessState, b.lastWords())
}

func (b *Broker) lastWords() []byte {
	output, _ := os.ReadFile(b.dirs.output()) // there may be none yet
	return output[max(0, len(output)-outputTail):]
}

// Close ends the broker, if it runs, and removes its files.
func (b *Broker) Close() error {
	b.Kill()
	return b.remove()
}
