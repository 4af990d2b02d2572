package portable

import (
	"fmt"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
)

// hostHealth suspends and resumes the queues that want that when the host's health
// changes. Session.mu guards it.
type hostHealth struct {
	healthy bool
	bad     bool                // HostUnhealthy was reported, HostHealthRestored not yet
	pending map[*queue]*request // suspending and resuming under way
}

// SetHostHealth implements engine.Engine.
func (s *Session) SetHostHealth(healthy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.health
	if h.healthy == healthy {
		return
	}
	h.healthy = healthy
	if s.stopping() {
		return
	}
	h.report(s)
	for _, q := range s.queuesNow() {
		h.reconcile(s, q)
	}
	h.checkRestored(s)
}

// report tells that the host is unhealthy, once.
func (h *hostHealth) report(s *Session) {
	if !h.healthy && !h.bad {
		h.bad = true
		s.event(eventHostUnhealthy, nil, engine.Status{})
	}
}

// suspends tells whether the queue is to be out of use at present.
func (h *hostHealth) suspends(q *queue) bool {
	return !h.healthy && q.options.SuspendsOnBadHostHealth
}

// reconcile begins what brings the queue to the state it should have. One change is
// under way at a time; what has changed meanwhile is looked at when it is through.
// Without a connection a change is through at once: reopening follows it.
func (h *hostHealth) reconcile(s *Session, q *queue) {
	want := h.suspends(q)
	if want == q.suspended || h.pending[q] != nil || q.closeDone != nil {
		return
	}
	switch {
	case q.state == queuePending, q.state == queueOpened && !q.req.Read:
		h.settle(s, q, want, engine.Status{})
	case q.state == queueOpened:
		h.change(s, q, want)
	} // in other states joined looks again when the queue is open
}

// change has the broker deliver nothing more, or deliver again.
func (h *hostHealth) change(s *Session, q *queue, suspend bool) {
	var r *request
	if suspend {
		s.out.changeGate(q, func(g *gate) { g.suspended = true })
		r = q.configureRequest(requestSuspend, nil)
	} else {
		if st := q.checkSupported(q.options); !st.OK() {
			h.settle(s, q, false, st)
			return
		}
		r = q.configureRequest(requestResume, q.options)
	}
	timeout := s.cfg.ConfigureQueueTimeout
	r.timer = time.AfterFunc(timeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		h.answered(s, r, engine.Status{Code: engine.Timeout, Text: fmt.Sprintf("no answer within %v", timeout)})
	})
	if h.pending == nil {
		h.pending = make(map[*queue]*request)
	}
	h.pending[q] = r
	s.transmit(r)
}

// answered takes the broker's answer to a change.
func (h *hostHealth) answered(s *Session, r *request, st engine.Status) {
	if !h.end(r) {
		return
	}
	h.settle(s, r.q, r.kind == requestSuspend, st)
	if r.kind == requestSuspend && !st.OK() {
		s.dropConnection("suspending a queue failed: " + r.q.uri)
	}
	h.reconcile(s, r.q)
	h.checkRestored(s)
}

// end ends a change; it answers false if that was done before.
func (h *hostHealth) end(r *request) bool {
	if r == nil || h.pending[r.q] != r {
		return false
	}
	delete(h.pending, r.q)
	r.timer.Stop()
	return true
}

// settle says that the queue is suspended now, or is not. A queue that could not be
// suspended or resumed counts as if it had been: there is nothing to be done about
// it but what its event says.
func (h *hostHealth) settle(s *Session, q *queue, suspended bool, st engine.Status) {
	h.set(s, q, suspended)
	typ := eventQueueResumed
	if suspended {
		typ = eventQueueSuspended
	}
	s.event(typ, q.req.Owner, st)
}

func (h *hostHealth) set(s *Session, q *queue, suspended bool) {
	q.suspended = suspended
	s.out.changeGate(q, func(g *gate) { g.suspended = suspended })
}

// joined looks at a queue that was opened, or opened again, with or without being
// configured. One that is opened the first time while the host is unhealthy is
// suspended without an event, as upstream does it.
func (h *hostHealth) joined(s *Session, q *queue, again bool) {
	switch delivers := len(q.subs) > 0; {
	case h.suspends(q) && !delivers && !again:
		h.set(s, q, true)
	case h.suspends(q) && !delivers:
		if !q.suspended {
			h.settle(s, q, true, engine.Status{})
		}
	default:
		if q.suspended {
			h.settle(s, q, false, engine.Status{})
		}
		h.reconcile(s, q)
	}
	h.checkRestored(s)
}

// left forgets a queue.
func (h *hostHealth) left(s *Session, q *queue) {
	h.end(h.pending[q])
	h.checkRestored(s)
}

// interrupted settles the changes that can't be answered any more: reopening will
// do them.
func (h *hostHealth) interrupted(s *Session) {
	for _, q := range s.queuesNow() {
		if r := h.pending[q]; h.end(r) {
			h.settle(s, q, r.kind == requestSuspend, engine.Status{})
		}
		h.reconcile(s, q)
	}
	h.checkRestored(s)
}

// checkRestored reports that the host is healthy and all queues are in use.
func (h *hostHealth) checkRestored(s *Session) {
	if !h.bad || !h.healthy || len(h.pending) > 0 || s.state == stateClosing {
		return
	}
	for _, q := range s.queues {
		if q.suspended {
			return
		}
	}
	h.bad = false
	s.event(eventHostHealthRestored, nil, engine.Status{})
}
