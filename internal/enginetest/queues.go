package enginetest

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

var queues = chapter("queues",
	Behaviour{Name: "flags-follow-the-options", Ref: "4/15", Run: openFlags},
	Behaviour{Name: "options-reach-the-broker", Ref: "4/16", Run: optionsReachBroker},
	Behaviour{Name: "reading-needs-a-handler", Ref: "4/17 1.14/no-handler", Run: readingNeedsHandler},
	Behaviour{Name: "suspending-needs-a-monitor", Ref: "4/17 1.14/no-monitor", Run: suspendingNeedsMonitor},
	Behaviour{Name: "an-unknown-domain-is-refused-in-the-brokers-words", Ref: "4/18 1.14/open", Run: unknownDomain},
	Behaviour{Name: "what-is-not-open-can-not-be-used", Ref: "4/19 4/25 4/32 1.14/not-opened", Run: notOpen},
	Behaviour{Name: "a-bad-uri-is-refused", Ref: "4/20 5.2/local", Run: badURI},
	Behaviour{Name: "neither-reading-nor-writing-is-refused", Ref: "4/20 5.2/local", Run: badFlags},
	Behaviour{Name: "an-application-can-not-write", Ref: "5.2/local", Run: appCannotWrite},
	Behaviour{Name: "a-stopped-session-refuses-everything", Ref: "4/21 1.14/stopped", Run: stoppedRefuses},
	Behaviour{Name: "a-writer-needs-no-sensible-consumer-options", Ref: "4/22", Run: writerOptions},
	Behaviour{Name: "limits-below-zero-are-refused", Ref: "4/23", Run: negativeLimits},
	Behaviour{Name: "priorities-out-of-range-are-refused", Ref: "4/24", Run: priorityRange},
	Behaviour{Name: "a-queue-is-open-once", Ref: "5.2/local", Run: openTwice},
	Behaviour{Name: "a-queue-that-is-being-opened-can-not-be-opened", Ref: "5.2/local", Run: openWhileOpening},
	Behaviour{Name: "a-closed-queue-can-be-opened-again", Ref: "5.2/ids", Run: reopenClosed},
	Behaviour{Name: "one-open-is-for-reading-and-writing", Ref: "5.2/read-write", Run: readWrite},
	Behaviour{Name: "a-closing-queue-is-closed-once", Ref: "5.3/close", Run: closeWhileClosing},
	Behaviour{Name: "too-many-clients-are-refused", Ref: "6.2/open", Run: tooManyClients},
	Behaviour{Name: "too-many-queues-are-refused", Ref: "6.2/open", Run: tooManyQueues},
	Behaviour{Name: "a-reader-of-a-fanout-queue-names-its-application", Ref: "6.2/open", Run: fanoutNeedsApp},
	Behaviour{Name: "an-application-that-the-domain-lacks-gets-nothing", Ref: "6.2/open", Run: unknownApp},
)

func openFlags(e *Env) {
	c := e.client()
	c.open(e.queue(memoryPriority), bmq.WithRead(), bmq.WithWrite())
	c.open(e.queue(memoryPriority), bmq.WithRead())
	c.open(e.queue(memoryPriority), bmq.WithWrite())
	var flags []uint64
	for _, r := range e.proxy.requests() {
		if r.OpenQueue != nil {
			flags = append(flags, r.OpenQueue.HandleParameters.Flags)
		}
	}
	e.Equal([]uint64{6, 2, 4}, flags)
}

// consumers returns what consumers asked for, in order.
func (p *proxy) consumers() (list []ctrl.ConsumerInfo) {
	for _, r := range p.requests() {
		if r.ConfigureStream == nil {
			continue
		}
		for _, s := range r.ConfigureStream.StreamParameters.Subscriptions {
			list = append(list, s.Consumers...)
		}
	}
	return list
}

func optionsReachBroker(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead(), bmq.WithTimeout(patience), bmq.WithQueueOptions(bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(7), MaxUnconfirmedBytes: bmq.Some(1 << 20), ConsumerPriority: bmq.Some(3),
	}))
	c.configure(uri, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(8)}, bmq.WithTimeout(patience))
	other := e.queue(memoryPriority)
	c.open(other, bmq.WithRead())
	e.Equal([]ctrl.ConsumerInfo{
		{MaxUnconfirmedMessages: 7, MaxUnconfirmedBytes: 1 << 20, ConsumerPriority: 3, ConsumerPriorityCount: 1},
		{MaxUnconfirmedMessages: 8, MaxUnconfirmedBytes: 1 << 20, ConsumerPriority: 3, ConsumerPriorityCount: 1},
		{
			MaxUnconfirmedMessages: bmq.DefaultMaxUnconfirmedMessages, MaxUnconfirmedBytes: bmq.DefaultMaxUnconfirmedBytes,
			ConsumerPriority: bmq.DefaultConsumerPriority, ConsumerPriorityCount: 1,
		},
	}, e.proxy.consumers())
	e.NoError(c.CloseQueue(e.soon(), uri, bmq.WithTimeout(patience)))
}

func readingNeedsHandler(e *Env) {
	c := e.clientWith(setup{writer: true})
	err := c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithRead())
	e.ErrorIs(err, bmq.ErrNoOnMessage)
	e.Regexp(`^Can't open queue bmq://\S+ in read mode: no on_message callback was provided at Session construction`, err.Error())
}

func suspendingNeedsMonitor(e *Env) {
	const text = "Queues cannot use suspends_on_bad_host_health if host health monitoring was disabled when the Session was created"
	c := e.client()
	uri := e.queue(memoryPriority)
	sensitive := bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)}
	err := c.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithQueueOptions(sensitive))
	e.ErrorIs(err, bmq.ErrHealthMonitoringDisabled)
	e.ErrorContains(err, text)
	c.open(uri, bmq.WithRead())
	err = c.ConfigureQueue(e.soon(), uri, sensitive)
	e.ErrorIs(err, bmq.ErrHealthMonitoringDisabled)
	e.ErrorContains(err, text)
}

func unknownDomain(e *Env) {
	c := e.client()
	err := c.OpenQueue(e.soon(), "bmq://suite.no.such.domain/q", bmq.WithRead())
	e.ErrorIs(err, bmq.ErrUnknown)
	e.NotErrorIs(err, bmq.ErrBrokerTimeout)
	var failure *bmq.Error
	e.True(errors.As(err, &failure))
	e.Equal("open", failure.Op)
	e.Equal("UNKNOWN", failure.CodeName)
	e.Contains(failure.Desc, "suite.no.such.domain")
	e.Equal("Failed to open bmq://suite.no.such.domain/q queue: UNKNOWN: "+failure.Desc, err.Error())
	// The URI is free again, and the session as good as new.
	e.ErrorIs(c.OpenQueue(e.soon(), "bmq://suite.no.such.domain/q", bmq.WithRead()), bmq.ErrUnknown)
	c.open(e.queue(memoryPriority), bmq.WithRead())
}

func notOpen(e *Env) {
	c := e.client()
	for _, uri := range []string{e.queue(memoryPriority), "garbage"} {
		_, optionsErr := c.GetQueueOptions(uri)
		_, waitErr := c.PostAndWait(e.soon(), uri, []byte("x"))
		for name, err := range map[string]error{
			"close":     c.CloseQueue(e.soon(), uri),
			"configure": c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{}),
			"options":   optionsErr,
			"post":      c.Post(e.soon(), uri, []byte("x")),
			"wait":      waitErr,
			"confirm":   c.Confirm(&bmq.Message{QueueURI: uri, GUID: bmq.MessageGUID{1}}),
			"batch":     c.ConfirmBatch(&bmq.Message{QueueURI: uri, GUID: bmq.MessageGUID{1}}),
		} {
			e.ErrorIs(err, bmq.ErrQueueNotOpened, name)
			e.Regexp("^Queue not opened", err.Error(), name)
		}
	}
}

func badURI(e *Env) {
	c := e.client()
	for _, uri := range []string{
		"", "garbage", "http://domain/q", "bmq://", "bmq://domain", "bmq://domain/", "bmq:///q",
		"bmq://domain/q?id=", "bmq://domain/q?x=1", "bmq://domain/q q", "bmq://domain/" + strings.Repeat("q", 65),
	} {
		err := c.OpenQueue(e.soon(), uri, bmq.WithRead())
		e.ErrorIs(err, bmq.ErrInvalidURI, uri)
		e.ErrorContains(err, "INVALID_URI", uri)
	}
	c.open("bmq://"+memoryPriority+"/"+strings.Repeat("q", 64), bmq.WithRead())
}

func badFlags(e *Env) {
	err := e.client().OpenQueue(e.soon(), e.queue(memoryPriority))
	e.ErrorIs(err, bmq.ErrInvalidFlags)
	e.ErrorContains(err, "INVALID_FLAGS")
}

func appCannotWrite(e *Env) {
	c := e.client()
	uri := app(e.queue(memoryFanout), "foo")
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithWrite()), bmq.ErrInvalidArgument)
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithWrite()), bmq.ErrInvalidArgument)
	c.open(uri, bmq.WithRead())
}

func stoppedRefuses(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x")
	m := c.awaitMessages(1)[0]
	c.stop()
	_, optionsErr := c.GetQueueOptions(uri)
	_, waitErr := c.PostAndWait(e.soon(), uri, []byte("x"))
	for name, err := range map[string]error{
		"open":      c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithRead()),
		"close":     c.CloseQueue(e.soon(), uri),
		"configure": c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{}),
		"options":   optionsErr,
		"post":      c.Post(e.soon(), uri, []byte("x")),
		"wait":      waitErr,
		"confirm":   c.Confirm(m.Message),
		"handle":    m.Confirm(),
		"batch":     c.ConfirmBatch(m.Message),
		"flush":     c.Flush(e.soon()),
		"health":    c.Health(e.soon()),
	} {
		e.ErrorIs(err, bmq.ErrSessionStopped, name)
		e.Equal("Method called after session was stopped", err.Error(), name)
	}
	e.NoError(c.Stop(e.soon()), "a second time")
	e.NoError(c.Drain(e.soon()))
}

func writerOptions(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithWrite(), bmq.WithQueueOptions(bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(-1), MaxUnconfirmedBytes: bmq.Some(-1), ConsumerPriority: bmq.Some(math.MaxInt32),
	}))
	o, err := c.GetQueueOptions(uri)
	e.NoError(err)
	e.Equal(bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(0), MaxUnconfirmedBytes: bmq.Some(0), ConsumerPriority: bmq.Some(math.MinInt32),
		SuspendsOnBadHostHealth: bmq.Some(false),
	}, o)
	c.configure(uri, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(5)})
	e.Empty(e.proxy.consumers(), "a writer asks for no deliveries")
}

func negativeLimits(e *Env) {
	c := e.client()
	open := e.queue(memoryPriority)
	c.open(open, bmq.WithRead())
	for _, o := range []bmq.QueueOptions{{MaxUnconfirmedMessages: bmq.Some(-1)}, {MaxUnconfirmedBytes: bmq.Some(-1)}} {
		c.refuses(open, o)
	}
}

// refuses checks that options are refused for opening and for configuring a queue.
func (c *client) refuses(open string, o bmq.QueueOptions) {
	c.e.t.Helper()
	uri := c.e.queue(memoryPriority)
	err := c.OpenQueue(c.e.soon(), uri, bmq.WithRead(), bmq.WithQueueOptions(o))
	c.e.ErrorIs(err, bmq.ErrInvalidArgument)
	c.e.ErrorContains(err, "INVALID_ARGUMENT")
	err = c.ConfigureQueue(c.e.soon(), open, o)
	c.e.ErrorIs(err, bmq.ErrInvalidArgument)
	c.e.ErrorContains(err, "INVALID_ARGUMENT")
	c.open(uri, bmq.WithRead()) // the URI is free
}

func priorityRange(e *Env) {
	c := e.client()
	open := e.queue(memoryPriority)
	c.open(open, bmq.WithRead())
	for _, p := range []int{math.MaxInt32, math.MinInt32, math.MaxInt32/2 + 1, math.MinInt32/2 - 1} {
		c.refuses(open, bmq.QueueOptions{ConsumerPriority: bmq.Some(p)})
	}
	for _, p := range []int{-1, math.MaxInt32 / 2, math.MinInt32 / 2} {
		c.open(e.queue(memoryPriority), bmq.WithRead(), bmq.WithQueueOptions(bmq.QueueOptions{ConsumerPriority: bmq.Some(p)}))
		c.configure(open, bmq.QueueOptions{ConsumerPriority: bmq.Some(p)})
	}
	beyond := math.MaxInt32
	if beyond++; beyond < 0 {
		return // int has 32 bits itself
	}
	for _, o := range []bmq.QueueOptions{
		{ConsumerPriority: bmq.Some(beyond)}, {MaxUnconfirmedBytes: bmq.Some(beyond)},
		{MaxUnconfirmedMessages: bmq.Some(beyond)},
	} {
		e.ErrorIs(c.ConfigureQueue(e.soon(), open, o), bmq.ErrValue, "%v fits no 32 bits", o)
		e.ErrorIs(c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithRead(), bmq.WithQueueOptions(o)), bmq.ErrValue)
	}
}

func openTwice(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead())
	err := c.OpenQueue(e.soon(), uri, bmq.WithWrite())
	e.ErrorIs(err, bmq.ErrAlreadyOpened)
	e.ErrorContains(err, "ALREADY_OPENED")
	e.reader(uri) // not so in another session
}

func openWhileOpening(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	sent := e.proxy.watch(up, wire.EventControl)
	e.proxy.stall(down)
	opened := make(chan error, 1)
	go func() { opened <- c.OpenQueue(e.soon(), uri, bmq.WithRead()) }()
	e.await(sent.hit, "the request")
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead()), bmq.ErrAlreadyInProgress)
	e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrQueueNotOpened)
	e.proxy.resume()
	e.NoError(<-opened)
}

func reopenClosed(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	for _, opts := range [][]bmq.OpenOption{{bmq.WithRead()}, {bmq.WithWrite()}, {bmq.WithRead(), bmq.WithWrite()}} {
		c.open(uri, opts...)
		c.closeQueue(uri)
		e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrQueueNotOpened)
	}
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x")
	c.awaitPayloads("x")
}

func readWrite(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x", "y")
	for _, m := range c.awaitPayloads("x", "y") {
		e.Equal(uri, m.QueueURI)
		e.NoError(m.Confirm())
	}
}

func closeWhileClosing(e *Env) {
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x")
	m := c.awaitMessages(1)[0]
	sent := e.proxy.watch(up, wire.EventControl)
	e.proxy.stall(down)
	closed := make(chan error, 1)
	go func() { closed <- c.CloseQueue(e.soon(), uri) }()
	e.await(sent.hit, "the request")
	e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrAlreadyInProgress)
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead()), bmq.ErrAlreadyInProgress)
	err := c.Post(e.soon(), uri, []byte("x"))
	e.ErrorIs(err, bmq.ErrQueueClosing)
	e.Equal("Failed to construct message: QUEUE_INVALID", err.Error())
	err = m.Confirm()
	e.ErrorIs(err, bmq.ErrQueueClosing)
	e.Regexp("^Attempting to confirm message on a closing queue", err.Error())
	e.proxy.resume()
	e.NoError(<-closed)
}

func tooManyClients(e *Env) {
	uri := e.queue(oneEach)
	e.reader(uri)
	e.writer(uri)
	c := e.client()
	for _, opt := range []bmq.OpenOption{bmq.WithRead(), bmq.WithWrite()} {
		err := c.OpenQueue(e.soon(), uri, opt)
		e.ErrorIs(err, bmq.ErrUnknown)
		e.ErrorContains(err, "Client would exceed the limit of 1 ")
	}
}

func tooManyQueues(e *Env) {
	c := e.client()
	c.open(e.queue(oneQueue), bmq.WithRead())
	err := c.OpenQueue(e.soon(), e.queue(oneQueue), bmq.WithRead())
	e.ErrorIs(err, bmq.ErrRefused)
	e.ErrorContains(err, "REFUSED")
}

func fanoutNeedsApp(e *Env) {
	c := e.client()
	err := c.OpenQueue(e.soon(), e.queue(memoryFanout), bmq.WithRead())
	e.ErrorIs(err, bmq.ErrUnknown)
	e.ErrorContains(err, "appId")
	err = c.OpenQueue(e.soon(), app(e.queue(memoryPriority), "foo"), bmq.WithRead())
	e.ErrorIs(err, bmq.ErrUnknown)
	e.ErrorContains(err, "AppId should not be specified")
}

func unknownApp(e *Env) {
	uri := e.queue(memoryFanout)
	c := e.reader(app(uri, "stranger"))
	c.open(app(uri, "foo"), bmq.WithRead())
	e.writer(uri).deliver(uri, "x")
	for _, m := range c.awaitMessages(1) {
		e.Equal(app(uri, "foo"), m.QueueURI)
	}
	c.closeQueue(app(uri, "stranger"))
	c.stop()
	e.Len(c.messages(), 1)
}

const (
	// brief is a time that is to be over.
	brief = 200 * time.Millisecond
	// unhurried is one that is to be over, and in which work can be done as well.
	unhurried = 2 * time.Second
)
