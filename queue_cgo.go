//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// nativeQueue implements engine.Queue.
type nativeQueue struct {
	s      *nativeSession
	req    engine.OpenRequest
	number uint64 // by which libbmq names it
	c      *cbridge.Queue

	// Guarded by nativeSession.mu.
	opened   bool          // and not closed yet
	reopened bool          // since the connection came back
	suspends bool          // with bad host health
	reported bool          // as suspended
	handles  map[int64]any // of the subscriptions, by their numbers
	closing  bool          // Close was called
	users    int           // calls into C that have c at present
	gone     bool          // c is to be freed when there are none

	// Guarded by nativeOutbox.mu: what posts and confirmations have to know.
	closed    bool // gone, or going
	suspended bool
	open      bool // on the present connection: confirmations can be sent
	pending   int  // posts without an answer
}

// OpenQueue implements engine.Engine.
func (s *nativeSession) OpenQueue(req engine.OpenRequest, done func(engine.Queue, engine.Status)) {
	fail := func(st engine.Status) { done(nil, st) }
	if !s.enter() {
		fail(engine.Status{Code: engine.NotConnected, Text: "Not connected"})
		return
	}
	defer s.leave()
	if st := checkNativeOptions(&req.Options, req.Timeout); !st.OK() {
		fail(st)
		return
	}
	q := &nativeQueue{s: s, req: req, suspends: req.Options.SuspendsOnBadHostHealth, users: 1}
	s.mu.Lock()
	s.lastNumber++
	q.number = s.lastNumber
	s.mu.Unlock()
	var err error
	if q.c, err = s.c.NewQueue(q.number); err != nil {
		fail(nativeFailure(err))
		return
	}
	defer q.release()
	list, handles, expressions := s.numberSubscriptions(req.Options.Subscriptions)
	s.mu.Lock()
	q.handles = handles
	s.queues[q.number] = q // messages may come before the result
	s.mu.Unlock()
	id := s.begin(q, func(st engine.Status) {
		if !st.OK() {
			q.drop()
			fail(st)
			return
		}
		q.use()
		s.opened(q)
		done(q, st)
	})
	err = q.c.Open(&cbridge.OpenRequest{
		Operation: id, URI: req.URI.String(), Read: req.Read, Write: req.Write,
		Options: q.options(req.Options), Subscriptions: list, Expressions: expressions, Timeout: req.Timeout,
	})
	if err != nil {
		s.finish(id, nativeFailure(err))
	}
}

// checkNativeOptions refuses what libbmq takes for integers of 32 bits, or ends the
// process for.
func checkNativeOptions(o *engine.QueueOptions, timeout time.Duration) engine.Status {
	fits := func(v int64) bool { return v >= 0 && v <= math.MaxInt32 }
	ok := timeout > 0 && fits(o.MaxUnconfirmedMessages) && fits(o.MaxUnconfirmedBytes)
	for _, s := range o.Subscriptions {
		ok = ok && fits(s.MaxUnconfirmedMessages) && fits(s.MaxUnconfirmedBytes) && len(s.Expression) <= math.MaxInt16
	}
	if !ok {
		return engine.Status{Code: engine.InvalidArgument, Text: "a timeout or limit is out of range"}
	}
	return engine.Status{}
}

// options are what libbmq gets. For a queue that is not read from it accepts no
// limits, and no priority below that of readers.
func (q *nativeQueue) options(o engine.QueueOptions) cbridge.QueueOptions {
	to := cbridge.QueueOptions{}
	if o.SuspendsOnBadHostHealth {
		to.SuspendsOnBadHostHealth = 1
	}
	if q.req.Read {
		to.MaxUnconfirmedMessages = int32(o.MaxUnconfirmedMessages)
		to.MaxUnconfirmedBytes = int32(o.MaxUnconfirmedBytes)
		to.ConsumerPriority = o.ConsumerPriority
	}
	return to
}

// numberSubscriptions gives subscriptions numbers, by which their messages are known.
func (s *nativeSession) numberSubscriptions(subs []engine.Subscription) ([]cbridge.Subscription, map[int64]any, string) {
	if len(subs) == 0 {
		return nil, nil, ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]cbridge.Subscription, 0, len(subs))
	handles := make(map[int64]any, len(subs))
	var expressions strings.Builder
	for _, sub := range subs {
		s.lastNumber++
		number := int64(s.lastNumber)
		handles[number] = sub.Handle
		list = append(list, cbridge.Subscription{
			Number:                 number,
			MaxUnconfirmedMessages: int32(sub.MaxUnconfirmedMessages),
			MaxUnconfirmedBytes:    int32(sub.MaxUnconfirmedBytes),
			ConsumerPriority:       sub.ConsumerPriority,
			ExpressionSize:         int32(len(sub.Expression)),
		})
		expressions.WriteString(sub.Expression)
	}
	return list, handles, expressions.String()
}

// use lets messages through.
func (q *nativeQueue) use() {
	s := q.s
	s.mu.Lock()
	q.opened, q.reopened = true, true
	up := s.state == nativeUp
	s.mu.Unlock()
	s.out.changeGates([]*nativeQueue{q}, func(q *nativeQueue) { q.open = up && !q.closed })
}

// acquire keeps c from being freed until release is called. It answers false if it is
// to be freed already.
func (q *nativeQueue) acquire() bool {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	if q.gone {
		return false
	}
	q.users++
	return true
}

func (q *nativeQueue) release() { q.settle(func() { q.users-- }) }

// forget frees c, now or when the last call that has it returns.
func (q *nativeQueue) forget() { q.settle(func() { q.gone = true }) }

func (q *nativeQueue) settle(change func()) {
	q.s.mu.Lock()
	change()
	free := q.gone && q.users == 0
	q.s.mu.Unlock()
	if free {
		q.c.Free()
	}
}

// drop ends a queue that is closed, or was not opened. Its posts get their answers.
func (q *nativeQueue) drop() {
	s := q.s
	s.mu.Lock()
	q.opened = false
	_, known := s.queues[q.number]
	delete(s.queues, q.number)
	s.mu.Unlock()
	s.out.fail(q)
	// It is freed when no record names it any more.
	if known && !s.out.after(q.forget) {
		s.mu.Lock()
		s.closed = append(s.closed, q)
		s.mu.Unlock()
	}
}

// Configure implements engine.Queue.
func (q *nativeQueue) Configure(opts engine.QueueOptions, timeout time.Duration, done func(engine.Status)) {
	s := q.s
	if !s.enter() {
		done(nativeStopped)
		return
	}
	defer s.leave()
	if st := checkNativeOptions(&opts, timeout); !st.OK() {
		done(st)
		return
	}
	list, handles, expressions := s.numberSubscriptions(opts.Subscriptions)
	s.mu.Lock()
	if !q.opened {
		s.mu.Unlock()
		done(engine.Status{Code: engine.ConfigureInvalidQueue, Text: "the queue is closed"})
		return
	}
	before := q.handles
	q.handles = merged(before, handles) // messages may come before the result, of either
	s.mu.Unlock()
	c := &nativeConfigure{q: q, options: q.options(opts), list: list, expressions: expressions, deadline: time.Now().Add(timeout)}
	c.done = func(st engine.Status) {
		s.mu.Lock()
		if st.OK() {
			q.handles, q.suspends = handles, opts.SuspendsOnBadHostHealth
		} else {
			q.handles = before
		}
		s.mu.Unlock()
		if st.OK() {
			s.reconcile(q)
		}
		done(st)
	}
	c.send()
}

// nativeConfigure is a change of a queue's options.
type nativeConfigure struct {
	q           *nativeQueue
	options     cbridge.QueueOptions
	list        []cbridge.Subscription
	expressions string
	deadline    time.Time
	done        func(engine.Status)
}

// configureAgain is how long to wait before another attempt.
const configureAgain = 50 * time.Millisecond

// send asks libbmq for it. After a change that timed out libbmq refuses another one
// until the broker has answered the first: then it is asked again, as long as there is
// time.
func (c *nativeConfigure) send() {
	s := c.q.s
	id := s.begin(c.q, func(st engine.Status) {
		left := time.Until(c.deadline)
		switch {
		case st.Code != engine.ConfigureAlreadyInProgress:
			c.done(st)
		case left <= 0:
			c.done(engine.Status{Code: engine.Timeout, Text: "the broker has not answered the change before this one"})
		default:
			time.AfterFunc(min(left, configureAgain), c.again)
		}
	})
	if !c.q.acquire() {
		s.finish(id, engine.Status{Code: engine.ConfigureInvalidQueue, Text: "the queue was closed"})
		return
	}
	defer c.q.release()
	if err := c.q.c.Configure(id, c.options, c.list, c.expressions, max(time.Until(c.deadline), time.Millisecond)); err != nil {
		s.finish(id, nativeFailure(err))
	}
}

func (c *nativeConfigure) again() {
	s := c.q.s
	s.mu.Lock()
	opened := c.q.opened
	s.mu.Unlock()
	if !opened {
		c.done(engine.Status{Code: engine.ConfigureInvalidQueue, Text: "the queue was closed"})
		return
	}
	if !s.enter() {
		c.done(nativeStopped)
		return
	}
	defer s.leave()
	c.send()
}

func merged(a, b map[int64]any) map[int64]any {
	m := make(map[int64]any, len(a)+len(b))
	for _, from := range []map[int64]any{a, b} {
		for number, handle := range from {
			m[number] = handle
		}
	}
	return m
}

// Close implements engine.Queue. It is sent behind the posts and confirmations that
// were accepted before, unless these have to wait for longer than the timeout.
func (q *nativeQueue) Close(timeout time.Duration, done func(engine.Status)) {
	s := q.s
	if !s.enter() { // which also keeps the session until the queue is dropped
		done(nativeStopped)
		return
	}
	defer s.leave()
	s.mu.Lock()
	opened, closing := q.opened, q.closing
	q.closing = true
	s.mu.Unlock()
	switch {
	case !opened:
		done(engine.Status{Code: engine.CloseAlreadyClosed, Text: "the queue is closed already"})
		return
	case closing:
		done(engine.Status{Code: engine.CloseAlreadyInProgress, Text: "the queue is being closed already"})
		return
	}
	var once sync.Once
	var timer *time.Timer
	id := s.begin(q, func(st engine.Status) {
		q.drop()
		done(st)
	})
	send := func() {
		once.Do(func() {
			if !s.enter() {
				s.finish(id, nativeStopped)
				return
			}
			defer s.leave()
			if !q.acquire() {
				s.finish(id, engine.Status{Code: engine.CloseAlreadyClosed, Text: "the queue is closed already"})
				return
			}
			defer q.release()
			if err := q.c.Close(id, timeout); err != nil {
				s.finish(id, nativeFailure(err))
			}
		})
	}
	s.out.changeGates([]*nativeQueue{q}, func(q *nativeQueue) { q.closed, q.open = true, false })
	timer = time.AfterFunc(timeout, func() {
		s.out.repack()
		send()
	})
	handedOver := func() {
		timer.Stop()
		send()
	}
	if !s.out.after(handedOver) {
		handedOver()
	}
}

// Post implements engine.Queue.
func (q *nativeQueue) Post(ctx context.Context, put engine.Put) engine.Status {
	return q.s.out.post(ctx, q, &put)
}

// Confirm implements engine.Queue.
func (q *nativeQueue) Confirm(guid wire.GUID) engine.Status {
	return q.ConfirmBatch([]wire.GUID{guid})
}

// ConfirmBatch implements engine.Queue.
func (q *nativeQueue) ConfirmBatch(guids []wire.GUID) engine.Status {
	if !q.req.Read {
		return engine.Status{Code: engine.InvalidArgument, Text: "the queue is not open for reading"}
	}
	return q.s.out.confirm(q, guids)
}
