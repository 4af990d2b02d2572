package bmq

import (
	"context"
	"errors"
	"runtime"

	"github.com/bmq-go/bmq/internal/engine"
)

// waiter is somebody who waits for one ack. Acks for waiters don't pass the
// dispatcher, so that a handler can wait for one.
type waiter struct {
	done chan struct{}
	ack  Ack
}

// PostAndWait posts a message and waits for its ack. The error is nil if the broker
// took the message. If it did not, the ack says why, and the error is the status's
// sentinel, such as ErrLimitMessages; for AckUnknown nobody knows. When ctx ends the
// ack is nil, and the message may have been taken all the same.
//
// It may be called from a handler. Whoever posts much is better off with Post and
// WithOnAck, which do not wait for each message; WithOnAck has no effect here.
func (s *Session) PostAndWait(ctx context.Context, queueURI string, message []byte, opts ...PostOption) (*Ack, error) {
	defer runtime.KeepAlive(s)
	o := PostOption{waiter: &waiter{done: make(chan struct{})}}
	for i := range opts {
		o.merge(&opts[i])
	}
	c := s.core
	defer c.dispatch.awaiting()()
	if err := c.post(ctx, queueURI, message, &o); err != nil {
		return nil, err
	}
	select {
	case <-o.waiter.done:
	case <-ctx.Done():
		return nil, contextError(opPost, queueURI, ctx.Err())
	}
	ack := &o.waiter.ack
	if err := ack.Status.Err(); err != nil {
		return ack, &Error{Op: opPost, QueueURI: queueURI, Code: ResultCode(ack.raw), CodeName: ack.Status.String(), Err: err}
	}
	return ack, nil
}

// answerWaiters takes the acks for waiters out of a batch.
func answerWaiters(b *engine.AckBatch) {
	rest := b.Acks[:0]
	for i := range b.Acks {
		a := &b.Acks[i]
		w, ok := a.Cookie.(*waiter)
		if !ok {
			rest = append(rest, *a)
			continue
		}
		w.ack.set(a.Owner.(*queue).uri, a.Status, a.GUID)
		close(w.done)
	}
	clear(b.Acks[len(rest):])
	b.Acks = rest
}

// Flush waits until all posts so far have an answer, and those that asked for none
// are written. Its handlers may still have to run. It fails with the context's
// error when ctx ends first.
func (s *Session) Flush(ctx context.Context) error {
	defer runtime.KeepAlive(s)
	c := s.core
	if c.stopped.Load() {
		return errStopped(opFlush, "")
	}
	defer c.dispatch.awaiting()()
	if st := c.engine.Flush(ctx); !st.OK() {
		return contextError(opFlush, "", ctx.Err())
	}
	return nil
}

// Drain ends the session without losing what is in hand: it pauses all queues that
// are read from, waits until handlers have seen what was delivered and posts have
// their acks, and then does what Stop does. Messages that handlers did not confirm
// go back to the broker. If ctx ends meanwhile, the session is stopped at once, and
// the error is the context's. A handler can't drain its session: ErrWouldDeadlock.
func (s *Session) Drain(ctx context.Context) error {
	defer runtime.KeepAlive(s)
	c := s.core
	if c.dispatch.onWorker() {
		return failure(opStop, "", ErrWouldDeadlock, "Drain was called from a handler, for whose end it would wait; call it from another goroutine")
	}
	defer c.dispatch.awaiting()()
	for _, q := range c.queues.all() {
		if !q.read {
			continue
		}
		// A queue that can't be paused, because it is closing or the connection is down,
		// is no reason to lose the posts.
		if err := c.configureQueue(ctx, q.uri, Paused(), callConfig{}); err != nil {
			c.log.Debug("draining: a queue was not paused", "queue", q.uri, "error", err)
		}
	}
	var flushErr error
	if st := c.engine.Flush(ctx); !st.OK() {
		flushErr = contextError(opFlush, "", ctx.Err())
	}
	return errors.Join(flushErr, c.shutdown(ctx))
}
