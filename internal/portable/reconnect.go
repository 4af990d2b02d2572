package portable

import (
	"time"

	"github.com/bmq-go/bmq/internal/engine"
)

func (s *Session) connectionLost(st engine.Status) {
	s.log.Warn("lost the connection to the broker", "broker", s.cfg.BrokerURI, "error", st.Err)
	s.event(eventConnectionLost, nil, engine.Status{})
	s.reopens = 0
	lost := s.requests
	s.requests = make(map[int32]*request)
	for _, r := range sortedRequests(lost) {
		if r.kind == requestReconfigure && !r.expired {
			s.kept = append(s.kept, r)
		}
	}
	for _, q := range s.queuesNow() {
		q.step(inConnectionLost, st)
	}
	s.health.interrupted(s)
	s.scheduleExpiry()
}

// reconnected has queues opened again; when that is through, restore goes on.
func (s *Session) reconnected(engine.Status) {
	s.attach()
	s.log.Info("connected to the broker again", "broker", s.cfg.BrokerURI)
	s.event(eventReconnected, nil, engine.Status{})
	s.stopExpiry()
	s.reopens = 1 // this loop itself, so that restore waits for it
	for _, q := range s.queuesNow() {
		if q.state == queuePending {
			s.reopens++
			q.step(inReopen, engine.Status{})
		}
	}
	s.reopenEnded()
}

// reopenEnded counts queues whose reopening is over. Behind the last one come the
// requests that were kept, then the posts that were kept.
func (s *Session) reopenEnded() {
	s.reopens--
	if s.reopens > 0 || s.state != stateStarted || s.restored {
		return
	}
	s.restored = true
	kept := s.kept
	s.kept = nil
	for _, r := range kept {
		if r.kind == requestReconfigure {
			r.q.sendReconfigure(r)
		} else {
			s.transmit(r)
		}
	}
	s.out.expire()
	s.event(eventStateRestored, nil, engine.Status{}) // ahead of the first ack
	s.out.resume()
}

// scheduleExpiry has posts answered that wait for a connection longer than the
// broker recognises repeats.
func (s *Session) scheduleExpiry() {
	var t *time.Timer
	t = time.AfterFunc(s.out.nextExpiry(s.queues), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.expiry == t {
			s.out.expire()
			s.scheduleExpiry()
		}
	})
	s.expiry = t
}

func (s *Session) stopExpiry() {
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
}

// nextExpiry is when to look for posts that waited too long: when the first one of
// those that are there has, or one that is made now would have.
func (o *outbox) nextExpiry(queues []*queue) time.Duration {
	const least, most = 100 * time.Millisecond, time.Minute
	o.mu.Lock()
	defer o.mu.Unlock()
	next := most
	for _, q := range queues {
		if d := q.gate.dedup; d > 0 {
			next = min(next, d)
		}
	}
	now := time.Since(o.guids.Epoch())
	for _, p := range o.pending.all {
		if d := p.q.gate.dedup; d > 0 {
			next = min(next, d-p.age(now))
		}
	}
	return max(next, least)
}

// expire answers posts that are older than the broker remembers: it would take a
// repeat for a new message.
func (o *outbox) expire() {
	now := time.Since(o.guids.Epoch())
	o.answerWhere(engine.Unknown, func(p *post) bool {
		d := p.q.gate.dedup
		return d > 0 && p.age(now) >= d
	}, func() {})
}
