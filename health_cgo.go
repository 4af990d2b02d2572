//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
)

// nativeHealth is what the session knows about the health of its host.
// nativeSession.mu guards it.
type nativeHealth struct {
	healthy bool   // as the application says
	bad     bool   // as libbmq says: between HostUnhealthy and HostHealthRestored
	changes []bool // of healthy, that libbmq is still to be told
}

// SetHostHealth implements engine.Engine.
func (s *nativeSession) SetHostHealth(healthy bool) {
	if !s.enter() {
		return
	}
	defer s.leave()
	h := &s.health
	s.mu.Lock()
	if h.healthy == healthy {
		s.mu.Unlock()
		return
	}
	h.healthy = healthy
	var sensitive []*nativeQueue
	for _, q := range s.queues {
		if q.opened && q.suspends {
			sensitive = append(sensitive, q)
		}
	}
	h.changes = append(h.changes, healthy)
	if len(h.changes) == 1 {
		// A monitor may hold a lock while it calls: libbmq is told on another goroutine.
		s.calls.Add(1)
		go s.tellHealth()
	}
	s.mu.Unlock()
	if !healthy {
		// Posts are refused from now on, not from the event on.
		s.out.changeGates(sensitive, func(q *nativeQueue) { q.suspended = true })
	}
}

// tellHealth passes changes of the host's health on, each of them and in order.
func (s *nativeSession) tellHealth() {
	defer s.leave()
	h := &s.health
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(h.changes) > 0 {
		healthy := h.changes[0]
		s.mu.Unlock()
		s.c.SetHealth(healthy)
		s.mu.Lock()
		h.changes = h.changes[1:]
	}
	h.changes = nil
}

func (s *nativeSession) setBad(bad bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.bad = bad
}

// changed takes an event that a queue was suspended or resumed. What was reported
// already is not reported again.
func (s *nativeSession) changed(q *nativeQueue, suspended bool, st engine.Status) {
	s.mu.Lock()
	known := q.reported == suspended && st.OK()
	q.reported = suspended
	s.mu.Unlock()
	if !known {
		s.report(q, suspended, st)
	}
}

func (s *nativeSession) report(q *nativeQueue, suspended bool, st engine.Status) {
	s.out.changeGates([]*nativeQueue{q}, func(q *nativeQueue) { q.suspended = suspended })
	typ := sessionevents.TypeQueueResumed
	if suspended {
		typ = sessionevents.TypeQueueSuspended
	}
	s.emit(typ, q.req.Owner, st)
}

// reconcile reports what is not reported yet: libbmq suspends and resumes queues
// without a word while they are being opened again, and not at all while they have no
// connection, or where it did not take a change of options because nothing is read
// from the queue.
func (s *nativeSession) reconcile(queues ...*nativeQueue) {
	for _, q := range queues {
		s.mu.Lock()
		want := q.suspends && s.health.bad
		change := q.opened && want != q.reported
		if change {
			q.reported = want
		}
		s.mu.Unlock()
		if change {
			s.report(q, want, engine.Status{})
		}
	}
}

// reconcileOthers is reconcile for the queues that libbmq will not report itself.
func (s *nativeSession) reconcileOthers() {
	for _, q := range s.openQueues() {
		s.mu.Lock()
		others := s.state != nativeUp || !q.req.Read
		s.mu.Unlock()
		if others {
			s.reconcile(q)
		}
	}
}

// opened looks at a queue that was opened. While the host is unhealthy it is suspended
// without an event, as upstream does it.
func (s *nativeSession) opened(q *nativeQueue) {
	s.mu.Lock()
	suspended := q.suspends && s.health.bad
	q.reported = suspended
	s.mu.Unlock()
	s.out.changeGates([]*nativeQueue{q}, func(q *nativeQueue) { q.suspended = suspended })
}
