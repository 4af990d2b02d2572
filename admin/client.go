package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// DefaultTimeout is how long a command may take where the context says nothing.
	DefaultTimeout = 30 * time.Second

	envBrokerURI = "BMQ_BROKER_URI"
)

// Client runs commands on one broker. It may be used by any number of goroutines. It
// holds no connection: each command has its own, so that there is nothing to close and
// nothing that breaks when the broker restarts.
type Client struct {
	address    string
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	name       string
	credential *credential
}

type credential struct {
	mechanism string
	data      []byte
}

// Option is an option of New.
type Option func(*Client)

// WithDialer sets how connections are made, for instance with TLS or in memory. Default
// a net.Dialer.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(c *Client) {
		if dial != nil {
			c.dial = dial
		}
	}
}

// WithCredential makes the client authenticate, for instance with the mechanism "BASIC"
// and "user:password". Default: it does not, which brokers take for anonymous.
func WithCredential(mechanism string, data []byte) Option {
	return func(c *Client) { c.credential = &credential{mechanism, data} }
}

// WithProcessName sets the name by which the broker knows this process. Default
// os.Args[0].
func WithProcessName(name string) Option {
	return func(c *Client) { c.name = name }
}

// New returns a client of the broker at tcp://host:port, maybe with a slash at the end. As
// for sessions, the environment variable BMQ_BROKER_URI stands in its place where it is
// set. New does not connect.
func New(brokerURI string, opts ...Option) (*Client, error) {
	origin := ""
	if env := os.Getenv(envBrokerURI); env != "" {
		brokerURI, origin = env, " (from the environment variable "+envBrokerURI+")"
	}
	address, ok := wire.BrokerAddress(brokerURI)
	if !ok {
		return nil, fmt.Errorf("admin: broker URI %q%s is not of the form tcp://host:port", brokerURI, origin)
	}
	c := &Client{address: address, dial: new(net.Dialer).DialContext}
	if len(os.Args) > 0 {
		c.name = os.Args[0]
	}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	return c, nil
}

// Run runs any command and returns what the broker says to it: HELP lists what there
// is. A command that the broker can't read is a *CommandError. Each command has to be
// answered before ctx ends, and within DefaultTimeout if ctx has no end.
func (c *Client) Run(ctx context.Context, command string) (string, error) {
	if c.dial == nil {
		return "", errors.New("admin: this Client was not made by New")
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	conn, err := c.dial(ctx, "tcp", c.address)
	if err != nil {
		return "", fmt.Errorf("admin: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // what it interrupts has its own error
	text, err := c.converse(conn, command)
	if !stop() {
		err = ctx.Err() // of which the other one is a consequence
	}
	err = errors.Join(err, ignoreClosed(conn.Close()))
	if err != nil {
		return "", fmt.Errorf("admin: %s: %w", command, err)
	}
	if strings.HasPrefix(text, undecodable) {
		return "", &CommandError{Command: command, Text: text}
	}
	return text, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
