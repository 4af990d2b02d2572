package brokers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/bmq-go/bmq/admin"
)

// Broker is a broker in a process of its own.
type Broker struct {
	Name string
	URI  string

	cmd  *exec.Cmd
	stop func() error
}

// startSelf runs this program as a broker.
func startSelf(name, command string) (*Broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &Broker{Name: name, cmd: exec.Command(self, command)}
	b.cmd.Stderr = os.Stderr
	stdin, err := b.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the %s broker says nothing: %w", name, errors.Join(err, stdin.Close(), b.cmd.Wait()))
	}
	b.URI = strings.TrimSpace(line)
	b.stop = func() error { return errors.Join(stdin.Close(), b.cmd.Wait()) }
	return b, nil
}

// Embedded is the name of the embedded broker.
const Embedded = "embedded"

// Available returns the names of the brokers that clients can be measured with here.
func Available() []string {
	if officialProgram() == "" {
		return []string{Embedded}
	}
	return []string{Official, Embedded}
}

// Start runs one of them.
func Start(name string) (*Broker, error) {
	switch name {
	case Embedded:
		return startSelf(name, "embedded-broker")
	case Official:
		return startOfficial()
	}
	return nil, fmt.Errorf("there is no broker %q", name)
}

// StartNull runs the null broker.
func StartNull() (*Broker, error) { return startSelf("null", "null-broker") }

// Stop ends the broker.
func (b *Broker) Stop() error { return b.stop() }

// Purge empties queues, which takes time that should not be in anybody's measurement.
func (b *Broker) Purge(ctx context.Context, uris []string) error {
	if b.Name == "null" {
		return nil
	}
	c, err := admin.New(b.URI)
	if err != nil {
		return err
	}
	for _, uri := range uris {
		uri, _, _ = strings.Cut(uri, "?")
		if _, err := c.PurgeQueue(ctx, uri); err != nil {
			return fmt.Errorf("emptying %s: %w", uri, err)
		}
	}
	return nil
}
