package enginetest

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
)

var stopping = chapter("stopping",
	Behaviour{Name: "posts-without-an-answer-are-answered-before-the-end", Ref: "4/37 5.4/posts", Run: stopAnswersPosts},
	Behaviour{Name: "while-the-connection-is-down-posts-are-answered-too", Ref: "5.4/posts", Run: stopDown},
	Behaviour{Name: "operations-end-with-the-session", Ref: "5.4/requests", Run: stopEndsOperations},
	Behaviour{Name: "a-post-that-waits-for-room-ends-with-the-session", Ref: "5.4/requests", Run: stopEndsPost},
	Behaviour{Name: "a-running-handler-is-waited-for-and-refused", Ref: "4/58", Run: stopWaitsForHandler},
	Behaviour{Name: "a-stuck-handler-holds-nobody-up-for-ever", Ref: "0.4/contexts", Run: stopStuckHandler},
	Behaviour{Name: "a-stuck-handler-holds-no-operation-up", Ref: "5.4/requests", Run: stopStuckOperation},
	Behaviour{Name: "several-may-stop", Run: stopTogether},
	Behaviour{Name: "unconfirmed-messages-go-back", Ref: "6.8/redelivery", Run: stopGivesBack},
	Behaviour{Name: "what-waits-for-handlers-is-handled-first", Ref: "5.4/posts", Run: stopHandlesRest},
	Behaviour{Name: "acks-behind-the-end-are-ignored", Ref: "5.4/posts", Run: stopIgnoresAcks},
	Behaviour{Name: "draining-loses-nothing-in-hand", Run: draining},
	Behaviour{Name: "draining-while-the-connection-is-down-waits-for-it", Run: drainingDown},
	Behaviour{Name: "at-any-moment", Needs: OwnBroker, Ref: "5.4/silent 0.4/contexts", Run: stopAnyMoment},
)

func stopAnswersPosts(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	acks := e.proxy.drop(down, wire.EventAck)
	w.post(uri, "a", "b")
	e.await(acks.hit, "the broker's ack")
	w.stop()
	entries := w.log.all()
	e.Equal([]string{"Connected", "Disconnected"}, w.events())
	e.Len(entries, 4)
	for i, payload := range []string{"a", "b"} {
		e.Equal(payload, entries[1+i].answer.payload)
		e.Equal(bmq.AckUnknown, entries[1+i].answer.Status)
	}
}

func stopDown(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	w.lose()
	w.post(uri, "a")
	start := time.Now()
	w.stop()
	e.Less(time.Since(start), patience, "there is nobody to wait for")
	e.Equal(bmq.AckUnknown, w.answers()[0].Status)
}

func stopEndsOperations(e *Env) {
	uri, closing := e.queue(memoryPriority), e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.open(closing, bmq.WithRead())
	sent := e.proxy.watch(up, wire.EventControl)
	e.proxy.stall(down)
	operations := map[string]func() error{
		"open":          func() error { return c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithRead()) },
		"configure":     func() error { return c.ConfigureQueue(e.soon(), uri, limit(3)) },
		"post and wait": func() error { _, err := c.PostAndWait(e.soon(), uri, []byte("x")); return err },
		"close":         func() error { return c.CloseQueue(e.soon(), closing) },
	}
	if e.pings() {
		operations["health"] = func() error { return c.Health(e.soon()) }
	}
	results := make(map[string]chan error)
	for name, do := range operations {
		result := make(chan error, 1)
		results[name] = result
		go func() { result <- do() }()
	}
	e.eventually("the requests are under way", func() bool { return sent.count() >= 3 })
	e.eventually("the post is under way", func() bool { return c.Stats().PendingMessages == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop(e.soon()) }()
	for name, result := range results {
		select {
		case err := <-result:
			if name == "post and wait" {
				e.ErrorIs(err, bmq.ErrUnknown, name)
			} else {
				e.ErrorIs(err, bmq.ErrSessionStopped, name)
			}
		case <-e.soon().Done():
			e.FailNow("it does not end", name)
		}
	}
	e.proxy.resume()
	e.NoError(<-stopped)
	c.ended.Store(true)
}

func stopEndsPost(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithMaxPendingBytes(1), bmq.WithChannelWriteTimeout(wholePatience))
	c.open(uri, bmq.WithWrite())
	e.proxy.drop(down, wire.EventAck)
	c.post(uri, "first")
	posted := make(chan error, 1)
	go func() { posted <- c.Post(e.soon(), uri, []byte("waits")) }()
	e.ErrorIs(c.Post(e.within(brief), uri, []byte("waits as well")), context.DeadlineExceeded)
	c.stop()
	e.ErrorIs(<-posted, bmq.ErrSessionStopped)
}

// stopWaitsForHandler: the handler sees that the session is being stopped, and Stop
// waits for it.
func stopWaitsForHandler(e *Env) {
	uri := e.queue(memoryPriority)
	entered, saw := make(chan struct{}), make(chan error, 1)
	c := e.clientWith(setup{onMessage: func(c *client, m *received) {
		close(entered)
		for {
			if _, err := c.GetQueueOptions(uri); err != nil {
				saw <- err
				return
			}
		}
	}})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x")
	e.await(entered, "the handler")
	c.stop()
	select {
	case err := <-saw:
		e.ErrorIs(err, bmq.ErrSessionStopped)
		e.Equal("Method called after session was stopped", err.Error())
	default:
		e.FailNow("Stop did not wait for the handler")
	}
}

func stopStuckHandler(e *Env) {
	uri := e.queue(memoryPriority)
	gate, entered := make(chan struct{}), make(chan struct{})
	c := e.clientWith(setup{onMessage: func(*client, *received) {
		close(entered)
		<-gate
	}})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x")
	e.await(entered, "the handler")
	e.ErrorIs(c.Stop(e.within(brief)), context.DeadlineExceeded)
	c.ended.Store(true)
	e.ErrorIs(c.Post(e.soon(), uri, []byte("x")), bmq.ErrSessionStopped)
	e.eventually("the connection is closed", func() bool { return e.proxy.connections() == 0 })
	close(gate)
	c.awaitEvent("Disconnected", 1)
}

// stopStuckOperation: an operation waits for handlers of what came before; but not when
// the session was stopped and Stop has given the handler up.
func stopStuckOperation(e *Env) {
	uri := e.queue(memoryPriority)
	gate, entered := make(chan struct{}), make(chan struct{})
	c := e.clientWith(setup{onMessage: func(*client, *received) {
		close(entered)
		<-gate
	}})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "x")
	e.await(entered, "the handler")
	configured := make(chan error, 1)
	go func() { configured <- c.ConfigureQueue(e.ctx, uri, bmq.Paused()) }()
	e.eventually("the broker agrees", func() bool {
		o, err := c.GetQueueOptions(uri)
		return err == nil && o.MaxUnconfirmedMessages == bmq.Some(0)
	})
	e.ErrorIs(c.Stop(e.within(brief)), context.DeadlineExceeded)
	c.ended.Store(true)
	select {
	case err := <-configured:
		e.ErrorIs(err, bmq.ErrSessionStopped)
	case <-e.soon().Done():
		e.FailNow("the operation waits on")
	}
	close(gate)
	c.awaitEvent("Disconnected", 1)
}

func stopTogether(e *Env) {
	c := e.client()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := c.Stop(e.soon()); err != nil {
				e.t.Error(err)
			}
			if n := countOf(c.events(), "Disconnected"); n != 1 {
				e.t.Errorf("Stop has returned, and Disconnected came %d times", n)
			}
		})
	}
	e.ends("stopping", all.Wait)
	c.ended.Store(true)
}

func stopGivesBack(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.writer(uri).deliver(uri, "a", "b")
	e.NoError(c.awaitPayloads("a", "b")[0].Confirm())
	c.stop()
	e.remaining(uri, "b")
}

func stopHandlesRest(e *Env) {
	const n = 20
	uri := e.queue(memoryPriority)
	gate := make(chan struct{})
	c := e.clientWith(setup{onMessage: func(*client, *received) { <-gate }})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.post(uri, numbered("m", n)...)
	e.eventually("all have come", func() bool { return c.Stats().MessagesReceived == n })
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop(e.soon()) }()
	e.eventually("the connection is closed", func() bool { return e.proxy.connections() == 0 })
	e.Empty(stopped)
	close(gate)
	e.NoError(<-stopped)
	c.ended.Store(true)
	e.Equal(numbered("m", n), payloads(c.messages()))
}

func stopIgnoresAcks(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	e.proxy.stall(down)
	w.post(uri, "a")
	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop(e.soon()) }()
	w.awaitAcks(1)
	e.proxy.resume() // now the broker's ack comes, ahead of its goodbye
	e.NoError(<-stopped)
	w.ended.Store(true)
	e.Len(w.answers(), 1)
	e.Equal(bmq.AckUnknown, w.answers()[0].Status)
}

func draining(e *Env) {
	const n = 50
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{onMessage: func(_ *client, m *received) { _ = m.Confirm() }})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.post(uri, numbered("m", n)...)
	e.NoError(c.Drain(e.soon()))
	c.ended.Store(true)
	for _, a := range c.answers() {
		e.Equal(bmq.AckSuccess, a.Status)
	}
	seen := len(c.messages())
	e.remaining(uri, numbered("m", n)[seen:]...)
}

func drainingDown(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.lose()
	c.post(uri, "x")
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(e.soon()) }()
	e.proxy.refuse(false)
	e.NoError(<-drained)
	c.ended.Store(true)
	e.Equal(bmq.AckSuccess, c.answers()[0].Status)
	e.remaining(uri, "x")
}

// stopsVariable says how many sessions are stopped at random moments.
const (
	stopsVariable = "ENGINETEST_STOPS"
	fewStops      = 100
	stopCrew      = 8
)

// stopAnyMoment makes sessions, has things happen to them and stops them at a random
// moment with a context that ends at another one.
func stopAnyMoment(e *Env) {
	n := countFrom(stopsVariable, fewStops)
	seed := rand.Uint64()
	e.t.Logf("seed %d, %d sessions", seed, n)
	var next, up atomic.Int64
	var all sync.WaitGroup
	for range stopCrew {
		all.Go(func() {
			p := newProxy(e.t, e.broker.address)
			defer p.close()
			for {
				i := next.Add(1)
				if int(i) > n || e.t.Failed() {
					return
				}
				if e.stopOnce(p, rand.New(rand.NewPCG(seed, uint64(i)))) {
					up.Add(1)
				}
			}
		})
	}
	all.Wait()
	e.Greater(int(up.Load()), n*8/10, "sessions that came up")
}

// farewell is how long a session waits for the broker's goodbye. libbmq does so in the
// background when Stop has been given up; the official broker has none for every client.
const farewell = 3 * time.Second

// slack is how much longer than its context Stop may take on a busy machine.
const slack = 10 * time.Second

// answerTime is how long a delicate broker may take to answer a new client.
const answerTime = 5 * time.Second

// revive starts the broker anew if it answers nobody any more.
func (e *Env) revive() {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithTimeout(e.ctx, answerTime)
	defer cancel()
	s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, bmq.WithEngine(bmq.EnginePortable),
		bmq.WithBroker("tcp://"+e.broker.address()), bmq.WithLogger(quiet))
	if err == nil {
		s.Close()
		return
	}
	e.t.Logf("the broker answers nobody any more, and is started anew: %v", err)
	e.broker.kill()
	e.broker.restart()
}

// stopOnce makes one session and tells whether it came up.
func (e *Env) stopOnce(p *proxy, r *rand.Rand) bool {
	p.refuse(false)
	p.resume()
	moment := func() time.Duration { return time.Duration(r.ExpFloat64() * float64(2*time.Millisecond)) }
	var disconnected atomic.Int32
	startLimit := patience
	switch {
	case e.kind.delicate:
		startLimit = answerTime
	case r.IntN(10) == 0: // the start is what is stopped
		startLimit = moment()
	}
	ctx, cancel := context.WithTimeout(e.ctx, startLimit)
	defer cancel()
	s, err := bmq.NewSession(ctx, func(ev sessionevents.SessionEvent) {
		if _, ok := ev.(sessionevents.Disconnected); ok {
			disconnected.Add(1)
		}
	}, bmq.WithEngine(e.engine), bmq.WithBroker(p.uri()), bmq.WithLogger(quiet), bmq.WithMaxPendingBytes(1<<20),
		bmq.WithTimeouts(bmq.Timeouts{DisconnectTimeout: farewell}), bmq.WithOnMessage(func(_ *bmq.Message, h *bmq.MessageHandle) { _ = h.Confirm() }))
	if err != nil {
		if ctx.Err() == nil {
			e.t.Errorf("a session does not start: %v", err)
		}
		if e.kind.delicate {
			e.revive()
		}
		return false
	}
	var busy, harmed sync.WaitGroup
	uri := e.queue(memoryPriority)
	steps := r.IntN(6)
	harm := r.IntN(8)
	pause, limit := moment(), stopLimit(r)
	busy.Go(func() { e.keepBusy(s, uri, steps) })
	harmed.Go(func() { harmful(p, harm) })
	timer := time.NewTimer(pause)
	<-timer.C

	stopCtx, stop := context.WithTimeout(e.ctx, limit)
	defer stop()
	start := time.Now()
	err = s.Stop(stopCtx)
	if took := time.Since(start); took > limit+slack {
		e.t.Errorf("Stop took %v with a context of %v", took, limit)
	}
	if err != nil && stopCtx.Err() == nil {
		e.t.Errorf("Stop failed: %v", err)
	}
	if err == nil && disconnected.Load() != 1 {
		e.t.Errorf("Stop has returned, and Disconnected came %d times", disconnected.Load())
	}
	harmed.Wait() // or it would stall what comes after
	p.resume()
	busy.Wait()
	if !poll(patience, func() bool { return disconnected.Load() == 1 && p.connections() == 0 }) {
		e.t.Errorf("the session lives on: %d connections", p.connections())
	}
	return true
}

func stopLimit(r *rand.Rand) time.Duration {
	return []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond}[r.IntN(4)]
}

// keepBusy has a session do some things, one after the other, until it is stopped.
func (e *Env) keepBusy(s *bmq.Session, uri string, steps int) {
	ctx := e.soon()
	do := []func() error{
		func() error { return s.OpenQueue(ctx, uri, bmq.WithRead(), bmq.WithWrite()) },
		func() error {
			for range 50 {
				if err := s.Post(ctx, uri, []byte("x"), bmq.WithOnAck(func(*bmq.Ack) {})); err != nil {
					return err
				}
			}
			return nil
		},
		func() error { return s.ConfigureQueue(ctx, uri, limit(3)) },
		func() error { _, err := s.PostAndWait(ctx, uri, []byte("y")); return err },
		func() error { return s.Flush(ctx) },
		func() error { return s.CloseQueue(ctx, uri) },
	}
	for _, f := range do[:steps] {
		if f() != nil {
			return
		}
	}
}

// harmful lets a connection fail in one of several ways, or not.
func harmful(p *proxy, kind int) {
	switch kind {
	case 0:
		p.stall(up)
	case 1:
		p.stall(down)
	case 2:
		p.stall(up, down)
	case 3:
		p.cut()
	case 4:
		p.isolate()
	}
}
