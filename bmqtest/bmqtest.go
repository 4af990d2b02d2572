// Package bmqtest runs an embedded BlazingMQ broker for tests, demos and
// development.
//
//	func TestOrders(t *testing.T) {
//		broker := bmqtest.Start(t)
//		session, err := bmq.NewSession(t.Context(), onEvent, bmq.WithBroker(broker.URI()))
//		…
//	}
//
// The broker speaks the protocol over real connections, so that clients in any
// language can use it. It keeps everything in memory, is one process, and is no
// broker for production. docs/testing.md in this module shows tests with faults,
// with time that stands still, and in other languages.
package bmqtest

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
)

// TB is what Start needs of *testing.T, *testing.B and *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Broker is a running broker. Its methods may be called from any goroutine.
type Broker struct {
	core    *broker.Broker
	network *broker.MemoryNetwork // nil: TCP
}

// stopTimeout is how long Start's cleanup waits for clients to read what they were
// sent.
const stopTimeout = 5 * time.Second

// Start runs a broker until the test ends. A test fails at once if there can be
// none.
func Start(t TB, opts ...Option) *Broker {
	t.Helper()
	b, err := New(opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := b.Stop(ctx); err != nil {
			t.Logf("the broker did not stop in time: %v", err)
		}
	})
	return b
}

// New runs a broker until Stop or Kill.
func New(opts ...Option) (*Broker, error) {
	o := options{listen: "127.0.0.1:0"}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	core, err := broker.New(o.config)
	if err != nil {
		return nil, err
	}
	if logger := o.config.Logger; logger != nil {
		for _, w := range o.warnings {
			logger.Warn(w)
		}
	}
	b := &Broker{core: core}
	if o.memory {
		b.network = &broker.MemoryNetwork{}
		err = core.ListenIn(b.network)
	} else {
		err = core.Listen(o.listen)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// memoryURI is the URI of a broker on a memory network: well formed, and nothing
// that could be dialed by accident.
const memoryURI = "tcp://bmqtest.invalid:30114"

// URI returns what clients connect to: tcp://host:port.
func (b *Broker) URI() string {
	if b.network != nil {
		return memoryURI
	}
	return b.core.URI()
}

// DialContext connects to the broker, whatever the address. It has the form that
// custom dialers have, and is the only way to a broker with WithInMemoryNetwork.
func (b *Broker) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if b.network != nil {
		return b.network.DialContext(ctx)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", b.core.Address())
}

// Stop shuts the broker down gracefully: no new connections, what is ready is
// written, then all connections are closed. When ctx ends it waits no longer for
// clients to read. The broker can be restarted.
func (b *Broker) Stop(ctx context.Context) error { return b.core.Stop(ctx) }

// Kill drops all connections and stops listening, as the death of a broker's
// process would. The broker can be restarted.
func (b *Broker) Kill() { b.core.Kill() }

// Keep says which messages survive a restart.
type Keep = broker.Keep

const (
	// KeepPersistent keeps the messages of persistent domains only (bmq.test.mmap.*),
	// as the official broker does.
	KeepPersistent = broker.KeepPersistent
	// KeepAll keeps all messages.
	KeepAll = broker.KeepAll
	// KeepNone keeps no message.
	KeepNone = broker.KeepNone
)

// Restart starts the broker again, on the same port, after Stop or Kill; a broker
// that runs is stopped first. Messages that were delivered and not confirmed are
// delivered again, as if for the first time: a restarted broker does not know.
func (b *Broker) Restart(ctx context.Context, keep Keep) error { return b.core.Restart(ctx, keep) }

// Advance moves the broker's clock forward: messages expire, pauses end. The time
// of clients is their own. A negative d is an error, since time does not go back.
func (b *Broker) Advance(d time.Duration) error {
	if err := b.core.Clock().Advance(d); err != nil {
		return fmt.Errorf("bmqtest: %w", err)
	}
	return nil
}

// Admin runs a command of the official broker's administration, HELP for instance,
// and returns what it prints.
func (b *Broker) Admin(command string) string { return b.core.Admin(command) }
