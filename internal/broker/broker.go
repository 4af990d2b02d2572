package broker

import (
	"context"
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

	lifecycle sync.Mutex // held while the broker is started or stopped
	listen    func() (net.Listener, error)
	address   atomic.Pointer[string]
	port      *os.File // keeps the port from others; nil: nothing does

	mu           sync.Mutex
	domains      map[string]*domain
	redirects    map[string]string
	listener     net.Listener
	closing      chan struct{} // closed when the accept loop is to end
	accepting    chan struct{} // closed when the accept loop has ended
	conns        map[*conn]struct{}
	lastConn     int
	lastGUIDs    int
	holdAcks     bool
	faults       faults
	maxBroadcast int64
	maxEvent     int
	unsent       budget      // for what connections have yet to read
	incoming     budget      // for large events that have come in part
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
	b.unsent.limit, b.incoming.limit = maxUnsent, maxIncoming
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

// Started is when the broker was made, by its clock.
func (b *Broker) Started() time.Time { return b.started }

// now is the time since the broker was made.
func (b *Broker) now() time.Duration { return b.clock.Now().Sub(b.started) }

func (b *Broker) stopping() bool { return b.down.Load() }

func (b *Broker) logFor(level slog.Level, client, msg string, args ...any) {
	b.log.Log(context.Background(), level, msg, append(args, slog.String("client", client))...)
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
