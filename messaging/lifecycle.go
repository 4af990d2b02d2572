package messaging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// exclusive waits for the turn to change which queues there are, and how.
func (c *Consumer) exclusive(ctx context.Context) (done func(), err error) {
	done = func() { <-c.opening }
	select {
	case c.opening <- struct{}{}:
		return done, nil
	default:
	}
	select {
	case c.opening <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// state returns why nothing can be handed out any more, or nil. The caller holds mu.
func (c *Consumer) state() error {
	switch {
	case c.failed != nil:
		return c.failed
	case c.closed:
		return ErrClosed
	}
	return nil
}

func (c *Consumer) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// end wakes all who wait for something to be handed out. The caller holds mu.
func (c *Consumer) end() {
	select {
	case <-c.ending:
	default:
		close(c.ending)
	}
}

// Open opens the queues that are not open yet, and nothing comes from them before Start.
// Opening is what makes sure that they can be consumed from; dead-letter queues are opened
// as well.
func (c *Consumer) Open(ctx context.Context) error {
	done, err := c.exclusive(ctx)
	if err != nil {
		return err
	}
	defer done()
	return c.open(ctx)
}

func (c *Consumer) open(ctx context.Context) error {
	c.mu.Lock()
	queues := slices.DeleteFunc(slices.Clone(c.queues), func(q Queue) bool { return c.sources[q.URI] != nil })
	err := c.state()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	var errs []error
	for _, q := range queues {
		errs = append(errs, c.openOne(ctx, q))
	}
	return errors.Join(errs...)
}

func (c *Consumer) openOne(ctx context.Context, q Queue) error {
	if q.DeadLetter != "" {
		if err := c.client.internal.Open(ctx, q.DeadLetter); err != nil {
			return fmt.Errorf("messaging: dead-letter queue of %s: %w", q.URI, err)
		}
	}
	s := &source{c: c, queue: q, h: c.client.retain(q.URI), limit: q.messages()}
	c.mu.Lock()
	s.flowing.Store(false)
	c.mu.Unlock()
	if err := s.h.setSource(ctx, s); err != nil {
		c.client.release(s.h)
		return err
	}
	c.mu.Lock()
	c.sources[q.URI] = s
	c.mu.Unlock()
	return nil
}

// Start has the broker deliver, and opens what is not open yet. Run, the loops and Fetch do
// it by themselves.
func (c *Consumer) Start(ctx context.Context) error {
	c.mu.Lock()
	started, none := c.started, len(c.queues) == 0
	err := c.state()
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case started:
		return nil
	case none:
		return errors.New("messaging: the consumer has no queues")
	}
	done, err := c.exclusive(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := c.open(ctx); err != nil {
		return err
	}
	sources, err := c.pick(nil)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if !s.flowing.Load() && !s.isPaused() {
			if err := s.h.configure(ctx, s, false); err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
	return nil
}

func (s *source) isPaused() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.paused
}

// Add reads another queue, at once if the consumer is started.
func (c *Consumer) Add(ctx context.Context, q Queue) error {
	q, err := c.resolve(q)
	if err != nil {
		return err
	}
	done, err := c.exclusive(ctx)
	if err != nil {
		return err
	}
	defer done()
	c.mu.Lock()
	err = c.state()
	if err == nil && c.named(q.URI) {
		err = fmt.Errorf("%w: this consumer reads %s already", ErrBusy, q.URI)
	}
	started := c.started
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err := c.openOne(ctx, q); err != nil {
		return err
	}
	c.mu.Lock()
	c.queues = append(c.queues, q)
	s := c.sources[q.URI]
	c.mu.Unlock()
	if started {
		return s.h.configure(ctx, s, false)
	}
	return nil
}

// Remove stops reading a queue and closes it. What is in hand of it is waited for, as long
// as ctx allows; after that it is stale. What was not handed out goes back to the broker.
func (c *Consumer) Remove(ctx context.Context, queue string) error {
	done, err := c.exclusive(ctx)
	if err != nil {
		return err
	}
	defer done()
	if c.isClosed() {
		return ErrClosed
	}
	c.mu.Lock()
	s, err := c.source(queue)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	_, waitErr := s.settled(ctx)
	c.mu.Lock()
	c.queues = slices.DeleteFunc(c.queues, func(q Queue) bool { return q.URI == s.queue.URI })
	c.mu.Unlock()
	return errors.Join(waitErr, c.shut(ctx, s))
}

// shut closes a source.
func (c *Consumer) shut(ctx context.Context, s *source) error {
	err := s.h.removeSource(ctx, s)
	s.lose()
	c.mu.Lock()
	_, there := c.sources[s.queue.URI]
	delete(c.sources, s.queue.URI)
	c.mu.Unlock()
	if there {
		c.client.release(s.h)
	}
	return err
}

// Close ends the consumer. Handlers may end, as long as ctx allows; then the queues are
// closed, and what is not settled goes back to the broker. A handler must not call it: it
// would wait for itself. To end Run, end its context.
func (c *Consumer) Close(ctx context.Context) error {
	errs := []error{c.stop(ctx)}
	if done, err := c.exclusive(ctx); err == nil {
		defer done()
	}
	sources, _ := c.pick(nil)
	for _, s := range sources {
		errs = append(errs, c.shut(ctx, s))
	}
	c.client.mu.Lock()
	delete(c.client.consumers, c)
	c.client.mu.Unlock()
	return errors.Join(errs...)
}

// pauseTimeout is how long a consumer that ends waits for the broker to pause its queues,
// before it waits for handlers.
const pauseTimeout = 5 * time.Second

// stop hands out nothing more and waits for handlers.
func (c *Consumer) stop(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.end()
	c.mu.Unlock()
	busy := c.handlers.count() > 0
	if !busy {
		return nil
	}
	// Others may have what comes meanwhile. It is no harm if that fails.
	if c.client.Connected() {
		pausing, cancel := context.WithTimeout(ctx, pauseTimeout)
		sources, _ := c.pick(nil)
		for _, s := range sources {
			if err := s.h.configure(pausing, s, true); err != nil {
				c.log.Debug("ending: a queue was not paused", "queue", s.queue.URI, "error", err)
			}
		}
		cancel()
	}
	return c.awaitHandlers(ctx)
}

// abandon makes all that is in hand stale: the session is gone.
func (c *Consumer) abandon() {
	sources, _ := c.pick(nil)
	for _, s := range sources {
		s.lose()
	}
}
