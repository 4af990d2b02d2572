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
	if h.healthy == healthy || s.state == stateClosing || s.state == stateStopped {
		return
	}
	h.healthy = healthy
	if !healthy && !h.bad {
		h.bad = true
		s.event(eventHostUnhealthy, nil, engine.Status{})
	}
	for _, q := range s.queuesNow() {
		h.reconcile(s, q)
	}
	h.checkRestored(s)
}

// suspends tells whether the queue is to be out of use at present.
func (h *hostHealth) suspends(q *queue) bool {
	return !h.healthy && q.options.SuspendsOnBadHostHealth
}

// reconcile begins what brings the queue to the state it should have. One change is
// under way at a time; what has changed meanwhile is looked at when it is through.
func (h *hostHealth) reconcile(s *Session, q *queue) {
	want := h.suspends(q)
	if want == q.suspended || h.pending[q] != nil || q.closeDone != nil {
		return
	}
	switch q.state {
	case queueOpened, queuePending:
	default:
		return // joined looks again when the queue is open
	}
	s.out.changeGate(q, func(g *gate) { g.suspended = want || g.suspended })
	if !q.req.Read || q.state == queuePending {
		h.settle(s, q, want, engine.Status{})
		return
	}
	var r *request
	if want {
		r = q.deconfigureRequest(requestSuspend)
	} else {
		r = q.configureRequest(requestResume, q.options)
	}
	timeout := s.cfg.ConfigureQueueTimeout
	r.timer = time.AfterFunc(timeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if h.pending[q] == r {
			r.expired = true
			h.answered(s, r, engine.Status{Code: engine.Timeout, Text: fmt.Sprintf("no answer within %v", timeout)})
		}
	})
	if h.pending == nil {
		h.pending = make(map[*queue]*request)
	}
	h.pending[q] = r
	s.transmit(r)
}

// answered takes the broker's answer to a change.
func (h *hostHealth) answered(s *Session, r *request, st engine.Status) {
	if h.pending[r.q] != r {
		return
	}
	delete(h.pending, r.q)
	r.timer.Stop()
	h.settle(s, r.q, r.kind == requestSuspend, st)
	if r.kind == requestSuspend && !st.OK() {
		s.dropConnection("suspending a queue failed: " + r.q.uri)
	}
	h.reconcile(s, r.q)
	h.checkRestored(s)
}

// settle says that the queue is suspended now, or is not. A queue that could not be
// suspended or resumed counts as if it had been: there is nothing to be done about
// it but what its event says.
func (h *hostHealth) settle(s *Session, q *queue, suspended bool, st engine.Status) {
	q.suspended = suspended
	s.out.changeGate(q, func(g *gate) { g.suspended = suspended })
	typ := eventQueueResumed
	if suspended {
		typ = eventQueueSuspended
	}
	s.event(typ, q.req.Owner, st)
}

// joined looks at a queue that was opened or reopened. One that is opened while the
// host is unhealthy is suspended without an event, as upstream does it.
func (h *hostHealth) joined(s *Session, q *queue) {
	switch want := h.suspends(q); {
	case want:
		q.suspended = true
		s.out.changeGate(q, func(g *gate) { g.suspended = true })
	case q.suspended:
		h.settle(s, q, false, engine.Status{})
	}
	h.checkRestored(s)
}

// configured looks at a queue whose options have changed.
func (h *hostHealth) configured(s *Session, q *queue) {
	h.reconcile(s, q)
}

// left forgets a queue.
func (h *hostHealth) left(s *Session, q *queue) {
	if r := h.pending[q]; r != nil {
		r.timer.Stop()
		delete(h.pending, q)
	}
	h.checkRestored(s)
}

// interrupted settles the changes that can't be answered any more: reopening will
// do them.
func (h *hostHealth) interrupted(s *Session) {
	for q, r := range h.pending {
		r.timer.Stop()
		delete(h.pending, q)
		h.settle(s, q, r.kind == requestSuspend, engine.Status{})
	}
	for _, q := range s.queuesNow() {
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
