package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Broker is an embedded broker. Its methods may be called from any goroutine.
type Broker struct {
	config   Config
	log      *slog.Logger
	clock    *Clock
	started  time.Time
	hostName string

	mu           sync.Mutex
	domains      map[string]*domain
	redirects    map[string]string
	listener     net.Listener
	accepting    chan struct{} // closed when the accept loop has ended
	conns        map[*conn]struct{}
	lastConn     int
	lastGUIDs    int
	holdAcks     bool
	faults       faults
	maxBroadcast int64
	maxEvent     int
	down         atomic.Bool // stopping or stopped: no client is to blame for its end
}

// New makes a broker that does not listen yet.
func New(config Config) (*Broker, error) {
	b := &Broker{
		config:       config.withDefaults(),
		clock:        NewClock(),
		domains:      make(map[string]*domain),
		redirects:    config.Redirects,
		conns:        make(map[*conn]struct{}),
		maxBroadcast: maxBroadcast,
		maxEvent:     maxEvent,
	}
	b.log = b.config.Logger
	b.started = b.clock.Now()
	b.hostName, _ = os.Hostname()
	for _, d := range b.config.Domains {
		if err := d.validate(); err != nil {
			return nil, err
		}
		if b.domains[d.Name] != nil {
			return nil, fmt.Errorf("broker: domain %q is there twice", d.Name)
		}
		b.domains[d.Name] = newDomain(b, d)
	}
	return b, nil
}

// Clock returns the broker's clock.
func (b *Broker) Clock() *Clock { return b.clock }

// now is the time since the broker was made.
func (b *Broker) now() time.Duration { return b.clock.Now().Sub(b.started) }

func (b *Broker) stopping() bool { return b.down.Load() }

func (b *Broker) logFor(level slog.Level, client, msg string, args ...any) {
	b.log.Log(context.Background(), level, msg, append(args, slog.String("client", client))...)
}

// maxConnections is how many clients there may be at once.
const maxConnections = 10_000

// errRunning is returned when a broker that listens is asked to.
var errRunning = errors.New("broker: it is running already")

// Serve accepts connections from l until the broker is stopped. It returns at once.
func (b *Broker) Serve(l net.Listener) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener != nil {
		return errRunning
	}
	b.down.Store(false)
	b.listener, b.accepting = l, make(chan struct{})
	go b.accept(l, b.accepting)
	return nil
}

func (b *Broker) accept(l net.Listener, done chan struct{}) {
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
			time.Sleep(pause)
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
		broker: b, id: b.lastConn, peer: nc.RemoteAddr().String(), net: nc, out: newOutput(),
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
// clients to read. The messages stay: Serve goes on with them.
func (b *Broker) Stop(ctx context.Context) error {
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

// Kill drops all connections without a word, as the end of the process would.
func (b *Broker) Kill() {
	conns := b.shut()
	for _, c := range conns {
		c.close()
	}
	for _, c := range conns {
		<-c.done
	}
	b.quiet()
}

// shut stops listening and returns the connections there are.
func (b *Broker) shut() []*conn {
	b.mu.Lock()
	b.down.Store(true)
	l, accepting := b.listener, b.accepting
	b.listener = nil
	b.mu.Unlock()
	if l != nil {
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
	for _, d := range b.allDomains() {
		kept := keep == KeepAll || keep == KeepPersistent && d.config().Persistent
		for _, q := range d.list() {
			q.restart(kept)
		}
		if !kept {
			d.clear()
		}
	}
}

func (b *Broker) allDomains() []*domain {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*domain, 0, len(b.domains))
	for _, d := range b.domains {
		list = append(list, d)
	}
	slices.SortFunc(list, func(x, y *domain) int { return strings.Compare(x.name, y.name) })
	return list
}

// domainFor returns the domain that a URI names. A redirection leads to another
// one, but not further.
func (b *Broker) domainFor(name string) (*domain, *ctrl.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if to, ok := b.redirects[name]; ok {
		if _, again := b.redirects[to]; again {
			return nil, status(ctrl.StatusUnknown, codeRedirects,
				fmt.Sprintf("Too many redirections for domain '%s'", name))
		}
		name = to
	}
	if d := b.domains[name]; d != nil {
		return d, nil
	}
	return nil, status(ctrl.StatusUnknown, codeUnknown,
		fmt.Sprintf("Domain file '%s/%s.json' doesn't exist", b.config.DomainsDir, name))
}

// codeRedirects is the official broker's code for too many redirections.
const codeRedirects int32 = -3

// newGUIDs makes a generator of GUIDs for a queue.
func (b *Broker) newGUIDs() *wire.GUIDGenerator {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastGUIDs++
	return wire.NewGUIDGenerator(b.hostName, time.Now(), os.Getpid(), b.lastGUIDs)
}
