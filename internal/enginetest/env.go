package enginetest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/stretchr/testify/require"
)

// Env is what a behaviour has: a broker, proxies to it, and the sessions that it
// makes, which end with it.
type Env struct {
	*require.Assertions
	t      *testing.T
	engine bmq.EngineKind
	kind   brokerKind
	broker broker
	own    broker // to be ended
	proxy  *proxy
	ctx    context.Context // of the whole behaviour
	cancel context.CancelFunc

	mu      sync.Mutex
	proxies []*proxy
	clients []*client
}

// wholePatience is how long one behaviour may take altogether, however often it is
// asked to do something. No single step takes longer than patience.
const wholePatience = time.Hour

func newEnv(t *testing.T, engine bmq.EngineKind, kind brokerKind) *Env {
	ctx, cancel := context.WithTimeout(context.Background(), wholePatience)
	return &Env{Assertions: require.New(t), t: t, engine: engine, kind: kind, ctx: ctx, cancel: cancel}
}

func (e *Env) useBroker(b broker) {
	e.broker = b
	e.proxy = e.newProxy()
}

// newProxy makes another way to the broker.
func (e *Env) newProxy() *proxy {
	p := newProxy(e.t, e.broker.address)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.proxies = append(e.proxies, p)
	return p
}

// close ends everything that the behaviour began, and checks what holds for every
// session.
func (e *Env) close() {
	defer e.cancel()
	defer func() {
		if e.own != nil {
			e.own.close()
		}
	}()
	defer func() {
		for _, p := range e.proxies {
			p.close()
		}
	}()
	if why := e.broker.failed(); why != "" {
		e.t.Error(why)
	}
	for _, p := range e.proxies {
		p.resume()
	}
	for _, c := range e.clients {
		c.finish()
	}
	if e.t.Failed() {
		for _, c := range e.clients {
			e.t.Logf("%s: %v", c.name, &c.log)
		}
		return
	}
	for _, c := range e.clients {
		c.audit()
	}
	for _, p := range e.proxies {
		e.eventually("no connection is left", func() bool { return p.connections() == 0 })
	}
}

// soon is a context for one step that should succeed.
func (e *Env) soon() context.Context {
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	context.AfterFunc(e.ctx, cancel)
	return ctx
}

// within is a context that ends soon.
func (e *Env) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(e.ctx, d)
	context.AfterFunc(e.ctx, cancel)
	return ctx
}

// await waits for a channel to be closed.
func (e *Env) await(c <-chan struct{}, what string) {
	e.t.Helper()
	select {
	case <-c:
	case <-e.soon().Done():
		e.FailNow("waited in vain", what)
	}
}

// eventually waits for a condition that nobody announces.
func (e *Env) eventually(what string, cond func() bool) {
	e.t.Helper()
	e.True(poll(patience, cond), "waited in vain: %s", what)
}

// ends fails if f does not return.
func (e *Env) ends(what string, f func()) {
	e.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	e.await(done, what)
}

// serial makes names unique in this process; runs of several processes meet no broker
// but their own.
var serial atomic.Int64

// queue returns the URI of a queue of a domain that nobody else uses.
func (e *Env) queue(domain string) string {
	return fmt.Sprintf("bmq://%s/q%d-%d", domain, serial.Add(1), time.Now().UnixNano()%1e9)
}

// app adds an application id to a queue's URI.
func app(uri, id string) string { return uri + "?id=" + id }

// quiet is the logger of sessions whose log nobody looks at.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// start makes a session that is not looked after: the behaviour is about starting, or
// about what becomes of it.
func (e *Env) start(ctx context.Context, onEvent bmq.OnSessionEvent, opts ...bmq.Option) (*bmq.Session, error) {
	return bmq.NewSession(ctx, onEvent, append(e.options(), opts...)...)
}

// stop ends such a session.
func (e *Env) stop(s *bmq.Session) {
	e.t.Helper()
	e.NoError(s.Stop(e.soon()))
}

func (e *Env) options() []bmq.Option {
	return []bmq.Option{bmq.WithEngine(e.engine), bmq.WithBroker(e.proxy.uri()), bmq.WithLogger(quiet)}
}
