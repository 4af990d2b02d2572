package enginetest

import (
	"strings"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
)

var reconnecting = chapter("reconnecting",
	Behaviour{Name: "events-come-in-order", Ref: "4/79 5.1/order", Run: reconnectOrder},
	Behaviour{Name: "without-queues-state-is-restored-at-once", Ref: "5.1/order", Run: reconnectIdle},
	Behaviour{Name: "queues-work-again", Ref: "4/79 5.8/reopen", Run: reconnectQueues},
	Behaviour{Name: "more-posts-are-kept-than-go-into-an-event", Run: manyPostsKept},
	Behaviour{Name: "posts-without-an-answer-do-not-hold-confirmations-up", Run: confirmsPassPosts},
	Behaviour{Name: "options-are-kept", Ref: "5.8/reopen", Run: reconnectOptions},
	Behaviour{Name: "posts-are-kept-while-the-connection-is-down", Ref: "4/74 4/79 5.6/buffered", Run: postsKept},
	Behaviour{Name: "posts-without-an-answer-are-sent-again-once", Ref: "4/74 5.8/retransmit 6.3/duplicates", Run: postsResent},
	Behaviour{Name: "posts-that-want-no-ack-are-sent-once", Ref: "5.6/no-ack", Run: unackedNotResent},
	Behaviour{Name: "kept-posts-expire-before-repeats-would-be-unknown", Ref: "5.6/expiry", Run: keptPostsExpire},
	Behaviour{Name: "confirmations-are-not-kept", Ref: "4/75 5.7/confirm", Run: confirmsNotKept},
	Behaviour{Name: "an-old-handle-confirms-after-the-reconnection", Ref: "6.6/unknown", Run: oldHandle},
	Behaviour{Name: "messages-in-hand-come-again", Ref: "6.8/redelivery", Run: inHandAgain},
	Behaviour{Name: "an-open-waits-for-the-connection", Ref: "5.8/requests", Run: openKept},
	Behaviour{Name: "an-open-under-way-is-sent-again", Ref: "5.8/requests", Run: openResent},
	Behaviour{Name: "a-configure-waits-for-the-connection", Ref: "5.8/requests", Run: configureKept},
	Behaviour{Name: "a-configure-under-way-is-sent-again", Ref: "5.8/requests", Run: configureResent},
	Behaviour{Name: "a-close-succeeds-while-the-connection-is-down", Ref: "5.3/down", Run: closeDown},
	Behaviour{Name: "a-close-under-way-is-canceled", Ref: "5.8/requests", Run: closeCanceled},
	Behaviour{Name: "a-queue-that-can-not-be-reopened-is-told", Ref: "4/77 5.8/failed", Run: reopenFails},
	Behaviour{Name: "losing-the-connection-while-reopening-loses-no-queue", Ref: "5.8/reopen", Run: lostWhileReopening},
	Behaviour{Name: "several-applications-are-reopened", Ref: "5.8/reopen 5.2/apps", Run: reconnectFanout},
	Behaviour{Name: "attempts-are-spaced", Ref: "1.17/retry", Run: attemptsSpaced},
	Behaviour{
		Name: "a-silent-broker-is-noticed", Ref: "1.17/heartbeat",
		Broker: &BrokerConfig{Heartbeats: 100 * time.Millisecond, MissedHeartbeats: 3}, Run: heartbeats,
	},
	Behaviour{
		Name: "a-message-that-arrives-slowly-is-waited-for", Ref: "1.17/heartbeat",
		Broker: &BrokerConfig{Heartbeats: 100 * time.Millisecond, MissedHeartbeats: 3}, Run: slowMessage,
	},
	Behaviour{Name: "a-frozen-broker-is-waited-for", Needs: BrokerProcess, Ref: "5.6/no-timer", Run: frozenBroker},
)

// reconnect cuts the session's connection and waits until all is as it was.
func (c *client) reconnect() {
	c.e.t.Helper()
	n := countOf(c.events(), "StateRestored")
	c.proxy.cut()
	c.awaitEvent("StateRestored", n+1)
}

// lose cuts the session's connection and keeps it from coming back.
func (c *client) lose() {
	c.e.t.Helper()
	n := countOf(c.events(), "ConnectionLost")
	c.proxy.isolate()
	c.awaitEvent("ConnectionLost", n+1)
}

// restore lets the connection come back and waits until all is as it was.
func (c *client) restore() {
	c.e.t.Helper()
	n := countOf(c.events(), "StateRestored")
	c.proxy.refuse(false)
	c.awaitEvent("StateRestored", n+1)
}

func reconnectOrder(e *Env) {
	uris := []string{e.queue(memoryPriority), e.queue(memoryPriority)}
	c := e.client()
	c.open(uris[0], bmq.WithRead())
	c.open(uris[1], bmq.WithWrite())
	acks := e.proxy.drop(down, wire.EventAck)
	c.post(uris[1], "x")
	e.await(acks.hit, "the ack")
	acks.remove()
	c.reconnect()
	c.awaitAcks(1)
	c.stop()
	e.Equal([]string{
		"Connected", "ConnectionLost", "Reconnected", "QueueReopened", "QueueReopened", "StateRestored", "Disconnected",
	}, c.events())
	reopened := make(map[string]bool)
	restored := false
	for _, entry := range c.log.all() {
		switch ev := entry.event.(type) {
		case sessionevents.QueueReopened:
			reopened[ev.QueueURI()] = true
		case sessionevents.StateRestored:
			restored = true
		}
		if entry.answer != nil {
			e.True(restored, "acks of posts that were sent again come behind StateRestored")
			e.Equal(bmq.AckSuccess, entry.answer.Status)
		}
	}
	e.Len(reopened, 2)
}

func reconnectIdle(e *Env) {
	c := e.client()
	c.reconnect()
	c.reconnect()
	c.stop()
	c.awaitEvents("Connected", "ConnectionLost", "Reconnected", "StateRestored",
		"ConnectionLost", "Reconnected", "StateRestored", "Disconnected")
	e.EqualValues(3, c.Stats().Connects)
}

func reconnectQueues(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "a")
	e.NoError(c.awaitPayloads("a")[0].Confirm())
	c.deliver(uri, "b")
	e.NoError(c.awaitPayloads("a", "b")[1].Confirm())
	e.proxyBarrier(c)
	c.reconnect()
	c.deliver(uri, "c")
	e.NoError(c.awaitPayloads("a", "b", "c")[2].Confirm())
	c.closeQueue(uri)
	e.remaining(uri)
}

func reconnectOptions(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, bmq.WithQueueOptions(limit(5)))
	c.configure(uri, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(2)})
	o, err := c.GetQueueOptions(uri)
	e.NoError(err)
	c.reconnect()
	c.hasOptions(uri, o)
	w := e.clientWith(setup{proxy: e.newProxy()})
	w.open(uri, bmq.WithWrite())
	w.deliver(uri, numbered("m", 4)...)
	c.awaitPayloads("m-0", "m-1")
	e.reader(uri).awaitPayloads("m-2", "m-3")
}

func postsKept(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	w.lose()
	want := numbered("m", 20)
	w.post(uri, want...)
	e.NoError(w.Post(e.soon(), uri, []byte("no ack")))
	e.Equal(21, w.Stats().PendingMessages)
	e.Empty(w.answers())
	w.restore()
	for i, a := range w.awaitAcks(20) {
		e.Equal(bmq.AckSuccess, a.Status)
		e.Equal(want[i], a.payload)
	}
	e.reader(uri).awaitPayloads(append(want, "no ack")...)
}

// manyPostsKept: an event that libbmq makes has 66 MiB at most.
func manyPostsKept(e *Env) {
	uri := e.queue(memoryBroadcast) // which no quota of a domain is for
	w := e.writer(uri)
	w.lose()
	large := strings.Repeat("x", 3<<20)
	const n = 25
	for range n {
		w.post(uri, large)
	}
	e.NoError(w.Post(e.soon(), uri, []byte("no ack")))
	w.restore()
	for _, a := range w.awaitAcks(n) {
		e.Equal(bmq.AckSuccess, a.Status)
	}
	e.NoError(w.Flush(e.soon()))
}

// confirmsPassPosts: nor is there a number of them that can't be sent again.
func confirmsPassPosts(e *Env) {
	uri, other := e.queue(memoryBroadcast), e.queue(memoryPriority)
	c := e.client(bmq.WithChannelWriteTimeout(0))
	c.open(uri, bmq.WithWrite())
	c.open(other, bmq.WithRead(), bmq.WithWrite())
	c.deliver(other, "x")
	m := c.awaitMessages(1)[0]
	acks := e.proxy.drop(down, wire.EventAck)
	large := strings.Repeat("x", 3<<20)
	n := 0
	for n < 25 && c.tryPost(e.soon(), uri, large) == nil {
		n++ // it has no room for all, perhaps
	}
	confirms := e.proxy.watch(up, wire.EventConfirm)
	e.NoError(m.Confirm())
	e.await(confirms.hit, "the confirmation")
	acks.remove()
	c.reconnect()
	for _, a := range c.awaitAcks(n) {
		e.Equal(bmq.AckSuccess, a.Status)
	}
}

// postsResent: the broker has the messages and its acks are lost.
func postsResent(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	acks := e.proxy.drop(down, wire.EventAck)
	want := numbered("m", 10)
	w.post(uri, want...)
	e.eventually("the broker has them all", func() bool {
		c := e.reader(uri)
		defer c.stop()
		return poll(brief, func() bool { return len(c.messages()) == len(want) })
	})
	acks.remove()
	w.reconnect()
	for _, a := range w.awaitAcks(len(want)) {
		e.Equal(bmq.AckSuccess, a.Status)
	}
	e.EqualValues(len(want), w.Stats().Retransmitted)
	e.remaining(uri, want...)
}

func unackedNotResent(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	puts := e.proxy.drop(up, wire.EventPut)
	e.NoError(w.Post(e.soon(), uri, []byte("lost")))
	e.await(puts.hit, "the post")
	e.NoError(w.Flush(e.soon()))
	puts.remove()
	w.reconnect()
	e.Zero(w.Stats().Retransmitted)
	e.remaining(uri)
}

func keptPostsExpire(e *Env) {
	uri, patient := e.queue(forgetful), e.queue(memoryPriority)
	w := e.writer(uri)
	w.open(patient, bmq.WithWrite())
	w.lose()
	w.post(uri, "impatient")
	w.post(patient, "patient")
	a := w.awaitAcks(1)[0]
	e.Equal("impatient", a.payload)
	e.Equal(bmq.AckUnknown, a.Status)
	e.NotContains(w.events(), "Reconnected", "it did not take a connection")
	w.restore()
	e.Equal(bmq.AckSuccess, w.awaitAcks(2)[1].Status)
	e.remaining(uri)
}

func confirmsNotKept(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.clientWith(setup{proxy: e.newProxy()})
	w.open(uri, bmq.WithWrite())
	w.deliver(uri, "a")
	m := c.awaitPayloads("a")[0]
	c.lose()
	err := m.Confirm()
	e.ErrorIs(err, bmq.ErrNotConnected)
	e.Equal("Failed to confirm message ["+m.GUID.String()+"]: NOT_CONNECTED", err.Error())
	e.ErrorIs(c.ConfirmBatch(m.Message), bmq.ErrNotConnected)
	c.restore()
	again := c.awaitPayloads("a", "a")[1]
	e.Equal(m.GUID, again.GUID)
	e.NoError(again.Confirm())
}

func oldHandle(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.clientWith(setup{proxy: e.newProxy()})
	w.open(uri, bmq.WithWrite())
	w.deliver(uri, "a")
	m := c.awaitPayloads("a")[0]
	c.reconnect()
	e.NoError(m.Confirm())
	c.stop()
	e.NoError(w.CloseQueue(e.soon(), uri))
	e.remaining(uri)
}

func inHandAgain(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.clientWith(setup{proxy: e.newProxy()})
	w.open(uri, bmq.WithWrite())
	want := numbered("m", 5)
	w.deliver(uri, want...)
	list := c.awaitPayloads(want...)
	c.reconnect()
	for i, m := range c.awaitPayloads(append(want, want...)...)[5:] {
		e.Equal(list[i].GUID, m.GUID)
	}
}

func openKept(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.lose()
	time.AfterFunc(brief, func() { e.proxy.refuse(false) })
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "a")
	c.awaitPayloads("a")
	e.Equal([]string{"Connected", "ConnectionLost", "Reconnected", "StateRestored"}, c.events())
}

// interrupted runs an operation whose answer does not come before the connection is
// lost.
func (c *client) interrupted(do func() error) error {
	c.e.t.Helper()
	sent := c.proxy.watch(up, wire.EventControl)
	answers := c.proxy.drop(down, wire.EventControl)
	result := make(chan error, 1)
	go func() { result <- do() }()
	c.e.await(sent.hit, "the request")
	c.e.await(answers.hit, "the answer")
	c.e.Empty(result)
	answers.remove()
	c.proxy.cut()
	select {
	case err := <-result:
		return err
	case <-c.e.soon().Done():
		c.e.FailNow("the operation does not end")
		return nil
	}
}

func openResent(e *Env) {
	for _, opts := range [][]bmq.OpenOption{{bmq.WithRead(), bmq.WithWrite()}, {bmq.WithWrite()}} {
		uri := e.queue(memoryPriority)
		c := e.clientWith(setup{proxy: e.newProxy()})
		e.NoError(c.interrupted(func() error { return c.OpenQueue(e.soon(), uri, opts...) }))
		c.deliver(uri, "a")
		c.awaitEvents("Connected", "ConnectionLost", "Reconnected", "StateRestored")
	}
}

func configureKept(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	c.lose()
	time.AfterFunc(brief, func() { e.proxy.refuse(false) })
	c.configure(uri, limit(3))
	e.windowIs(uri, 3)
}

// windowIs checks that the only reader of a queue, who has nothing, takes n messages.
func (e *Env) windowIs(uri string, n int) {
	e.t.Helper()
	list := e.proxy.consumers()
	e.NotEmpty(list)
	e.EqualValues(n, list[len(list)-1].MaxUnconfirmedMessages)
}

func configureResent(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.NoError(c.interrupted(func() error { return c.ConfigureQueue(e.soon(), uri, limit(3)) }))
	o, err := c.GetQueueOptions(uri)
	e.NoError(err)
	e.Equal(bmq.Some(3), o.MaxUnconfirmedMessages)
	e.windowIs(uri, 3)
}

func closeDown(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.lose()
	c.post(uri, "x")
	c.closeQueue(uri)
	e.Equal(bmq.AckUnknown, c.answers()[0].Status, "before the queue is closed")
	c.restore()
	e.NotContains(c.events(), "QueueReopened")
	e.ErrorIs(c.Post(e.soon(), uri, []byte("x")), bmq.ErrQueueNotOpened)
}

func closeCanceled(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	err := c.interrupted(func() error { return c.CloseQueue(e.soon(), uri) })
	e.ErrorIs(err, bmq.ErrCanceled)
	c.awaitEvent("StateRestored", 1)
	e.NotContains(c.events(), "QueueReopened")
	e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrQueueNotOpened)
	c.open(uri, bmq.WithRead())
}

// reopenFails: while the session is away, somebody else takes the only place.
func reopenFails(e *Env) {
	uri, other := e.queue(oneEach), e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.open(other, bmq.WithWrite())
	c.lose()
	c.post(uri, "x")
	rival := e.clientWith(setup{proxy: e.newProxy()})
	e.eventually("the place is free", func() bool { return rival.OpenQueue(e.soon(), uri, bmq.WithRead()) == nil })
	c.restore()
	c.awaitEvent("QueueReopenFailed", 1)
	e.Equal(bmq.AckUnknown, c.awaitAcks(1)[0].Status)
	e.ErrorIs(c.Post(e.soon(), uri, []byte("x")), bmq.ErrQueueNotOpened)
	_, err := c.GetQueueOptions(uri)
	e.ErrorIs(err, bmq.ErrQueueNotOpened)
	c.deliver(other, "x")
	rival.closeQueue(uri)
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.Equal([]string{"Connected", "ConnectionLost", "Reconnected"}, c.events()[:3])
	e.ElementsMatch([]string{"QueueReopenFailed", "QueueReopened", "StateRestored"}, c.events()[3:])
	e.Equal("StateRestored", c.events()[5])
	for _, entry := range c.log.all() {
		if ev, ok := entry.event.(sessionevents.QueueReopenFailed); ok {
			e.Equal(uri, ev.QueueURI())
			e.NotEmpty(ev.Message())
		}
	}
}

// lostWhileReopening loses the connection at each answer of the broker on the way back.
func lostWhileReopening(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	// One connection ends within the broker's introduction, the next one within its
	// answer to the open, the third one within that to the configure.
	for _, skip := range []int{0, 1, 3} {
		c.proxy.cutWithin(down, wire.EventControl, skip, 5)
	}
	c.reconnect()
	c.deliver(uri, "a")
	c.awaitPayloads("a")
	e.Equal([]string{
		"Connected", "ConnectionLost", "Reconnected", "ConnectionLost", "Reconnected", "ConnectionLost", "Reconnected",
		"QueueReopened", "StateRestored",
	}, c.events())
}

func reconnectFanout(e *Env) {
	uri := e.queue(memoryFanout)
	c := e.client()
	c.open(uri, bmq.WithWrite())
	for _, id := range apps {
		c.open(app(uri, id), bmq.WithRead())
	}
	c.closeQueue(app(uri, "bar"))
	c.reconnect()
	c.deliver(uri, "a")
	var uris []string
	for _, m := range c.awaitMessages(2) {
		uris = append(uris, m.QueueURI)
		e.NoError(m.Confirm())
	}
	e.ElementsMatch([]string{app(uri, "foo"), app(uri, "baz")}, uris)
	c.open(app(uri, "bar"), bmq.WithRead())
	e.Equal(app(uri, "bar"), c.awaitMessages(3)[2].QueueURI)
}

func attemptsSpaced(e *Env) {
	c := e.client()
	before := e.proxy.attempts()
	start := time.Now()
	c.lose()
	e.eventually("attempts are made", func() bool { return e.proxy.attempts() >= before+3 })
	e.Greater(time.Since(start), 3*250*time.Millisecond)
	c.restore()
}

func heartbeats(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "a") // a live connection stays
	e.proxy.stall(down)
	c.awaitEvent("ConnectionLost", 1)
	e.proxy.resume()
	c.awaitEvent("StateRestored", 1)
	c.deliver(uri, "b")
}

// slowMessage: an event takes longer than a silent broker is waited for.
func slowMessage(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	payload := strings.Repeat("x", 20*slowFrom)
	e.proxy.slow(50 * time.Millisecond)
	c.post(uri, payload)
	c.awaitPayloads(payload)
	e.proxy.slow(0)
	c.deliver(uri, "a")
	e.NotContains(c.events(), "ConnectionLost")
}

func frozenBroker(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.broker.freeze()
	c.post(uri, "a")
	_, err := c.PostAndWait(e.within(brief), uri, []byte("b"))
	e.ErrorContains(err, "deadline")
	e.broker.thaw()
	c.awaitPayloads("a", "b")
	e.Equal(bmq.AckSuccess, c.awaitAcks(1)[0].Status)
	e.NotContains(c.events(), "ConnectionLost")
}
