package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/bmq-go/bmq/internal/ports"
)

// maxConnections is how many clients there may be at once.
const maxConnections = 10_000

// errRunning is returned when a broker that listens is asked to.
var errRunning = errors.New("broker: it is running already")

// Listen serves clients at a TCP address; port 0 takes a free one. It returns at
// once. Restart takes the same port again.
func (b *Broker) Listen(address string) error {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	address, port := ports.Reserve(address)
	err := b.listenWith(func() (net.Listener, error) {
		l, err := net.Listen("tcp", address)
		if err == nil {
			taken := l.Addr().String()
			address = taken
			b.address.Store(&taken)
			if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
				b.log.Warn("the broker does not listen on loopback: everybody who can reach this machine can use it", slog.String("address", taken))
			}
		}
		return l, err
	})
	if err == nil {
		b.port = port
	} else if port != nil {
		_ = port.Close() // it was for nothing
	}
	return err
}

// ListenIn serves clients on a network inside the process. It returns at once.
func (b *Broker) ListenIn(n *MemoryNetwork) error {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	return b.listenWith(n.Listen)
}

func (b *Broker) listenWith(listen func() (net.Listener, error)) error {
	l, err := listen()
	if err != nil {
		return err
	}
	if err := b.Serve(l); err != nil {
		return errors.Join(err, l.Close())
	}
	b.listen = listen
	return nil
}

// Address returns the host and port of Listen; it is empty before.
func (b *Broker) Address() string {
	if a := b.address.Load(); a != nil {
		return *a
	}
	return ""
}

// URI returns what clients connect to, tcp://host:port.
func (b *Broker) URI() string {
	return "tcp://" + strings.Replace(b.Address(), "[::]", "localhost", 1)
}

// Running tells whether the broker listens.
func (b *Broker) Running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listener != nil
}

// Serve accepts connections from l until the broker is stopped. It returns at once.
func (b *Broker) Serve(l net.Listener) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener != nil {
		return errRunning
	}
	b.down.Store(false)
	b.listener, b.closing, b.accepting = l, make(chan struct{}), make(chan struct{})
	go b.accept(l, b.closing, b.accepting)
	return nil
}

func (b *Broker) accept(l net.Listener, closing <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	var pause time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			b.start(nc)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// Too many open files, for instance: others have to go first.
			pause = min(max(2*pause, time.Millisecond), time.Second)
			b.log.Warn("a connection can't be accepted", slog.Any("reason", err))
			select {
			case <-time.After(pause):
			case <-closing:
			}
		}
	}
}

// start serves a new connection.
func (b *Broker) start(nc net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping() || len(b.conns) >= maxConnections {
		_ = nc.Close()
		return
	}
	b.lastConn++
	c := &conn{
		broker: b, id: b.lastConn, peer: nc.RemoteAddr().String(), net: nc, out: newOutput(&b.unsent),
		ended: make(chan struct{}), done: make(chan struct{}),
	}
	c.out.hold(b.holdAcks)
	b.conns[c] = struct{}{}
	go c.serve()
}

func (b *Broker) forget(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

// Stop shuts the broker down: it takes no new connections, writes what is ready to
// be written and closes all connections. When ctx ends it waits no longer for
// clients to read. The messages stay for a Restart.
func (b *Broker) Stop(ctx context.Context) error {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	return b.stop(ctx)
}

func (b *Broker) stop(ctx context.Context) error {
	conns := b.shut()
	for _, c := range conns {
		c.finish()
	}
	var err error
	for _, c := range conns {
		select {
		case <-c.done:
		case <-ctx.Done():
			err = ctx.Err()
			c.close()
			<-c.done
		}
	}
	b.quiet()
	return err
}

// Kill drops all connections without a word, as the end of the process would. The
// messages stay for a Restart.
func (b *Broker) Kill() {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	conns := b.shut()
	for _, c := range conns {
		c.close()
	}
	for _, c := range conns {
		<-c.done
	}
	b.quiet()
}

// errNeverListened is returned when a broker is to go on with what it never did.
var errNeverListened = errors.New("broker: it can't be restarted before it listened")

// Restart starts the broker again where it listened, after Stop or Kill; a broker
// that runs is stopped first, for which ctx is.
func (b *Broker) Restart(ctx context.Context, keep Keep) error {
	b.lifecycle.Lock()
	defer b.lifecycle.Unlock()
	if b.listen == nil {
		return errNeverListened
	}
	if b.Running() {
		if err := b.stop(ctx); err != nil {
			return err
		}
	}
	b.Forget(keep)
	return b.listenWith(b.listen)
}

// shut stops listening and returns the connections there are.
func (b *Broker) shut() []*conn {
	b.mu.Lock()
	b.down.Store(true)
	l, closing, accepting := b.listener, b.closing, b.accepting
	b.listener = nil
	b.mu.Unlock()
	if l != nil {
		close(closing)
		_ = l.Close()
		<-accepting
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	return conns
}

// quiet stops the timers of the queues.
func (b *Broker) quiet() {
	for _, d := range b.allDomains() {
		for _, q := range d.list() {
			q.lock()
			q.stopTimers()
			q.unlock()
		}
	}
}

// Keep says which messages survive a restart.
type Keep uint8

const (
	// KeepPersistent keeps the messages of persistent domains, as the official broker
	// does.
	KeepPersistent Keep = iota
	// KeepAll keeps all messages.
	KeepAll
	// KeepNone keeps no message.
	KeepNone
)

// Forget makes a broker that was stopped what it would be after a restart of its
// process: consumers' attempts are forgotten, and messages unless they are kept.
func (b *Broker) Forget(keep Keep) {
	b.mu.Lock()
	for _, config := range b.config.Domains {
		if b.domains[config.Name] == nil { // it was removed
			b.domains[config.Name] = newDomain(b, config)
		}
	}
	b.mu.Unlock()
	for _, d := range b.allDomains() {
		d.revive()
		kept := keep == KeepAll || keep == KeepPersistent && d.config().Persistent
		for _, q := range d.list() {
			q.restart(kept)
		}
		if !kept {
			d.clear()
		}
	}
}
