package messaging_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/officialbroker"
	"github.com/bmq-go/bmq/sessionevents"
)

// patience is how long a test waits for what should happen.
const patience = 30 * time.Second

// unique makes a name of a queue that nobody else uses.
func unique(domain string) string { return "bmq://" + domain + "/" + rand.Text() }

const (
	priority  = "bmq.test.mem.priority"
	fanout    = "bmq.test.mem.fanout"
	broadcast = "bmq.test.mem.broadcast"
	single    = "bmq.test.mem.one"
)

// onBrokers runs a test for each broker.
func onBrokers(t *testing.T, test func(t *testing.T, uri string)) {
	domain := bmqtest.Domain{Name: single, MaxProducers: 1, MaxConsumers: 1}
	t.Run("embedded", func(t *testing.T) {
		test(t, bmqtest.Start(t, bmqtest.WithBuiltinDomains(), bmqtest.WithDomain(domain)).URI())
	})
	t.Run("official", func(t *testing.T) {
		test(t, officialbroker.ForTest(t, officialbroker.Config{Domains: []bmqtest.Domain{domain}}).URI())
	})
}

// peer is a plain session whose messages and events wait to be looked at.
type peer struct {
	*bmq.Session
	t        *testing.T
	messages chan *bmq.Message
	events   chan sessionevents.SessionEvent

	mu    sync.Mutex
	conns []net.Conn
}

func newPeer(t *testing.T, broker string, opts ...bmq.Option) *peer {
	t.Helper()
	p := &peer{t: t, messages: make(chan *bmq.Message, 10000), events: make(chan sessionevents.SessionEvent, 1000)}
	opts = append([]bmq.Option{
		bmq.WithBroker(broker), bmq.WithEngine(bmq.EnginePortable), bmq.WithDialer(p.dial), bmq.WithLogger(quiet),
		bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { p.messages <- m }),
	}, opts...)
	s, err := bmq.NewSession(t.Context(), func(e sessionevents.SessionEvent) { p.events <- e }, opts...)
	require.NoError(t, err)
	p.Session = s
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return p
}

var quiet = slog.New(slog.DiscardHandler)

func (p *peer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

// cut ends the connection and waits until the session has restored its state.
func (p *peer) cut(uris ...string) {
	p.t.Helper()
	p.mu.Lock()
	conn := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	require.NoError(p.t, conn.Close())
	awaitEvent[sessionevents.ConnectionLost](p)
	for range uris {
		awaitEvent[sessionevents.QueueReopened](p)
	}
}

func awaitEvent[E sessionevents.SessionEvent](p *peer) E {
	p.t.Helper()
	for {
		select {
		case e := <-p.events:
			if e, ok := e.(E); ok {
				return e
			}
		case <-time.After(patience):
			require.FailNow(p.t, "an event did not come")
		}
	}
}

// opens opens a queue.
func (p *peer) opens(uri string, opts ...bmq.OpenOption) {
	p.t.Helper()
	require.NoError(p.t, p.OpenQueue(p.t.Context(), uri, opts...))
}

// window are options for a reader that takes n messages at a time.
func window(n int) bmq.OpenOption {
	return bmq.WithQueueOptions(bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(n)})
}

// posts posts messages and waits until they are stored.
func (p *peer) posts(uri string, bodies ...string) {
	p.t.Helper()
	for _, body := range bodies {
		_, err := p.PostAndWait(p.t.Context(), uri, []byte(body))
		require.NoError(p.t, err)
	}
}

// gets returns the next message.
func (p *peer) gets() *bmq.Message {
	p.t.Helper()
	select {
	case m := <-p.messages:
		return m
	case <-time.After(patience):
		require.FailNow(p.t, "a message did not come")
		return nil
	}
}

// takes returns the bodies of the next n messages.
func (p *peer) takes(n int) (bodies []string, guids []bmq.MessageGUID) {
	p.t.Helper()
	for range n {
		m := p.gets()
		bodies, guids = append(bodies, string(m.Data)), append(guids, m.GUID)
	}
	return bodies, guids
}

// getsNothing checks that nothing has come, after a round trip to the broker behind which
// it would have come.
func (p *peer) getsNothing() {
	p.t.Helper()
	other := unique(priority)
	p.opens(other, bmq.WithWrite())
	require.NoError(p.t, p.CloseQueue(p.t.Context(), other))
	select {
	case m := <-p.messages:
		require.FailNow(p.t, "a message came", "%s", m.Data)
	default:
	}
}
