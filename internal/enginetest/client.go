package enginetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// client is a session whose handlers note what they are called with.
type client struct {
	*bmq.Session
	e      *Env
	name   string
	proxy  *proxy
	log    timeline
	posts  atomic.Int64 // accepted, with an ack wanted
	ended  atomic.Bool  // Stop has returned
	failed bool         // Stop has failed, as it was expected to
}

// setup is how a client differs from others.
type setup struct {
	options   []bmq.Option
	proxy     *proxy // nil: that of the behaviour
	writer    bool   // there is no handler for messages
	pull      bool
	onMessage func(*client, *received) // called after it was noted
	onEvent   func(*client, sessionevents.SessionEvent)
}

// client makes a session with options.
func (e *Env) client(opts ...bmq.Option) *client { return e.clientWith(setup{options: opts}) }

// clientWith makes a session.
func (e *Env) clientWith(s setup) *client {
	e.t.Helper()
	c := e.newClient(&s)
	ready := make(chan struct{}) // handlers may use c.Session
	session, err := bmq.NewSession(e.soon(), func(ev sessionevents.SessionEvent) {
		c.log.add(entry{event: ev})
		if s.onEvent != nil {
			<-ready
			s.onEvent(c, ev)
		}
	}, c.options(&s)...)
	e.NoError(err)
	c.Session = session
	close(ready)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients = append(e.clients, c)
	return c
}

func (e *Env) newClient(s *setup) *client {
	if s.proxy == nil {
		s.proxy = e.proxy
	}
	return &client{e: e, name: fmt.Sprintf("session %d", len(e.clients)+1), proxy: s.proxy}
}

func (c *client) options(s *setup) []bmq.Option {
	opts := []bmq.Option{bmq.WithEngine(c.e.engine), bmq.WithBroker(s.proxy.uri()), bmq.WithLogger(quiet)}
	switch {
	case s.pull:
		opts = append(opts, bmq.WithPull())
	case !s.writer:
		opts = append(opts, bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
			r := &received{m, h}
			c.log.add(entry{received: r})
			if s.onMessage != nil {
				s.onMessage(c, r)
			}
		}))
	}
	return append(opts, s.options...)
}

// reader makes a session that reads one queue, writer one that posts to one.
func (e *Env) reader(uri string, opts ...bmq.OpenOption) *client {
	e.t.Helper()
	c := e.client()
	c.open(uri, append(opts, bmq.WithRead())...)
	return c
}

func (e *Env) writer(uri string) *client {
	e.t.Helper()
	c := e.clientWith(setup{writer: true})
	c.open(uri, bmq.WithWrite())
	return c
}

// open opens a queue.
func (c *client) open(uri string, opts ...bmq.OpenOption) {
	c.e.t.Helper()
	c.e.NoError(c.OpenQueue(c.e.soon(), uri, opts...))
}

func (c *client) configure(uri string, o bmq.QueueOptions, opts ...bmq.CallOption) {
	c.e.t.Helper()
	c.e.NoError(c.ConfigureQueue(c.e.soon(), uri, o, opts...))
}

func (c *client) closeQueue(uri string) {
	c.e.t.Helper()
	c.e.NoError(c.CloseQueue(c.e.soon(), uri))
}

// stop ends the session.
func (c *client) stop() {
	c.e.t.Helper()
	c.e.NoError(c.Stop(c.e.soon()))
	c.ended.Store(true)
}

// vanish ends the session without a word to the broker.
func (c *client) vanish() {
	c.e.t.Helper()
	c.proxy.isolate()
	c.stop()
}

// tryPost posts a message whose ack is noted.
func (c *client) tryPost(ctx context.Context, uri, payload string, opts ...bmq.PostOption) error {
	opts = append(opts, bmq.WithOnAck(func(a *bmq.Ack) { c.log.add(entry{answer: &answer{a, payload}}) }))
	err := c.Post(ctx, uri, []byte(payload), opts...)
	if err == nil {
		c.posts.Add(1)
	}
	return err
}

// post posts messages whose acks are noted.
func (c *client) post(uri string, payloads ...string) {
	c.e.t.Helper()
	for _, p := range payloads {
		c.e.NoError(c.tryPost(c.e.soon(), uri, p))
	}
}

// deliver posts messages one by one and waits for the broker to take each of them.
func (c *client) deliver(uri string, payloads ...string) {
	c.e.t.Helper()
	for _, p := range payloads {
		_, err := c.PostAndWait(c.e.soon(), uri, []byte(p))
		c.e.NoError(err)
	}
}

// until waits until cond holds for what was noted.
func (c *client) until(what string, cond func([]entry) bool) {
	c.e.t.Helper()
	if !c.log.until(c.e.soon(), cond) {
		c.e.FailNow("waited in vain", "%s: %s; there is%v", c.name, what, &c.log)
	}
}

func (c *client) messages() []*received { return messagesOf(c.log.all()) }
func (c *client) answers() []*answer    { return answersOf(c.log.all()) }
func (c *client) events() []string      { return eventNames(c.log.all()) }

// awaitMessages waits for n messages and returns them.
func (c *client) awaitMessages(n int) []*received {
	c.e.t.Helper()
	c.until(fmt.Sprintf("%d messages", n), func(es []entry) bool { return len(messagesOf(es)) >= n })
	return c.messages()[:n]
}

// awaitPayloads waits for messages with exactly these payloads, and no others
// before them.
func (c *client) awaitPayloads(want ...string) []*received {
	c.e.t.Helper()
	list := c.awaitMessages(len(want))
	c.e.Equal(want, payloads(list))
	return list
}

// awaitAcks waits for n acks and returns them.
func (c *client) awaitAcks(n int) []*answer {
	c.e.t.Helper()
	c.until(fmt.Sprintf("%d acks", n), func(es []entry) bool { return len(answersOf(es)) >= n })
	return c.answers()[:n]
}

// awaitEvent waits until an event has come n times.
func (c *client) awaitEvent(name string, n int) {
	c.e.t.Helper()
	c.until(fmt.Sprintf("%s, %d times", name, n), func(es []entry) bool { return countOf(eventNames(es), name) >= n })
}

// awaitEvents waits for exactly these events, from the start of the session.
func (c *client) awaitEvents(names ...string) {
	c.e.t.Helper()
	c.until(fmt.Sprintf("%d events", len(names)), func(es []entry) bool { return len(eventNames(es)) >= len(names) })
	c.e.Equal(names, c.events())
}

func countOf(names []string, name string) (n int) {
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

// finish stops the session if the behaviour did not.
func (c *client) finish() {
	if c.failed || c.ended.Load() {
		return
	}
	if err := c.Stop(c.e.soon()); err != nil {
		c.e.t.Errorf("%s did not stop: %v", c.name, err)
	}
}

// audit checks what holds for every session that was stopped: its events begin and end
// as they should, every post was answered once, and nothing comes behind the end.
func (c *client) audit() {
	if c.failed {
		return
	}
	entries := c.log.all()
	names := eventNames(entries)
	c.e.Equal(1, countOf(names, "Connected"), "%s: %v", c.name, names)
	c.e.Equal(1, countOf(names, "Disconnected"), "%s: %v", c.name, names)
	last := entries[len(entries)-1]
	c.e.True(last.event != nil && eventName(last.event) == "Disconnected", "%s ended with %v", c.name, last)
	c.e.Equal(int(c.posts.Load()), len(answersOf(entries)), "%s: posts and acks", c.name)
	if i := slices.Index(names, "Connected"); i > 0 {
		c.e.Equal("HostUnhealthy", names[i-1], "%s: before the connection", c.name)
	}
}
