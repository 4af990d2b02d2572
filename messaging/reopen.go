package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmq-go/bmq"
)

// settleTimeout is how long a producer waits at most for the deliveries in hand of a queue
// that has to be opened for writing too.
const settleTimeout = 30 * time.Second

// open brings the queue into the given mode, whatever it is in; it may be open for more
// than is asked for, though not for reading. The caller has its turn.
//
// A queue that is open has to be closed before it can be opened otherwise. Nothing is
// lost by that: posts wait, those under way get their answer first, and so are deliveries
// in hand settled first. What waits here to be handed out goes back to the broker, which
// delivers it again.
func (h *handle) open(ctx context.Context, read, write bool) error {
	h.mu.Lock()
	isRead, isWrite, s := h.read, h.write, h.source
	h.mu.Unlock()
	if isRead == read && (isWrite || !write) && (isRead || isWrite == write) {
		return nil
	}
	defer h.block()()
	if isRead && read && s != nil {
		settling, cancel := context.WithTimeout(ctx, settleTimeout)
		resume, err := s.settled(settling)
		cancel()
		if err != nil {
			return fmt.Errorf("it has to be opened for writing too; open the producer first, or set Queue.Write: %w", err)
		}
		defer resume()
	}
	err := h.change(ctx, read, write)
	if err != nil && (isRead || isWrite) {
		h.revive(err) // for those who need it as it was
	}
	return err
}

// change closes the queue if it is open, and opens it in the given mode. The caller has its
// turn, and posts wait.
func (h *handle) change(ctx context.Context, read, write bool) error {
	h.mu.Lock()
	open := h.read || h.write
	h.mu.Unlock()
	if open {
		if err := h.shutQueue(ctx); err != nil {
			return err
		}
	}
	if !read && !write {
		return nil
	}
	return h.openQueue(ctx, read, write)
}

// shutQueue closes the queue after its posts have their answers.
func (h *handle) shutQueue(ctx context.Context) error {
	if err := h.flush(ctx); err != nil {
		return err
	}
	err := h.c.session.CloseQueue(ctx, h.uri)
	for _, gone := range []error{bmq.ErrQueueNotOpened, bmq.ErrSessionStopped, bmq.ErrCanceled} {
		if errors.Is(err, gone) {
			err = nil // it was given up before, or is with the connection
		}
	}
	h.mu.Lock()
	h.read, h.write = false, false
	s := h.source
	h.mu.Unlock()
	if s != nil {
		s.lose()
	}
	return err
}

// openQueue opens the queue, which is not open.
func (h *handle) openQueue(ctx context.Context, read, write bool) error {
	var opts []bmq.OpenOption
	h.mu.Lock()
	s := h.source
	h.mu.Unlock()
	if read {
		opts = append(opts, bmq.WithRead(), bmq.WithQueueOptions(s.options()))
		if s.queue.Subscriptions != nil {
			opts = append(opts, bmq.WithSubscriptions(s.queue.Subscriptions...))
		}
	}
	if write {
		opts = append(opts, bmq.WithWrite())
	}
	// It may still be closing, where nobody waited for that.
	closing := RetryPolicy{Start: 10 * time.Millisecond, RetryIf: func(err error) bool { return errors.Is(err, bmq.ErrAlreadyInProgress) }}
	err := closing.Do(ctx, func(ctx context.Context) error { return h.c.session.OpenQueue(ctx, h.uri, opts...) })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = err
	if err == nil {
		h.read, h.write = read, write
	}
	return err
}

// lost is called when the session has given the queue up after a reconnection.
func (h *handle) lost(cause error) {
	h.mu.Lock()
	h.read, h.write = false, false
	s := h.source
	h.mu.Unlock()
	if s != nil {
		s.lose()
	}
	h.revive(cause)
}

// revive brings the queue back to what those who use it need, as often as the client's
// policy allows. After that its producers fail, and try again at the next post; its consumer
// is canceled.
func (h *handle) revive(cause error) {
	h.mu.Lock()
	h.failed = cause
	h.mu.Unlock()
	unblock := h.block()
	h.c.retain(h.uri)
	release := func() {
		unblock()
		h.c.release(h)
	}
	started := h.c.background(func(ctx context.Context) {
		defer release()
		policy := h.c.cfg.Retry
		if policy.RetryIf == nil {
			policy.RetryIf = func(error) bool { return true }
		}
		err := policy.Do(ctx, h.restore)
		h.mu.Lock()
		s := h.source
		h.mu.Unlock()
		if err != nil && s != nil && ctx.Err() == nil {
			h.forget()
			s.cancel(fmt.Errorf("%w: %w", cause, err))
		}
	})
	if !started {
		release()
	}
}

// restore opens the queue as those who use it need it, or closes it if nobody does.
func (h *handle) restore(ctx context.Context) error {
	if err := h.lock(ctx); err != nil {
		return err
	}
	defer h.unlock()
	h.mu.Lock()
	read, write := h.source != nil, h.writers > 0 || h.source != nil && h.source.queue.Write
	done := h.read == read && h.write == write
	h.mu.Unlock()
	if done {
		return nil
	}
	return h.change(ctx, read, write)
}

// cycle closes the queue and opens it again, so that all that is unconfirmed goes back to
// the broker. The caller has its turn.
func (h *handle) cycle(ctx context.Context) error {
	h.mu.Lock()
	read, write := h.read, h.write
	h.mu.Unlock()
	if !read {
		return nil // it is lost, and comes back with everything anyhow
	}
	defer h.block()()
	err := h.change(ctx, read, write)
	if err != nil {
		h.revive(err)
	}
	return err
}
