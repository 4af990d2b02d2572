package messaging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultTimeout is how long a publish may take in all, if its context allows.
const DefaultTimeout = time.Minute

// maxTargets is how many queues a producer keeps open besides those that it was told to
// open; the one that was used the longest time ago is closed for another one.
const maxTargets = 256

// ProducerConfig is how a producer is made. All of it may be left out; a message then says
// where it goes.
type ProducerConfig struct {
	// Queue is where messages go: a URI, or a name in the Topology.
	Queue string
	// Exchange takes the place of Queue: it chooses the queues of each message by Key.
	Exchange *Exchange
	// Key is the routing key of messages that have none.
	Key string
	// Codec names the codec for bodies that are neither bytes nor strings. Default "json".
	Codec string
	// Compression is CompressionNone, CompressionZLIB or the name of a compressor. Default
	// what the session was told (bmq.WithMessageCompressionAlgorithm), that is, none.
	Compression string
	// Header is sent with each message, whose own headers come on top.
	Header Header
	// AppID is who sends messages that don't say.
	AppID string
	// Stamp gives messages a MessageID and a Timestamp, if they have none.
	Stamp bool
	// Lazy puts off opening the queue until the first message.
	Lazy bool
	// Retry is for messages that were not stored. Default the client's.
	Retry *RetryPolicy
	// Timeout is how long Publish may take in all, retries included; then it fails with
	// what is known. Default DefaultTimeout.
	Timeout time.Duration
	// MaxInFlight bounds the messages of PublishAsync without an outcome; above it
	// PublishAsync waits. Default none: the session's bounds count, such as
	// bmq.WithMaxPendingBytes.
	MaxInFlight int
	// OnReturn is called for each message that fails, after the last attempt. It is called
	// on the goroutine that publishes; for PublishAsync on another one, unless that fails at
	// once. It may call whatever it likes but what waits for the message's outcome: Flush,
	// Close of the producer and Shutdown.
	OnReturn func(Return)
}

// Return is a message that was not stored, or nobody knows.
type Return struct {
	Err     error // a *PublishError, or several joined for an exchange
	Message *Message
}

// Producer publishes. It may be used by any number of goroutines; messages that one of them
// publishes to a queue arrive in order, except those that were tried again.
type Producer struct {
	c     *Client
	cfg   ProducerConfig
	queue string // resolved; empty: none
	codec Codec
	slots chan struct{} // of MaxInFlight; nil: no bound

	plain bool // bodies of bytes are sent as they are

	closed  atomic.Bool
	primary atomic.Pointer[handle] // of queue, when it is open
	pending generations            // messages without an outcome
	ctx     context.Context        // ends when the producer is closed
	cancel  context.CancelFunc

	mu      sync.Mutex
	targets map[string]*target
	opening map[string]chan struct{} // of targets, closed when the opening is over
	uses    uint64
}

// target is a queue that a producer has open.
type target struct {
	h      *handle
	used   uint64
	pinned bool // not to be closed for another one
}

func (c *Client) newProducer(cfg ProducerConfig) (*Producer, error) {
	p := &Producer{c: c, cfg: cfg, targets: make(map[string]*target), opening: make(map[string]chan struct{})}
	name := cfg.Codec
	if name == "" {
		name = "json"
	}
	var err error
	if p.codec, err = c.codecs.Codec(name); err != nil {
		return nil, err
	}
	if err := c.checkCompression(cfg.Compression); err != nil {
		return nil, err
	}
	if err := new(properties).header(cfg.Header); err != nil {
		return nil, err
	}
	if cfg.Queue != "" && cfg.Exchange != nil {
		return nil, errors.New("messaging: a producer has either a Queue or an Exchange")
	}
	if cfg.Queue != "" {
		if p.queue, err = c.cfg.Topology.resolveURI(cfg.Queue); err != nil {
			return nil, err
		}
	}
	if p.cfg.Retry == nil {
		p.cfg.Retry = &c.cfg.Retry
	}
	p.cfg.Header = maps.Clone(cfg.Header)
	if p.cfg.Timeout <= 0 {
		p.cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxInFlight > 0 {
		p.slots = make(chan struct{}, cfg.MaxInFlight)
	}
	p.pending.current.Store(new(inflight))
	p.plain = p.queue != "" && p.cfg.Key == "" && p.cfg.AppID == "" && p.cfg.Compression == "" && len(p.cfg.Header) == 0 &&
		!p.cfg.Stamp && !p.cfg.Retry.AllowDuplicates && p.cfg.OnReturn == nil && c.cfg.OnPublish == nil
	p.ctx, p.cancel = context.WithCancel(c.ctx)
	return p, nil
}

// Client returns the client.
func (p *Producer) Client() *Client { return p.c }

// Open opens queues for writing, by URI or name: those that are given, else the producer's
// own, or those that its exchange is bound to. It is how to learn early that they can't be
// had; publishing opens what it needs by itself.
func (p *Producer) Open(ctx context.Context, queues ...string) error {
	if len(queues) == 0 {
		switch {
		case p.cfg.Exchange != nil:
			queues = p.cfg.Exchange.targets()
		case p.queue != "":
			queues = []string{p.queue}
		}
	}
	var errs []error
	for _, name := range queues {
		uri, err := p.c.cfg.Topology.resolveURI(name)
		if err == nil {
			_, err = p.target(ctx, uri, true)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// targets are all queues that may be routed to.
func (e *Exchange) targets() []string {
	var queues []string
	seen := map[*Exchange]bool{}
	var visit func(*Exchange)
	visit = func(e *Exchange) {
		if seen[e] {
			return
		}
		seen[e] = true
		for _, b := range e.Bindings() {
			if b.Exchange != nil {
				visit(b.Exchange)
			} else if !slices.Contains(queues, b.Queue) {
				queues = append(queues, b.Queue)
			}
		}
	}
	visit(e)
	return queues
}

// target returns the handle of a queue that is open for writing, and opens it if need be.
func (p *Producer) target(ctx context.Context, uri string, pin bool) (*handle, error) {
	for {
		p.mu.Lock()
		if p.ctx.Err() != nil {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		if t := p.targets[uri]; t != nil {
			p.uses++
			t.used, t.pinned = p.uses, t.pinned || pin
			p.mu.Unlock()
			return t.h, nil
		}
		busy := p.opening[uri]
		if busy == nil {
			break
		}
		p.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	done := make(chan struct{})
	p.opening[uri] = done
	p.mu.Unlock()

	h := p.c.retain(uri)
	err := h.addWriter(ctx)
	p.mu.Lock()
	delete(p.opening, uri)
	close(done)
	closed := p.ctx.Err() != nil
	if err == nil && !closed {
		p.uses++
		p.targets[uri] = &target{h: h, used: p.uses, pinned: pin}
		if uri == p.queue {
			p.primary.Store(h)
		}
		p.evict()
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		p.c.release(h)
		return nil, err
	case closed:
		p.drop(h)
		return nil, ErrClosed
	}
	return h, nil
}

// evict closes the target that was used the longest time ago, if there are too many. The
// caller holds mu.
func (p *Producer) evict() {
	var oldest *target
	n := 0
	for uri, t := range p.targets {
		if t.pinned || uri == p.queue {
			continue
		}
		n++
		if oldest == nil || t.used < oldest.used {
			oldest = t
		}
	}
	if n <= maxTargets {
		return
	}
	delete(p.targets, oldest.h.uri)
	p.c.background(func(context.Context) { p.drop(oldest.h) })
}

// drop lets go of a handle, for whose posts it waits.
func (p *Producer) drop(h *handle) {
	ctx, cancel := context.WithTimeout(p.c.ctx, p.cfg.Timeout)
	defer cancel()
	if err := h.removeWriter(ctx); err != nil {
		p.c.log.Debug("a queue was not closed", "queue", h.uri, "error", err)
	}
	p.c.release(h)
}

// Flush waits until all messages that were published before it was called have an outcome.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.pending.wait(ctx); err != nil {
		return fmt.Errorf("messaging: %d messages have no outcome yet: %w", p.pending.count(), err)
	}
	return nil
}

// Close flushes, as long as ctx allows, and lets go of the queues: those that nobody else in
// the client uses are closed. The outcome of what is under way when ctx ends is unknown.
func (p *Producer) Close(ctx context.Context) error {
	if p.closed.Swap(true) {
		return nil
	}
	err := p.Flush(ctx)
	p.cancel()
	p.primary.Store(nil)
	p.mu.Lock()
	targets := p.targets
	p.targets = make(map[string]*target)
	p.mu.Unlock()
	errs := []error{err}
	for _, t := range targets {
		errs = append(errs, t.h.removeWriter(ctx))
		p.c.release(t.h)
	}
	p.c.mu.Lock()
	delete(p.c.producers, p)
	p.c.mu.Unlock()
	return errors.Join(errs...)
}
