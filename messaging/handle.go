package messaging

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bmq-go/bmq"
)

// handle is a queue as the session has it open, once, for all in the client who use it.
type handle struct {
	c     *Client
	uri   string
	turn  chan struct{} // full while somebody opens, configures or closes the queue
	posts inflight      // those without an answer

	refs int // users of the handle, guarded by Client.mu

	mu      sync.Mutex
	read    bool          // the queue is open for reading
	write   bool          // the queue is open for writing
	writers int           // producers that need it for writing
	source  *source       // of the consumer that reads it
	failed  error         // why it is not open, though it is needed
	shut    chan struct{} // while it is not nil, posts wait until it is closed
}

// retain returns the handle of a queue, whether it is open or not, for as long as it is
// not released.
func (c *Client) retain(uri string) *handle {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.handles[uri]
	if !ok {
		h = &handle{c: c, uri: uri, turn: make(chan struct{}, 1)}
		c.handles[uri] = h
	}
	h.refs++
	return h
}

// release undoes retain.
func (c *Client) release(h *handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.refs--; h.refs == 0 {
		delete(c.handles, h.uri)
	}
}

// lock waits for its turn to open, configure or close the queue.
func (h *handle) lock(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}: // even if ctx has ended: what follows may not need it
		return nil
	default:
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("messaging: waiting for queue %s: %w", h.uri, ctx.Err())
	}
}

func (h *handle) unlock() { <-h.turn }

// addWriter opens the queue for writing and counts a producer.
func (h *handle) addWriter(ctx context.Context) error {
	if err := h.lock(ctx); err != nil {
		return err
	}
	defer h.unlock()
	h.mu.Lock()
	read := h.source != nil
	h.mu.Unlock()
	if err := h.open(ctx, read, true); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writers++
	return nil
}

// removeWriter undoes addWriter. The last one closes the queue, unless it is read.
func (h *handle) removeWriter(ctx context.Context) error {
	if err := h.lock(ctx); err != nil {
		// The queue stays open until the client is closed, or is used again.
		h.mu.Lock()
		defer h.mu.Unlock()
		h.writers--
		return err
	}
	defer h.unlock()
	h.mu.Lock()
	h.writers--
	last := h.writers == 0 && h.source == nil
	h.mu.Unlock()
	if last {
		return h.open(ctx, false, false)
	}
	return nil
}

// setSource opens the queue for reading by a consumer, paused.
func (h *handle) setSource(ctx context.Context, s *source) error {
	if err := h.lock(ctx); err != nil {
		return err
	}
	defer h.unlock()
	h.mu.Lock()
	if h.source != nil {
		h.mu.Unlock()
		return fmt.Errorf("%w: another consumer of this client reads %s; give that one more Concurrency, or close it", ErrBusy, h.uri)
	}
	write := h.writers > 0 || s.queue.Write
	left := h.read // by a consumer that could not wait
	h.source = s
	h.mu.Unlock()
	h.c.route(h.uri, s)
	var err error
	if left {
		err = h.cycle(ctx)
	} else {
		err = h.open(ctx, true, write)
	}
	if err != nil {
		h.forget()
	}
	return err
}

// removeSource undoes setSource. Producers keep the queue.
func (h *handle) removeSource(ctx context.Context, s *source) error {
	if err := h.lock(ctx); err != nil {
		h.forget()
		return err
	}
	defer h.unlock()
	h.mu.Lock()
	if h.source != s {
		h.mu.Unlock()
		return nil // it was canceled
	}
	write := h.writers > 0
	h.mu.Unlock()
	if write && !h.c.Connected() {
		// To open it again needs a connection, for which its producers wait, not who leaves.
		defer h.block()()
		err := h.shutQueue(ctx)
		h.forget()
		h.revive(err)
		return err
	}
	err := h.open(ctx, false, write)
	h.forget()
	return err
}

// forget lets go of the consumer.
func (h *handle) forget() {
	h.mu.Lock()
	h.source = nil
	h.mu.Unlock()
	h.c.route(h.uri, nil)
}

// configure changes how the broker delivers.
func (h *handle) configure(ctx context.Context, s *source, paused bool) error {
	if err := h.lock(ctx); err != nil {
		return err
	}
	defer h.unlock()
	h.mu.Lock()
	open := h.read && h.source == s
	h.mu.Unlock()
	s.flowing.Store(!paused)
	if !open {
		return nil // it will be opened like that
	}
	var opts []bmq.CallOption
	if s.queue.Subscriptions != nil {
		opts = append(opts, bmq.WithSubscriptions(s.queue.Subscriptions...))
	}
	return h.c.session.ConfigureQueue(ctx, h.uri, s.options(), opts...)
}

// begin counts a post that is about to be made; posts.done has to follow when it has its
// answer, or none will come. It waits while the queue is reopened, and opens one that was
// lost.
func (h *handle) begin(ctx context.Context) error {
	if h.c.cfg.FailFast && !h.c.Connected() {
		return ErrConnectionLost
	}
	for {
		h.mu.Lock()
		shut, write, needed, failed := h.shut, h.write, h.writers > 0, h.failed
		if shut == nil && write {
			h.posts.add()
			h.mu.Unlock()
			return nil
		}
		h.mu.Unlock()
		switch {
		case shut != nil:
			select {
			case <-shut:
			case <-ctx.Done():
				return errors.Join(ctx.Err(), failed)
			}
		case !needed:
			return fmt.Errorf("%w: %s", ErrClosed, h.uri)
		default:
			if err := h.restore(ctx); err != nil {
				return err
			}
		}
	}
}

// flush waits until no post is without an answer.
func (h *handle) flush(ctx context.Context) error {
	if err := h.posts.wait(ctx); err != nil {
		return fmt.Errorf("messaging: waiting for outcomes of %s: %w", h.uri, err)
	}
	return nil
}

// writable tells whether the queue is open for writing, or will be again.
func (h *handle) writable() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.write || h.writers > 0 || h.source != nil && h.source.queue.Write
}

// block makes posts wait; the function that it returns lets them go on.
func (h *handle) block() (unblock func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shut := make(chan struct{})
	h.shut = shut
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.shut == shut {
			h.shut = nil
		}
		close(shut)
	}
}
