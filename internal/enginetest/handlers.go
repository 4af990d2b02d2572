package enginetest

import (
	"context"
	"sync"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// handlers are all pairs of a handler and a method that may wait: the handler calls
// the method of its own session.
var handlers = chapter("handlers", append(handlerPairs(),
	Behaviour{Name: "pulling-works-in-a-handler-of-acks", Ref: "1.15/calls", Run: pullInAckHandler},
	Behaviour{Name: "pulling-works-in-a-handler-of-events", Ref: "1.15/calls", Run: pullInEventHandler},
)...)

// handlerCall is a method as a handler calls it. queue is one that is open for
// reading and writing, m a message from it.
type handlerCall struct {
	name     string
	deadlock bool // it can't be called, for it would wait for the handler
	call     func(ctx context.Context, c *client, queue string, m *bmq.Message) error
}

var handlerCalls = []handlerCall{
	{name: "open", call: func(ctx context.Context, c *client, _ string, _ *bmq.Message) error {
		return c.OpenQueue(ctx, c.e.queue(memoryPriority), bmq.WithRead(), bmq.WithWrite())
	}},
	{name: "configure", call: func(ctx context.Context, c *client, queue string, _ *bmq.Message) error {
		return c.ConfigureQueue(ctx, queue, limit(7))
	}},
	{name: "close", call: func(ctx context.Context, c *client, queue string, _ *bmq.Message) error {
		return c.CloseQueue(ctx, queue)
	}},
	{name: "post", call: func(ctx context.Context, c *client, queue string, _ *bmq.Message) error {
		return c.tryPost(ctx, queue, "from a handler")
	}},
	{name: "post-and-wait", call: func(ctx context.Context, c *client, queue string, _ *bmq.Message) error {
		_, err := c.PostAndWait(ctx, queue, []byte("from a handler"))
		return err
	}},
	{name: "post-batch", call: func(ctx context.Context, c *client, queue string, _ *bmq.Message) error {
		b := c.NewBatch()
		if err := b.Add(queue, []byte("from a handler")); err != nil {
			return err
		}
		_, err := c.PostBatch(ctx, b)
		return err
	}},
	{name: "confirm", call: func(_ context.Context, c *client, _ string, m *bmq.Message) error { return c.Session.Confirm(m) }},
	{name: "confirm-batch", call: func(_ context.Context, c *client, _ string, m *bmq.Message) error { return c.ConfirmBatch(m) }},
	{name: "flush", call: func(ctx context.Context, c *client, queue string, _ *bmq.Message) error {
		if err := c.tryPost(ctx, queue, "to be flushed"); err != nil {
			return err
		}
		return c.Flush(ctx)
	}},
	{name: "health", call: func(ctx context.Context, c *client, _ string, _ *bmq.Message) error { return c.Health(ctx) }},
	{name: "options", call: func(_ context.Context, c *client, queue string, _ *bmq.Message) error {
		_, err := c.GetQueueOptions(queue)
		return err
	}},
	{name: "statistics", call: func(_ context.Context, c *client, _ string, _ *bmq.Message) error { c.Stats(); return nil }},
	{name: "stop", deadlock: true, call: func(ctx context.Context, c *client, _ string, _ *bmq.Message) error { return c.Stop(ctx) }},
	{name: "close-session", deadlock: true, call: func(_ context.Context, c *client, _ string, _ *bmq.Message) error { return c.Close() }},
	{name: "drain", deadlock: true, call: func(ctx context.Context, c *client, _ string, _ *bmq.Message) error { return c.Drain(ctx) }},
}

// handlerKinds have a handler called and run f in it, once.
var handlerKinds = []struct {
	name string
	run  func(e *Env, f func(c *client))
}{
	{"message", func(e *Env, f func(*client)) {
		c := e.clientWith(setup{onMessage: func(c *client, m *received) {
			if m.payload() == "go" {
				f(c)
			}
		}})
		uri := e.queue(memoryPriority)
		c.open(uri, bmq.WithRead(), bmq.WithWrite())
		e.NoError(c.Post(e.soon(), uri, []byte("go")))
	}},
	{"ack", func(e *Env, f func(*client)) {
		c := e.clientWith(setup{})
		uri := e.queue(memoryPriority)
		c.open(uri, bmq.WithWrite())
		e.NoError(c.Post(e.soon(), uri, []byte("go"), bmq.WithOnAck(func(*bmq.Ack) { f(c) })))
	}},
	{"event", func(e *Env, f func(*client)) {
		m := bmq.NewBasicHealthMonitor()
		e.clientWith(setup{
			options: []bmq.Option{bmq.WithHostHealthMonitor(m)},
			onEvent: func(c *client, ev sessionevents.SessionEvent) {
				if _, ok := ev.(sessionevents.HostUnhealthy); ok {
					f(c)
				}
			},
		})
		m.SetUnhealthy()
	}},
}

func handlerPairs() (list []Behaviour) {
	for _, call := range handlerCalls {
		for _, kind := range handlerKinds {
			name := call.name + "-works-in-a-handler-of-" + kind.name + "s"
			if call.deadlock {
				name = call.name + "-is-refused-in-a-handler-of-" + kind.name + "s"
			}
			list = append(list, Behaviour{
				Name: name, Ref: "1.15/calls",
				Run: func(e *Env) { e.inHandler(kind.run, call) },
			})
		}
	}
	return list
}

// inHandler has a handler make a call, and checks that the session works on.
func (e *Env) inHandler(run func(*Env, func(*client)), call handlerCall) {
	e.t.Helper()
	uri := e.queue(memoryPriority)
	result := make(chan error, 1)
	var (
		once sync.Once
		who  *client
	)
	run(e, func(c *client) {
		once.Do(func() {
			who = c
			result <- e.prepared(c, uri, call)
		})
	})
	select {
	case err := <-result:
		if call.deadlock {
			e.ErrorIs(err, bmq.ErrWouldDeadlock)
			e.ErrorIs(err, bmq.ErrBMQ)
		} else {
			e.NoError(err)
		}
	case <-e.soon().Done():
		e.FailNow("the call does not return")
	}
	other := e.queue(memoryPriority)
	who.open(other, bmq.WithRead(), bmq.WithWrite())
	who.deliver(other, "after")
	who.until("a message", func(es []entry) bool {
		list := messagesOf(es)
		return len(list) > 0 && list[len(list)-1].payload() == "after"
	})
}

// prepared makes the call, in the handler, with what it needs: a queue and a message
// of it.
func (e *Env) prepared(c *client, uri string, call handlerCall) error {
	ctx := e.soon()
	if err := c.OpenQueue(ctx, uri, bmq.WithRead(), bmq.WithWrite()); err != nil {
		return err
	}
	a, err := c.PostAndWait(ctx, uri, []byte("in hand"))
	if err != nil {
		return err
	}
	return call.call(ctx, c, uri, &bmq.Message{QueueURI: uri, GUID: *a.GUID})
}

// pullOne takes the next message of a session that has no handler for them.
func (c *client) pullOne() (payload string, err error) {
	for m, err := range c.Messages(c.e.soon()) {
		if err != nil {
			return "", err
		}
		return string(m.Data), c.Session.Confirm(m)
	}
	return "", nil
}

// pullResult is what a handler pulled.
type pullResult struct {
	payload string
	err     error
}

func (e *Env) pulledIs(result <-chan pullResult) {
	e.t.Helper()
	select {
	case r := <-result:
		e.NoError(r.err)
		e.Equal("x", r.payload)
	case <-e.soon().Done():
		e.FailNow("the handler gets no message")
	}
}

func pullInAckHandler(e *Env) {
	uri := e.queue(memoryPriority)
	result := make(chan pullResult, 1)
	c := e.clientWith(setup{pull: true})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.NoError(c.Post(e.soon(), uri, []byte("x"), bmq.WithOnAck(func(*bmq.Ack) {
		payload, err := c.pullOne()
		result <- pullResult{payload, err}
	})))
	e.pulledIs(result)
}

func pullInEventHandler(e *Env) {
	uri := e.queue(memoryPriority)
	result := make(chan pullResult, 1)
	m := bmq.NewBasicHealthMonitor()
	c := e.clientWith(setup{
		pull:    true,
		options: []bmq.Option{bmq.WithHostHealthMonitor(m)},
		onEvent: func(c *client, ev sessionevents.SessionEvent) {
			if _, ok := ev.(sessionevents.HostUnhealthy); ok {
				payload, err := c.pullOne()
				result <- pullResult{payload, err}
			}
		},
	})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	m.SetUnhealthy()
	c.deliver(uri, "x")
	e.pulledIs(result)
}
