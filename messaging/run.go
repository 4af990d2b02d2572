package messaging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Handler handles deliveries. With AckOnSuccess, returning nil acks the delivery unless the
// handler has settled it itself; an error, or a panic, leaves it to ConsumerConfig.OnError
// and Retry. The context ends when the consumer has waited for its handlers long enough.
type Handler func(ctx context.Context, d *Delivery) error

// Handle makes a handler of a function that wants the body decoded. A body that can't be
// decoded does not come to it: the handler fails with ErrDecode.
func Handle[T any](fn func(ctx context.Context, body T, d *Delivery) error) Handler {
	if fn == nil {
		return nil // Run says so
	}
	return func(ctx context.Context, d *Delivery) error {
		body, err := Decode[T](d)
		if err != nil {
			return err
		}
		return fn(ctx, body, d)
	}
}

// unwindTime is how long handlers have to return once their context has ended.
const unwindTime = 2 * time.Second

// Run has deliveries handled until ctx ends, and then ends the consumer in good order: no
// more is handed out, handlers may end, for Grace at most, and the queues are closed, for
// which a broker has as long. Then it returns nil, or ErrAbandoned if handlers still run,
// whose deliveries come again.
//
// Several handlers are called in order for each delivery, until one fails or settles it.
// Run returns an error if the consumer can't go on, and ErrNoHandler, before anything is
// opened, without handlers or if one is nil.
func (c *Consumer) Run(ctx context.Context, handlers ...Handler) error {
	return c.RunUntil(ctx, Until{}, handlers...)
}

func isNil(h Handler) bool { return h == nil }

// RunUntil is Run with a further end: a number of deliveries, or a time without one. Then it
// returns nil, too.
func (c *Consumer) RunUntil(ctx context.Context, until Until, handlers ...Handler) error {
	if len(handlers) == 0 || slices.ContainsFunc(handlers, isNil) {
		return ErrNoHandler
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	r := &run{c: c, handlers: handlers, until: until}
	if c.cfg.OrderBy != nil {
		r.keys, r.turn = make(map[string]*line), make(chan struct{}, 1)
	}
	return r.run(ctx)
}

// run is one call of Run.
type run struct {
	c        *Consumer
	handlers []Handler
	until    Until
	begun    atomic.Int64 // deliveries that somebody waits for or has
	workers  sync.WaitGroup

	turn chan struct{} // with OrderBy: full while somebody takes a delivery

	mu   sync.Mutex
	err  error
	keys map[string]*line // with OrderBy: what waits for another one of its key
}

func (r *run) run(ctx context.Context) error {
	taking, stop := context.WithCancel(ctx)
	defer stop()
	handling, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()

	for range max(1, r.c.cfg.Concurrency) {
		r.workers.Go(func() { r.work(taking, handling, stop, nil) })
	}
	ended := make(chan struct{})
	go func() {
		r.workers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-taking.Done():
	case <-r.c.ending:
	}
	err := r.drain(ctx, abandon)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.c.cfg.Grace)
	defer cancel()
	if err == nil {
		<-ended // nobody handles anything, and nothing is handed out
		err = r.c.Close(closing)
	} else {
		cancel()
		_ = r.c.Close(closing) // it can't wait for them either
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, err)
}

// drain waits until no handler runs: first for Grace, then, with their context ended, for
// unwindTime.
func (r *run) drain(ctx context.Context, abandon context.CancelFunc) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.c.cfg.Grace)
	defer cancel()
	if r.c.stop(grace) == nil {
		return nil
	}
	abandon()
	unwind, cancel := context.WithTimeout(context.WithoutCancel(ctx), unwindTime)
	defer cancel()
	return r.c.awaitHandlers(unwind)
}

var errGoexit = errors.New("messaging: the handler ended its goroutine")

// work handles deliveries, one after the other, beginning with d if it is not nil.
func (r *run) work(taking, handling context.Context, stop func(), d *Delivery) {
	returned := false
	defer func() {
		if !returned { // a handler ended the goroutine; there has to be another one
			r.workers.Go(func() { r.work(taking, handling, stop, r.leave(d)) })
		}
	}()
	for {
		for ; d != nil && taking.Err() == nil; d = r.leave(d) {
			if !r.c.handle(handling, d, r.handlers) {
				break
			}
		}
		if r.until.Limit > 0 && r.begun.Add(1) > int64(r.until.Limit) {
			break
		}
		var err error
		if d, err = r.next(taking); err != nil {
			r.end(err, stop)
			break
		}
	}
	returned = true
}

// end notes why a worker ended.
func (r *run) end(err error, stop func()) {
	switch {
	case errors.Is(err, ErrEmpty):
		stop() // the others have nothing to wait for either
	case errors.Is(err, ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Somebody wanted it.
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = err
	}
}

// handle runs the handlers for one delivery, and settles it as the ack mode says. It does not
// if the consumer is at its end.
func (c *Consumer) handle(ctx context.Context, d *Delivery, handlers []Handler) bool {
	c.handlers.add() // before looking whether it ends: who ends it waits for what was added
	returned := false
	defer func() {
		if !returned {
			c.handlerFailed(ctx, d, errGoexit)
		}
		c.handlers.done()
	}()
	select {
	case <-c.ending:
		returned = true
		return false
	default:
	}
	err := protect(func() error {
		for _, h := range handlers {
			if err := h(ctx, d); err != nil {
				return err
			}
			if d.State() != InHand && c.cfg.AckMode != AckOnReceive {
				return nil
			}
		}
		return nil
	})
	returned = true
	switch {
	case err != nil:
		c.handlerFailed(ctx, d, err)
	case c.cfg.AckMode != AckOnSuccess:
	case d.State() == InHand:
		if err := d.Ack(); err != nil {
			c.log.Warn("a message was handled, but not confirmed; it comes again", "queue", d.Queue(), "guid", d.GUID(), "error", err)
		}
	}
	return true
}

// defaultDeadAttempts is how often a message with a dead-letter queue is tried.
const defaultDeadAttempts = 5

func (c *Consumer) handlerFailed(ctx context.Context, d *Delivery, err error) {
	d.source.h.c.stats.failed.Add(1)
	log := c.log.With("queue", d.Queue(), "guid", d.GUID(), "attempt", d.Attempt(), "error", err)
	var panicked *PanicError
	if errors.As(err, &panicked) {
		d.source.h.c.stats.panicked.Add(1)
		log = log.With("stack", string(panicked.Stack))
	}
	if c.cfg.OnError != nil {
		if err := protect(func() error { c.cfg.OnError(ctx, d, err); return nil }); err != nil {
			c.log.Error("OnError panicked", "error", err)
		}
	}
	if d.State() != InHand || ctx.Err() != nil {
		// Settled, stale, or given up with the consumer: then it goes back to the broker.
		log.Debug("a handler failed")
		return
	}
	settled := c.retry.settle(ctx, d, err)
	log.Warn("a handler failed", "then", d.State(), "settling", settled)
}

// settle gives a failed delivery up, or another chance.
func (p *RetryPolicy) settle(ctx context.Context, d *Delivery, cause error) error {
	attempts := p.MaxAttempts
	if attempts == 0 {
		attempts = defaultDeadAttempts
	}
	hopeless := d.Attempt() >= attempts || errors.Is(cause, ErrDecode)
	var rejected, panicked error
	if !hopeless && p.RetryIf != nil {
		panicked = protect(func() error { hopeless = !p.RetryIf(cause); return nil })
	}
	if d.source.queue.DeadLetter != "" && hopeless {
		rejected = d.Reject(ctx, cause)
		if rejected == nil || errors.Is(rejected, ErrAlreadySettled) || errors.Is(rejected, ErrStale) {
			return rejected
		}
	}
	wait := p.wait(d.Attempt())
	if p.OnRetry != nil {
		panicked = errors.Join(panicked, protect(func() error { p.OnRetry(cause, d.Attempt(), wait); return nil }))
	}
	return errors.Join(rejected, panicked, d.RetryAfter(wait))
}

// awaitHandlers waits until no handler runs.
func (c *Consumer) awaitHandlers(ctx context.Context) error {
	if err := c.handlers.wait(ctx); err != nil {
		return fmt.Errorf("%w: %d: %w", ErrAbandoned, c.handlers.count(), err)
	}
	return nil
}
