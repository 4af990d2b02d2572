package messaging

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bmq-go/bmq"
)

// Pause stops deliveries of the named queues, or of all: the broker sends no more, and what
// waits here is not handed out. What is in hand is not affected. A paused consumer still
// counts as one: if it has the highest priority, those with lower ones get nothing; Release,
// or a lower Priority by way of Remove and Add, lets them.
func (c *Consumer) Pause(ctx context.Context, queues ...string) error {
	return c.change(ctx, queues, func(s *source) error {
		c.mu.Lock()
		s.paused, s.thaw = true, false
		c.mu.Unlock()
		return s.h.configure(ctx, s, true)
	})
}

// Resume undoes Pause, with the same QoS. The broker sends more once what waited here has
// been handed out.
func (c *Consumer) Resume(ctx context.Context, queues ...string) error {
	return c.change(ctx, queues, func(s *source) error {
		c.mu.Lock()
		started, later := c.started, s.waiting.len() > 0
		s.paused, s.thaw = false, started && later
		c.schedule(s)
		c.mu.Unlock()
		if !started || later {
			return nil
		}
		return s.h.configure(ctx, s, false)
	})
}

// refill has the broker deliver again. Each configuration opens a further window for the
// broker, whatever is unconfirmed of the one before; done only when nothing waits here, it
// bounds what comes to be here.
func (s *source) refill(ctx context.Context) {
	policy := RetryPolicy{Total: refillTime, RetryIf: func(err error) bool { return !errors.Is(err, bmq.ErrSessionStopped) }}
	err := policy.Do(ctx, func(ctx context.Context) error {
		if s.isPaused() {
			return nil
		}
		return s.h.configure(ctx, s, false)
	})
	if err != nil && ctx.Err() == nil {
		s.c.log.Error("a queue was not resumed", "queue", s.queue.URI, "error", err)
	}
}

// refillTime is for how long it is tried.
const refillTime = time.Hour

// SetQoS changes what may be in hand of the named queues, or of all. What is zero stays as
// it is.
func (c *Consumer) SetQoS(ctx context.Context, q QoS, queues ...string) error {
	if q.Messages < 0 || q.Bytes < 0 || q.Messages > NoLimit || q.Bytes > NoLimit {
		return errors.New("messaging: QoS must be between 0 and NoLimit; Pause stops a queue")
	}
	return c.change(ctx, queues, func(s *source) error {
		c.mu.Lock()
		if q.Messages > 0 {
			s.queue.QoS.Messages = q.Messages
		}
		if q.Bytes > 0 {
			s.queue.QoS.Bytes = q.Bytes
		}
		s.limit = s.queue.messages()
		later := s.waiting.len() > 0
		s.thaw = s.thaw || later && s.flowing.Load()
		c.schedule(s)
		c.mu.Unlock()
		if later || !s.flowing.Load() {
			return nil
		}
		return s.h.configure(ctx, s, false)
	})
}

// change does something to some queues, one after the other.
func (c *Consumer) change(ctx context.Context, queues []string, fn func(*source) error) error {
	done, err := c.exclusive(ctx)
	if err != nil {
		return err
	}
	defer done()
	if c.isClosed() {
		return ErrClosed
	}
	sources, err := c.pick(queues)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range sources {
		errs = append(errs, fn(s))
	}
	return errors.Join(errs...)
}

// Release gives all that is not settled of the named queues, or of all, back to the broker,
// which delivers it again, here or elsewhere: the queues are closed and opened again.
// Deliveries in hand are stale then. It costs no delivery attempts.
func (c *Consumer) Release(ctx context.Context, queues ...string) error {
	return c.change(ctx, queues, func(s *source) error {
		if err := s.h.lock(ctx); err != nil {
			return err
		}
		defer s.h.unlock()
		return s.h.cycle(ctx)
	})
}

// Redeliver hands all that is in hand of the named queues, or of all, out again, as other
// deliveries, without asking the broker. It returns how many there are.
func (c *Consumer) Redeliver(queues ...string) (int, error) {
	if c.isClosed() {
		return 0, ErrClosed
	}
	sources, err := c.pick(queues)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, s := range sources {
		c.mu.Lock()
		var list []*Delivery
		for d := s.first; d != nil; d = d.next {
			list = append(list, d)
		}
		c.mu.Unlock()
		// Each one goes in front, so that they come out in the order they had.
		for _, d := range slices.Backward(list) {
			if d.RetryAfter(0) == nil {
				n++
			}
		}
	}
	return n, nil
}
