package enginetest

import (
	"context"
	"errors"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

// contexts are all pairs of a method that may wait and a state in which nobody
// answers, and what becomes of what was given up.
var contexts = chapter("contexts", append(contextPairs(),
	Behaviour{Name: "a-context-that-is-over-posts-nothing", Ref: "0.4/contexts", Run: contextOver},
	Behaviour{Name: "an-open-that-was-given-up-is-closed-later", Ref: "0.4/late", Run: abandonedOpen},
	Behaviour{Name: "a-configure-that-was-given-up-is-settled-later", Ref: "0.4/late", Run: abandonedConfigure},
	Behaviour{Name: "a-close-that-was-given-up-is-settled-later", Ref: "0.4/late", Run: abandonedClose},
	Behaviour{Name: "a-post-that-was-given-up-may-have-been-taken", Ref: "0.4/contexts", Run: abandonedPost},
	Behaviour{Name: "the-end-of-a-context-leaves-the-connection-alone", Ref: "0.4/contexts", Run: contextSparesConnection},
)...)

// contextCall is a method that waits for the broker.
type contextCall struct {
	name string
	call func(ctx context.Context, c *client, queue string) error
	// down is what it answers at once while there is no connection; nil: it waits.
	down func(error) bool
	ends bool // it ends the session
}

func succeeds(err error) bool { return err == nil }

var contextCalls = []contextCall{
	{name: "open", call: func(ctx context.Context, c *client, _ string) error {
		return c.OpenQueue(ctx, c.e.queue(memoryPriority), bmq.WithRead())
	}},
	{name: "configure", call: func(ctx context.Context, c *client, queue string) error {
		return c.ConfigureQueue(ctx, queue, limit(7))
	}},
	{name: "close", down: succeeds, call: func(ctx context.Context, c *client, queue string) error {
		return c.CloseQueue(ctx, queue)
	}},
	{name: "post-and-wait", call: func(ctx context.Context, c *client, queue string) error {
		_, err := c.PostAndWait(ctx, queue, []byte("x"))
		return err
	}},
	{name: "post", call: func(ctx context.Context, c *client, queue string) error {
		for { // until there is no room any more
			if err := c.tryPost(ctx, queue, string(make([]byte, 64<<10))); err != nil {
				return err
			}
		}
	}},
	{name: "post-batch", call: func(ctx context.Context, c *client, queue string) error {
		for {
			b := c.NewBatch()
			if err := b.Add(queue, make([]byte, 64<<10), bmq.WithOnAck(func(*bmq.Ack) {})); err != nil {
				return err
			}
			if _, err := c.PostBatch(ctx, b); err != nil {
				return err
			}
		}
	}},
	{name: "flush", call: func(ctx context.Context, c *client, queue string) error {
		if err := c.tryPost(ctx, queue, "x"); err != nil {
			return err
		}
		return c.Flush(ctx)
	}},
	{name: "health", call: func(ctx context.Context, c *client, _ string) error { return c.Health(ctx) }},
	{name: "stop", ends: true, down: succeeds, call: func(ctx context.Context, c *client, _ string) error { return c.Stop(ctx) }},
	{name: "drain", ends: true, call: func(ctx context.Context, c *client, queue string) error {
		if err := c.tryPost(ctx, queue, "x"); err != nil {
			return err
		}
		return c.Drain(ctx)
	}},
}

// contextStates bring a session into a state in which nobody answers it.
var contextStates = []struct {
	name  string
	needs Needs
	enter func(*client)
}{
	{"while-the-connection-is-stalled", 0, func(c *client) { c.proxy.stall(up, down) }},
	{"while-answers-are-lost", 0, func(c *client) {
		for _, typ := range []wire.EventType{wire.EventControl, wire.EventAck, wire.EventHeartbeatRsp} {
			c.proxy.drop(down, typ)
		}
	}},
	{"while-the-connection-is-down", 0, (*client).lose},
	{"while-the-broker-is-frozen", BrokerProcess, func(c *client) { c.e.broker.freeze() }},
}

func contextPairs() (list []Behaviour) {
	for _, call := range contextCalls {
		for _, state := range contextStates {
			down := state.name == "while-the-connection-is-down"
			list = append(list, Behaviour{
				Name: call.name + "-ends-" + state.name, Needs: state.needs, Ref: "0.4/contexts",
				Run: func(e *Env) { e.contextEnds(call, state.enter, down) },
			})
		}
	}
	return list
}

func (e *Env) contextEnds(call contextCall, enter func(*client), down bool) {
	e.t.Helper()
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithMaxPendingBytes(1<<20), bmq.WithChannelWriteTimeout(wholePatience),
		bmq.WithTimeouts(bmq.Timeouts{DisconnectTimeout: farewell}))
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	enter(c)
	e.ends(call.name, func() {
		err := call.call(e.within(brief), c, uri)
		if down && call.down != nil {
			e.True(call.down(err), "%v", err)
			return
		}
		e.ErrorIs(err, context.DeadlineExceeded)
		e.ErrorIs(err, bmq.ErrBMQ)
		e.NotErrorIs(err, bmq.ErrBrokerTimeout)
		var timeout interface{ Timeout() bool }
		e.True(errors.As(err, &timeout) && timeout.Timeout())
	})
	c.ended.Store(call.ends)
	if !call.ends {
		// Stop must not need what is missing either.
		c.stopWithin(brief)
	}
	e.thawed(c)
}

// stopWithin stops a session that nobody answers, and takes no longer than it may.
func (c *client) stopWithin(d time.Duration) {
	c.e.t.Helper()
	c.e.ends("stopping", func() {
		if err := c.Stop(c.e.within(d)); err != nil {
			c.e.ErrorIs(err, context.DeadlineExceeded)
		}
	})
	c.ended.Store(true)
}

// thawed undoes what a state did to the broker, for the sake of what is checked at
// the end, and waits for the last handler.
func (e *Env) thawed(c *client) {
	if e.own != nil {
		e.broker.thaw()
	}
	c.awaitEvent("Disconnected", 1)
}

func contextOver(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	over, cancel := context.WithCancel(e.ctx)
	cancel()
	e.ErrorIs(c.Post(over, uri, []byte("x")), context.Canceled)
	_, err := c.PostAndWait(over, uri, []byte("x"))
	e.ErrorIs(err, context.Canceled)
	b := c.NewBatch()
	e.NoError(b.Add(uri, []byte("x")))
	n, err := c.PostBatch(over, b)
	e.ErrorIs(err, context.Canceled)
	e.Zero(n)
	e.Equal(1, b.Len())
	c.deliver(uri, "first")
	c.awaitPayloads("first")
}

// available waits until an operation that was given up is settled.
func (e *Env) available(what string, do func() error) {
	e.t.Helper()
	e.eventually(what, func() bool {
		err := do()
		if err == nil {
			return true
		}
		e.ErrorIs(err, bmq.ErrAlreadyInProgress)
		return false
	})
}

func abandonedOpen(e *Env) {
	uri := e.queue(oneEach)
	c := e.client()
	e.proxy.stall(down)
	e.ErrorIs(c.OpenQueue(e.within(brief), uri, bmq.WithRead()), context.DeadlineExceeded)
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead()), bmq.ErrAlreadyInProgress)
	e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrQueueNotOpened)
	e.proxy.resume()
	// The place of the only consumer is free again.
	rival := e.clientWith(setup{proxy: e.newProxy()})
	e.eventually("the queue is closed", func() bool { return rival.OpenQueue(e.soon(), uri, bmq.WithRead()) == nil })
	rival.closeQueue(uri)
	e.available("the queue can be opened", func() error { return c.OpenQueue(e.soon(), uri, bmq.WithRead()) })
	e.NotContains(c.events(), "ConnectionLost")
}

func abandonedConfigure(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.proxy.stall(down)
	e.ErrorIs(c.ConfigureQueue(e.within(brief), uri, limit(3)), context.DeadlineExceeded)
	e.ErrorIs(c.ConfigureQueue(e.soon(), uri, limit(4)), bmq.ErrAlreadyInProgress)
	c.hasOptions(uri, defaults)
	e.proxy.resume()
	e.eventually("the options are in force", func() bool {
		o, err := c.GetQueueOptions(uri)
		return err == nil && o.MaxUnconfirmedMessages == bmq.Some(3)
	})
	e.available("the queue can be configured", func() error { return c.ConfigureQueue(e.soon(), uri, limit(4)) })
}

func abandonedClose(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.proxy.stall(down)
	c.post(uri, "x")
	e.ErrorIs(c.CloseQueue(e.within(brief), uri), context.DeadlineExceeded)
	e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrAlreadyInProgress)
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead()), bmq.ErrAlreadyInProgress)
	e.proxy.resume()
	e.available("the queue can be opened", func() error { return c.OpenQueue(e.soon(), uri, bmq.WithRead()) })
	c.awaitAcks(1)
}

func abandonedPost(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.proxy.stall(down)
	a, err := c.PostAndWait(e.within(brief), uri, []byte("x"))
	e.Nil(a)
	e.ErrorIs(err, context.DeadlineExceeded)
	e.proxy.resume()
	c.awaitPayloads("x")
}

func contextSparesConnection(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.proxy.stall(down)
	e.ErrorIs(c.OpenQueue(e.within(brief), e.queue(memoryPriority), bmq.WithRead()), context.DeadlineExceeded)
	e.ErrorIs(c.ConfigureQueue(e.within(brief), uri, limit(3)), context.DeadlineExceeded)
	if e.pings() {
		e.ErrorIs(c.Health(e.within(brief)), context.DeadlineExceeded)
	}
	e.proxy.resume()
	c.deliver(uri, "x")
	c.awaitPayloads("x")
	e.Equal([]string{"Connected"}, c.events())
}
