package messaging

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq"
)

// source is one queue of a consumer.
type source struct {
	c     *Consumer
	queue Queue
	h     *handle
	// epoch is the number of times that deliveries became stale. It changes on the
	// session's goroutine, in order with the messages that arrive, or while the queue is
	// closed.
	epoch   atomic.Uint32
	flowing atomic.Bool // the broker is to deliver

	// The rest is guarded by c.mu.
	waiting     fifo[*Delivery] // arrived, not handed out
	first, last *Delivery       // in hand, in the order of handing out
	inHand      int
	limit       int                       // of inHand
	held        map[*Delivery]*time.Timer // to be handed out again later
	paused      bool                      // by Pause
	frozen      int                       // while the queue is about to be reopened
	scheduled   bool                      // in c.ready
	thaw        bool                      // to be configured when nothing waits any more
	canceled    error
	idle        chan struct{} // closed when nothing is in hand, made by who waits for that
	warned      bool
}

// options are the options that the queue is opened with.
func (s *source) options() bmq.QueueOptions {
	s.c.mu.Lock()
	q := s.queue
	s.c.mu.Unlock()
	return q.options(!s.flowing.Load())
}

// arrived takes a message of the session.
func (s *source) arrived(m *bmq.Message, h *bmq.MessageHandle) {
	d := &Delivery{message: m, handle: h, source: s, epoch: s.epoch.Load()}
	s.h.c.stats.received.Add(1)
	c := s.c
	c.mu.Lock()
	s.waiting.push(d)
	if s.queue.Broadcast && s.waiting.len() > s.limit {
		s.waiting.pop()
		s.h.c.stats.dropped.Add(1)
		if !s.warned {
			s.warned = true
			c.log.Warn("a broadcast queue delivers faster than it is consumed; messages are dropped", "queue", s.queue.URI)
		}
	}
	c.schedule(s)
	c.mu.Unlock()
}

// lose makes all deliveries so far stale.
func (s *source) lose() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s.epoch.Add(1)
	s.h.c.stats.stale.Add(uint64(s.inHand + s.waiting.len()))
	s.waiting.clear()
	for d, timer := range s.held {
		timer.Stop()
		delete(s.held, d)
	}
	for s.first != nil {
		s.remove(s.first)
	}
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	s.warm()
	c.signal()
}

// warm has the broker deliver again if nothing waits here any more. The caller holds c.mu.
func (s *source) warm() {
	if s.thaw && s.waiting.len() == 0 {
		s.thaw = false
		s.c.client.background(s.refill)
	}
}

// add puts a delivery into the list of what is in hand.
func (s *source) add(d *Delivery) {
	d.prev, d.listed = s.last, true
	if s.last == nil {
		s.first = d
	} else {
		s.last.next = d
	}
	s.last = d
	s.inHand++
	s.c.inHand++
}

func (s *source) remove(d *Delivery) {
	if !d.listed {
		return
	}
	if d.prev == nil {
		s.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		s.last = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.prev, d.next, d.listed = nil, nil, false
	s.inHand--
	s.c.inHand--
	if s.inHand == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// eligible tells whether something may be handed out.
func (s *source) eligible() bool {
	return s.waiting.len() > 0 && (s.inHand < s.limit || s.queue.Broadcast) && !s.paused && s.frozen == 0
}

// settled waits until nothing of the queue is in hand, and hands out nothing more until
// resume is called.
func (s *source) settled(ctx context.Context) (resume func(), err error) {
	c := s.c
	resume = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		s.frozen--
		c.schedule(s)
	}
	c.mu.Lock()
	s.frozen++
	if s.inHand == 0 {
		c.mu.Unlock()
		return resume, nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return resume, nil
	case <-ctx.Done():
		resume()
		return nil, fmt.Errorf("%w: deliveries of %s are in hand: %w", ErrBusy, s.queue.URI, ctx.Err())
	}
}

// cancel ends the source: the queue is not open and will not be.
func (s *source) cancel(err error) {
	c := s.c
	s.lose()
	c.mu.Lock()
	s.canceled = err
	delete(c.sources, s.queue.URI)
	fatal := c.cfg.OnCancel == nil || len(c.sources) == 0
	if fatal && c.failed == nil {
		c.failed = err
		c.end()
	}
	c.mu.Unlock()
	c.log.Error("a queue is lost to its consumer", "queue", s.queue.URI, "error", err)
	s.h.c.release(s.h)
	if c.cfg.OnCancel != nil {
		go func() { // that nobody waits for: it may close the client
			if err := protect(func() error { c.cfg.OnCancel(s.queue.URI, err); return nil }); err != nil {
				c.log.Error("OnCancel panicked", "error", err)
			}
		}()
	}
}
