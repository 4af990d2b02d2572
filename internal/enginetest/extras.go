package enginetest

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq"
)

var extras = chapter("extras",
	Behaviour{Name: "health-asks-the-broker", Run: healthAsks},
	Behaviour{Name: "statistics-count", Run: statisticsCount},
	Behaviour{Name: "a-tracer-sees-operations", Run: tracerSees},
	Behaviour{Name: "a-dialer-makes-the-connections", Needs: Portable, Run: dialerUsed},
	Behaviour{Name: "uris-are-taken-apart-and-put-together", Run: urisParse},
	Behaviour{Name: "guids-are-read-and-written", Run: guidsParse},
	Behaviour{Name: "an-old-broker-is-spoken-to", Needs: OldBroker, Broker: &BrokerConfig{Old: true}, Run: oldBroker},
	Behaviour{Name: "sessions-do-not-mind-each-other", Ref: "4/63", Run: manySessions},
)

func healthAsks(e *Env) {
	c := e.client()
	e.NoError(c.Health(e.soon()))
	c.lose()
	e.Error(c.Health(e.within(brief)))
	e.False(c.Stats().Connected)
	healthy := make(chan error, 1)
	go func() { healthy <- c.Health(e.soon()) }()
	c.restore()
	e.NoError(<-healthy)
	e.True(c.Stats().Connected)
}

func statisticsCount(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.post(uri, "a", "b", "c")
	for _, m := range c.awaitMessages(3)[:2] {
		e.NoError(m.Confirm())
	}
	c.awaitAcks(3)
	c.stop()
	st := c.Stats()
	e.Equal(e.engine, st.Engine)
	e.EqualValues(1, st.Connects)
	e.EqualValues(3, st.MessagesPosted)
	e.EqualValues(3, st.MessagesReceived)
	e.EqualValues(3, st.Acks)
	e.Zero(st.Nacks)
	e.EqualValues(2, st.Confirms)
	e.Zero(st.Retransmitted)
	e.Positive(st.BytesIn)
	e.Positive(st.BytesOut)
	e.Positive(st.EventsIn)
	e.False(st.Connected)
	e.Zero(st.PendingMessages)
	e.Zero(st.WaitingEvents)
}

// spans notes the operations of a session.
type spans struct {
	mu   sync.Mutex
	list []string
}

func (s *spans) StartSpan(ctx context.Context, name, uri string) (context.Context, bmq.Span) {
	return ctx, spanOf{s, name, uri}
}

type spanOf struct {
	s         *spans
	name, uri string
}

func (sp spanOf) End(err error) {
	sp.s.mu.Lock()
	defer sp.s.mu.Unlock()
	text := sp.name
	if sp.uri != "" {
		text += " of a queue"
	}
	if err != nil {
		text += " failed"
	}
	sp.s.list = append(sp.s.list, text)
}

func tracerSees(e *Env) {
	s := &spans{}
	c := e.client(bmq.WithTracer(s))
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead())
	c.configure(uri, limit(2))
	c.closeQueue(uri)
	e.Error(c.CloseQueue(e.soon(), uri))
	c.stop()
	e.Equal([]string{
		"bmq.session.start", "bmq.queue.open of a queue", "bmq.queue.configure of a queue", "bmq.queue.close of a queue",
		"bmq.queue.close of a queue failed", "bmq.session.stop",
	}, s.list)
}

func dialerUsed(e *Env) {
	var dialed atomic.Int32
	c := e.client(bmq.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}))
	e.EqualValues(1, dialed.Load())
	c.reconnect()
	e.EqualValues(2, dialed.Load())
}

func urisParse(e *Env) {
	for text, want := range map[string]bmq.URI{
		"bmq://d.e/q":            {Domain: "d.e", Queue: "q"},
		"bmq://d/q-1_2.3":        {Domain: "d", Queue: "q-1_2.3"},
		"bmq://d.~tier/q?id=app": {Domain: "d", Tier: "tier", Queue: "q", AppID: "app"},
	} {
		u, err := bmq.ParseURI(text)
		e.NoError(err)
		e.Equal(want, u)
		e.Equal(text, u.String())
	}
	u, err := bmq.ParseURI("bmq://d/q?id=app")
	e.NoError(err)
	e.Equal("bmq://d/q", u.Canonical())
	_, err = bmq.ParseURI("bmq://d")
	e.ErrorIs(err, bmq.ErrInvalidURI)
}

func guidsParse(e *Env) {
	const text = "0123456789ABCDEF0123456789ABCDEF"
	g, err := bmq.ParseMessageGUID(text)
	e.NoError(err)
	e.Equal(text, g.String())
	e.False(g.IsZero())
	e.True(bmq.MessageGUID{}.IsZero())
	for _, bad := range []string{"", text[1:], text + "0", "x" + text[1:]} {
		_, err := bmq.ParseMessageGUID(bad)
		e.Error(err, bad)
	}
}

// oldBroker: properties go in the old style, consumers are configured in the old way.
func oldBroker(e *Env) {
	uri, fan := e.queue(memoryPriority), e.queue(memoryFanout)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	large := strings.Repeat("compress me ", 600)
	p := bmq.PropertyValueDict{"text": "t", "number": int64(1)}
	for _, a := range []bmq.CompressionAlgorithmType{bmq.CompressionNone, bmq.CompressionZLIB} {
		_, err := c.PostAndWait(e.soon(), uri, []byte(large), bmq.WithProperties(p), bmq.WithCompression(a))
		e.NoError(err)
	}
	for _, m := range c.awaitPayloads(large, large) {
		e.Equal(p, m.Properties())
		e.NoError(m.Confirm())
	}
	c.configure(uri, bmq.Paused())
	c.deliver(uri, "late")
	e.reader(uri).awaitPayloads("late")

	c.open(fan, bmq.WithWrite())
	c.open(app(fan, "foo"), bmq.WithRead())
	c.open(app(fan, "bar"), bmq.WithRead())
	c.deliver(fan, "x")
	uris := []string{c.awaitMessages(4)[2].QueueURI, c.messages()[3].QueueURI}
	e.ElementsMatch([]string{app(fan, "foo"), app(fan, "bar")}, uris)
	c.reconnect()
	c.closeQueue(app(fan, "foo"))
}

func manySessions(e *Env) {
	const n = 10
	uri := e.queue(memoryBroadcast)
	var list []*client
	for range n {
		list = append(list, e.reader(uri))
	}
	w := e.writer(uri)
	w.deliver(uri, "to all")
	for i, c := range list {
		c.awaitPayloads("to all")
		if i%2 == 0 {
			c.stop()
		}
	}
	w.deliver(uri, "to half")
	for i, c := range list {
		if i%2 == 1 {
			c.awaitPayloads("to all", "to half")
		}
	}
	start := time.Now()
	for _, c := range list {
		c.stop()
	}
	e.Less(time.Since(start), patience)
}
