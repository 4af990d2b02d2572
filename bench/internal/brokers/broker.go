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
	"github.com/bmq-go/bmq/internal/officialbroker"
)

// Broker is a broker in a process of its own.
type Broker struct {
	Name string
	URI  string

	stop func() error
}

// startSelf runs this program as a broker.
func startSelf(name, command string) (*Broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, command)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the %s broker says nothing: %w", name, errors.Join(err, stdin.Close(), cmd.Wait()))
	}
	stop := func() error { return errors.Join(stdin.Close(), cmd.Wait()) }
	return &Broker{Name: name, URI: strings.TrimSpace(line), stop: stop}, nil
}

// Embedded is the name of the embedded broker.
const Embedded = "embedded"

// Available returns the names of the brokers that clients can be measured with here.
func Available() []string {
	if officialbroker.Missing() != "" {
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
