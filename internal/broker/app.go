package broker

import (
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// app is one application of a queue: the only one, without a name, of a priority or
// broadcast queue, or one of those of a fanout queue. All that its methods do
// happens under the queue's lock.
type app struct {
	queue      *queue
	id         string
	index      int  // of its views in the store
	authorized bool // the domain lists it: it gets messages
	filter     filter
	routing    routing

	// resume is where delivery stopped for lack of capacity while other applications
	// went on; none: the application is where the queue is.
	resume     position
	redelivery retryList // delivered to consumers that are gone
	aside      retryList // no consumer could take them when it was their turn

	messages, bytes int64 // not confirmed by this application
	throttle        *Timer
}

// needs tells whether the application has yet to confirm the message at p.
func (a *app) needs(p position) bool {
	v := a.queue.store.view(p, a.index)
	return v != nil && !v.done
}

// deliver gives out what waits for this application, then what is new.
func (a *app) deliver() {
	if !a.authorized || len(a.routing.consumers) == 0 {
		return
	}
	var wait time.Duration
	offer := func(p position) outcome { return a.offer(p, &wait) }
	a.redelivery.scan(offer)
	if wait == 0 {
		a.aside.scan(offer)
	}
	if a.redelivery.len() == 0 && a.resume != none {
		a.catchUp(&wait)
	}
	if wait > 0 {
		a.retryIn(wait)
	}
	if a.inStep() {
		a.queue.advance()
	}
}

// inStep tells whether the application is where the queue is. As with the official
// broker it is not as long as there is anything to be redelivered, even what no
// subscription wants.
func (a *app) inStep() bool { return a.redelivery.len() == 0 && a.resume == none }

// catchUp delivers the messages that the queue has passed.
func (a *app) catchUp(wait *time.Duration) {
	q := a.queue
	p := q.store.seek(a.resume)
	a.resume = none
	for ; p < q.cursor; p = q.store.seek(p + 1) {
		switch a.offer(p, wait) {
		case unwanted, blocked:
			a.aside.add(p)
		case exhausted, delayed:
			a.resume = p
			return
		case delivered, gone:
		}
	}
}

// offer tries to deliver one message out of its order. Where it has to wait, *wait
// becomes how long.
func (a *app) offer(p position, wait *time.Duration) outcome {
	q := a.queue
	m, v := q.store.at(p), q.store.view(p, a.index)
	if m == nil || v == nil || v.done || v.holder != nil {
		return gone
	}
	var s *subscription
	if pause := a.pause(v); pause > 0 {
		if s = a.afterPause(m, pause, wait); s == nil && *wait > 0 {
			return delayed
		}
	}
	if s == nil {
		var result outcome
		if s, result = a.routing.selectFor(m, &q.properties); s == nil {
			return result
		}
	}
	a.assign(p, m, v, s)
	s.stream.lastSent, s.stream.lastGUID = q.now(), m.guid
	q.push(m, wire.FlagOutOfOrder, s.stream, s.id)
	return delivered
}

// assign makes s the holder of a message.
func (a *app) assign(p position, m *message, v *view, s *subscription) {
	v.holder = s
	s.window.add(len(m.data))
	s.stream.assigned(a.queue.store, p)
}

// advance is the part of an application in the delivery of the message at the
// queue's cursor. It answers the subscription that gets the message, nil if none
// does, and whether the application stays behind.
func (a *app) advance(p position, m *message) (s *subscription, stays bool) {
	q := a.queue
	if !a.inStep() {
		if a.resume == none {
			a.resume = p
		}
		return nil, true
	}
	v := q.store.view(p, a.index)
	if v == nil || v.done || v.holder != nil {
		return nil, false
	}
	s, result := a.routing.selectFor(m, &q.properties)
	switch result {
	case delivered:
		a.assign(p, m, v, s)
		return s, false
	case exhausted:
		a.resume = p
		return nil, true
	default:
		a.aside.add(p)
		return nil, false
	}
}

// lost puts what a stream holds up for redelivery, in the order in which it was
// delivered.
func (a *app) lost(st *stream) {
	for _, p := range st.takeAll() {
		v := a.queue.store.view(p, a.index)
		v.holder = nil
		a.redelivery.add(p)
	}
}

// confirm is done with a message for this application.
func (a *app) confirm(p position, m *message, v *view) {
	v.done, v.holder = true, nil
	a.messages--
	a.bytes -= int64(len(m.data))
	if m.refs--; m.refs == 0 {
		a.queue.remove(p, m)
	}
}

// reconfigure makes the routing anew. What no subscription wanted may be wanted now.
func (a *app) reconfigure() {
	a.throttle.Stop()
	a.throttle = nil
	a.redelivery.wake()
	a.aside.wake()
	var consumers []*stream
	for _, h := range a.queue.handles {
		for _, st := range h.streams {
			if st.app == a && st.reads > 0 && len(st.subscriptions) > 0 {
				consumers = append(consumers, st)
				st.lastSent, st.lastGUID = never, wire.GUID{}
			}
		}
	}
	a.routing = newRouting(consumers)
}
