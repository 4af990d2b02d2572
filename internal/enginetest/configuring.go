package enginetest

import (
	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var configuring = chapter("configuring",
	Behaviour{Name: "options-are-the-defaults-then-what-was-given", Ref: "4/26", Run: optionsMerge},
	Behaviour{Name: "suspending-can-be-switched", Ref: "4/27", Run: suspendSwitched},
	Behaviour{Name: "refused-options-change-nothing", Ref: "4/28 4/18", Run: refusedConfigure},
	Behaviour{Name: "one-at-a-time", Ref: "5.5/one", Run: configureTwice},
	Behaviour{Name: "a-late-answer-is-taken-back", Ref: "5.5/late", Run: lateConfigure},
	Behaviour{Name: "a-paused-queue-gets-nothing-more", Ref: "4/76 5.5/barrier", Run: func(e *Env) { e.pausedBarrier(1) }},
	Behaviour{Name: "nor-with-several-goroutines", Ref: "5.5/barrier 1.15/threads", Run: func(e *Env) { e.pausedBarrier(4) }},
)

var defaults = bmq.QueueOptions{
	MaxUnconfirmedMessages: bmq.Some(1000), MaxUnconfirmedBytes: bmq.Some(33554432), ConsumerPriority: bmq.Some(0),
	SuspendsOnBadHostHealth: bmq.Some(false),
}

// hasOptions checks what a queue's options are.
func (c *client) hasOptions(uri string, want bmq.QueueOptions) {
	c.e.t.Helper()
	o, err := c.GetQueueOptions(uri)
	c.e.NoError(err)
	c.e.Equal(want, o)
}

func optionsMerge(e *Env) {
	c := e.client(bmq.WithHostHealthMonitor(bmq.NewBasicHealthMonitor()))
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead())
	c.hasOptions(uri, defaults)

	given := bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(5), MaxUnconfirmedBytes: bmq.Some(6), ConsumerPriority: bmq.Some(7),
		SuspendsOnBadHostHealth: bmq.Some(true),
	}
	other := e.queue(memoryPriority)
	c.open(other, bmq.WithRead(), bmq.WithQueueOptions(given))
	c.hasOptions(other, given)
	c.configure(other, bmq.QueueOptions{ConsumerPriority: bmq.Some(8)})
	given.ConsumerPriority = bmq.Some(8)
	c.hasOptions(other, given)
	c.hasOptions(uri, defaults)
}

func suspendSwitched(e *Env) {
	monitor := bmq.NewBasicHealthMonitor()
	c := e.client(bmq.WithHostHealthMonitor(monitor))
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithWrite())
	c.configure(uri, bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})
	monitor.SetUnhealthy()
	c.awaitEvent("QueueSuspended", 1)
	e.ErrorIs(c.Post(e.soon(), uri, []byte("x")), bmq.ErrQueueSuspended)
	c.configure(uri, bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(false)})
	c.awaitEvent("QueueResumed", 1)
	c.deliver(uri, "x")
}

func refusedConfigure(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.Error(c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(-1), ConsumerPriority: bmq.Some(1)}))
	c.hasOptions(uri, defaults)

	e.proxy.stall(down) // an answer comes late; libbmq does not live through one that never comes
	err := c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{ConsumerPriority: bmq.Some(1)}, bmq.WithTimeout(brief))
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	e.Regexp("^Failed to configure "+uri+" queue: TIMEOUT", err.Error())
	c.hasOptions(uri, defaults)
	e.proxy.resume()
	c.deliver(uri, "x")
}

func configureTwice(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead())
	sent := e.proxy.watch(up, wire.EventControl)
	e.proxy.stall(down)
	configured := make(chan error, 1)
	go func() { configured <- c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{ConsumerPriority: bmq.Some(1)}) }()
	e.await(sent.hit, "the request")
	err := c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{ConsumerPriority: bmq.Some(2)})
	e.ErrorIs(err, bmq.ErrAlreadyInProgress)
	e.ErrorContains(err, "ALREADY_IN_PROGRESS")
	e.proxy.resume()
	e.NoError(<-configured)
	c.configure(uri, bmq.QueueOptions{ConsumerPriority: bmq.Some(3)})
}

// lateConfigure: the broker agrees when nobody waits for it any more.
func lateConfigure(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead())
	e.proxy.stall(down)
	err := c.ConfigureQueue(e.soon(), uri, bmq.Paused(), bmq.WithTimeout(brief))
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	c.hasOptions(uri, defaults)
	e.proxy.resume()
	// What is in force is what the application was told: the queue is not paused.
	e.writer(uri).deliver(uri, "x")
	c.awaitPayloads("x")
	c.hasOptions(uri, defaults)
}

// pausedBarrier: what was delivered before is handled when ConfigureQueue returns, and
// nothing comes after it.
func (e *Env) pausedBarrier(goroutines int) {
	e.t.Helper()
	const n = 20
	uri := e.queue(memoryPriority)
	gate := make(chan struct{})
	c := e.clientWith(setup{
		options:   []bmq.Option{bmq.WithNumProcessingThreads(goroutines)},
		onMessage: func(*client, *received) { <-gate },
	})
	c.open(uri, bmq.WithRead())
	w := e.writer(uri)
	w.deliver(uri, numbered("m", n)...)
	c.awaitMessages(1)
	answered := e.proxy.watch(down, wire.EventControl)
	configured := make(chan error, 1)
	go func() { configured <- c.ConfigureQueue(e.soon(), uri, bmq.Paused()) }()
	e.await(answered.hit, "the broker's answer")
	e.NoError(c.Health(e.soon())) // what the broker answers behind that is here, so the answer is, too
	e.Empty(configured, "the handler has not ended")
	close(gate)
	e.NoError(<-configured)
	before := len(c.messages())
	w.deliver(uri, "late")
	// Another reader shows that the broker has delivered what it could.
	rest := e.reader(uri).awaitMessages(n - before + 1)
	e.Equal("late", rest[n-before].payload())
	for _, m := range c.messages() {
		e.NoError(m.Confirm(), "messages in hand can be confirmed")
	}
	c.stop()
	e.Len(c.messages(), before)
}
