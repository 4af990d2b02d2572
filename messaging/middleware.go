package messaging

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bmq-go/bmq"
)

// Middleware wraps a handler into another one.
type Middleware func(Handler) Handler

// Chain wraps a handler; the first middleware is the outermost. Middleware that is nil is
// left out, and of no handler comes none: Run says ErrNoHandler.
func Chain(h Handler, middleware ...Middleware) Handler {
	if h == nil {
		return nil
	}
	for _, m := range slices.Backward(middleware) {
		if m != nil {
			h = m(h)
		}
	}
	return h
}

// Recover makes a PanicError of a panic of the handler, for the middleware around it. A
// consumer does that anyhow for what is left.
func Recover() Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, d *Delivery) error {
			return protect(func() error { return next(ctx, d) })
		}
	}
}

// Timeout ends the context of the handler after a time, which is all that can be done: a
// handler that does not look at it runs on. One that returns nil all the same has succeeded.
func Timeout(limit time.Duration) Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, d *Delivery) error {
			ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("messaging: the handler has %v: %w", limit, context.DeadlineExceeded))
			defer cancel()
			return next(ctx, d)
		}
	}
}

// Retry deals with failures of the handler as a consumer with the policy does
// (ConsumerConfig.Retry), for some handlers only: it holds the delivery and hands it out
// again after a wait, or, after MaxAttempts (five by default) or if it can't be decoded, puts
// it into the dead-letter queue of its queue. Errors that RetryIf does not want to be tried
// again go there at once. Then the handler has not failed for those around it.
func Retry(policy RetryPolicy) Middleware {
	policy = policy.forDeliveries()
	return func(next Handler) Handler {
		return func(ctx context.Context, d *Delivery) error {
			err := next(ctx, d)
			if err == nil || d.State() != InHand || ctx.Err() != nil {
				return err
			}
			if policy.settle(ctx, d, err) != nil {
				return err
			}
			return nil
		}
	}
}

// Throttle starts the handler at most n times in each period of the given length, evenly
// after the first n. Deliveries wait for that in hand of their worker.
func Throttle(n int, per time.Duration) Middleware {
	n = max(n, 1)
	t := &throttle{every: per / time.Duration(n), burst: per - per/time.Duration(n)}
	return func(next Handler) Handler {
		return func(ctx context.Context, d *Delivery) error {
			if err := t.wait(ctx); err != nil {
				return err
			}
			return next(ctx, d)
		}
	}
}

// throttle is a token bucket: free is when the bucket is full again.
type throttle struct {
	every, burst time.Duration

	mu   sync.Mutex
	free time.Time
}

func (t *throttle) wait(ctx context.Context) error {
	now := time.Now()
	t.mu.Lock()
	if t.free.Before(now) {
		t.free = now
	}
	delay := t.free.Sub(now) - t.burst
	t.free = t.free.Add(t.every)
	t.mu.Unlock()
	if delay <= 0 {
		return ctx.Err()
	}
	return pause(ctx, delay)
}

// Deduplicate acks messages without handling them that were handled successfully before, by
// this process: it remembers the GUIDs of the last n. With AckManual, a message was handled
// when it was settled. A message that comes again while it is still being handled waits for
// the outcome. That takes care of what is delivered again after a reconnection; copies have
// other GUIDs, and other processes their own memory.
func Deduplicate(n int) Middleware {
	s := &seen{limit: max(n, 1), done: make(map[bmq.MessageGUID]bool), busy: make(map[bmq.MessageGUID]chan struct{})}
	return func(next Handler) Handler {
		return func(ctx context.Context, d *Delivery) error {
			handled, err := s.enter(ctx, d.GUID())
			switch {
			case err != nil:
				return err
			case handled && d.State() == InHand:
				return d.Ack()
			case handled:
				return nil
			}
			ok := false
			defer func() { s.leave(d.GUID(), ok) }()
			err = next(ctx, d)
			switch d.State() {
			case Held:
			case InHand, Stale:
				ok = err == nil && d.source.c.cfg.AckMode != AckManual
			default:
				ok = err == nil
			}
			return err
		}
	}
}

// seen remembers GUIDs.
type seen struct {
	limit int

	mu    sync.Mutex
	done  map[bmq.MessageGUID]bool
	order fifo[bmq.MessageGUID] // of done, oldest first
	busy  map[bmq.MessageGUID]chan struct{}
}

// enter tells whether the message was handled; if not, the caller is to handle it and to call
// leave.
func (s *seen) enter(ctx context.Context, guid bmq.MessageGUID) (handled bool, err error) {
	for {
		s.mu.Lock()
		busy := s.busy[guid]
		handled = s.done[guid]
		if !handled && busy == nil {
			s.busy[guid] = make(chan struct{})
		}
		s.mu.Unlock()
		if handled || busy == nil {
			return handled, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (s *seen) leave(guid bmq.MessageGUID, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.busy[guid])
	delete(s.busy, guid)
	if !ok {
		return
	}
	s.done[guid] = true
	s.order.push(guid)
	if s.order.len() > s.limit {
		delete(s.done, s.order.pop())
	}
}
