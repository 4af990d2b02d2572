package messaging

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// AckMode is who settles deliveries.
type AckMode int

// The ack modes.
const (
	// AckOnSuccess acks what a handler of Run returns nil for and has not settled itself.
	// Loops and Fetch settle by themselves. It is the default.
	AckOnSuccess AckMode = iota
	// AckManual leaves it to handlers, too.
	AckManual
	// AckOnReceive acks messages when they are handed out: a message whose handler fails or
	// dies is gone.
	AckOnReceive
)

// DefaultGrace is how long handlers may run on when their consumer ends.
const DefaultGrace = 30 * time.Second

// ConsumerConfig is how a consumer is made. Queues are required.
type ConsumerConfig struct {
	// Name is for logs.
	Name string
	// Queues are what is read. Each URI can be read by one consumer of a client at a time.
	Queues []Queue
	// AckMode is who settles deliveries.
	AckMode AckMode
	// Concurrency is how many handlers run at the same time. Default 1.
	Concurrency int
	// MaxInFlight bounds what is in hand of all queues together. Default: the QoS of each
	// queue alone counts.
	MaxInFlight int
	// OrderBy keeps deliveries of the same key in order, one at a time, when there is more
	// Concurrency than one; those that are tried again apart, which others don't wait for.
	// Default: any two may be handled at the same time.
	OrderBy func(*Delivery) string
	// Accept lists the codecs, by name or content type, that bodies may be decoded with.
	// Default json, text and raw.
	Accept []string
	// SkipAppID drops messages whose AppID is this one, such as those of the program itself
	// (ProducerConfig.AppID). It is for queues of fanout and broadcast domains: in those of
	// priority mode it would take the messages from all other consumers, too, which is
	// refused with an UnsupportedError; there a subscription can do it.
	SkipAppID string
	// DefaultContentType is for messages that name none. Default ContentRaw.
	DefaultContentType string
	// Retry is for deliveries whose handler failed and did not settle them: they are
	// handed out again after a wait, in front of others. A queue that has a DeadLetter gets
	// rid of them there after MaxAttempts, five by default, and at once of those that can't
	// be decoded (ErrDecode). Without one they are tried for ever, unless OnError decides.
	Retry RetryPolicy
	// Grace is how long handlers may run on when Run's context ends. After that their own
	// context ends, too. Default DefaultGrace.
	Grace time.Duration
	// Lazy puts off opening the queues until Open, Start or the first use.
	Lazy bool
	// OnError is called with each failure of a handler, before Retry: ErrDecode tells of
	// bodies that can't be decoded, PanicError of panics. It may settle the delivery. It is
	// called on the handler's goroutine.
	OnError func(ctx context.Context, d *Delivery, err error)
	// OnCancel is called when a queue is lost for good: the broker refuses to open it again
	// after a reconnection. The consumer goes on with the others, if there are any. Default:
	// Run, Fetch and the loops return the error. It is called on a goroutine of its own, and
	// may call whatever it likes.
	OnCancel func(queue string, err error)
	// OnExpired is called with each message that is dropped for its expiration.
	OnExpired func(*Delivery)
}

// Consumer reads queues. It may be used by any number of goroutines.
type Consumer struct {
	client      *Client
	cfg         ConsumerConfig
	log         *slog.Logger
	accept      map[string]bool
	contentType string
	retry       RetryPolicy
	opening     chan struct{} // full while queues are added, removed or configured

	mu      sync.Mutex
	queues  []Queue            // resolved, those that are not open included
	sources map[string]*source // of the queues that are open, by URI
	ready   fifo[*source]      // that may have something to hand out, in turn
	inHand  int                // of all sources
	started bool
	closed  bool
	failed  error // why it can't go on

	handlers inflight      // those that run
	wake     chan struct{} // somebody should look whether there is something
	ending   chan struct{} // closed when closed or failed is set
}

func (c *Client) newConsumer(cfg ConsumerConfig) (*Consumer, error) {
	if cfg.AckMode < AckOnSuccess || cfg.AckMode > AckOnReceive {
		return nil, fmt.Errorf("messaging: AckMode %d is none of the three", cfg.AckMode)
	}
	accept, err := c.codecs.accepted(cfg.Accept)
	if err != nil {
		return nil, err
	}
	k := &Consumer{
		client: c, cfg: cfg, accept: accept, contentType: cfg.DefaultContentType, log: c.log,
		opening: make(chan struct{}, 1), sources: make(map[string]*source),
		wake: make(chan struct{}, 1), ending: make(chan struct{}),
	}
	if cfg.Name != "" {
		k.log = c.log.With("consumer", cfg.Name)
	}
	if k.contentType == "" {
		k.contentType = ContentRaw
	}
	if k.cfg.Grace <= 0 {
		k.cfg.Grace = DefaultGrace
	}
	k.retry = cfg.Retry.forDeliveries()
	for _, q := range cfg.Queues {
		if q, err = k.resolve(q); err != nil {
			return nil, err
		}
		if k.named(q.URI) {
			return nil, fmt.Errorf("messaging: queue %s is given twice", q.URI)
		}
		k.queues = append(k.queues, q)
	}
	return k, nil
}

// resolve returns a queue with all names resolved, if it can be consumed from.
func (c *Consumer) resolve(q Queue) (Queue, error) {
	t := c.client.cfg.Topology
	q, err := t.resolve(q)
	if err != nil {
		return q, err
	}
	if q.DeadLetter != "" {
		if q.DeadLetter, err = t.resolveURI(q.DeadLetter); err != nil {
			return q, err
		}
	}
	if c.cfg.SkipAppID != "" && !q.Broadcast && !q.fanout() {
		return q, unsupported("no_local")
	}
	return q, nil
}

// named tells whether a queue is among those of the consumer. The caller holds mu, or is
// the only one to know the consumer.
func (c *Consumer) named(uri string) bool {
	return slices.ContainsFunc(c.queues, func(q Queue) bool { return q.URI == uri })
}

// Client returns the client.
func (c *Consumer) Client() *Client { return c.client }

// Queues returns the queues with what counts for them at present.
func (c *Consumer) Queues() []Queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.queues)
	for i := range list {
		if s := c.sources[list[i].URI]; s != nil {
			list[i] = s.queue
		}
		list[i].QoS = QoS{Messages: list[i].messages(), Bytes: list[i].bytes()}
	}
	return list
}

// ConsumingFrom tells whether messages of a queue are handed out: it is open, started and
// not paused.
func (c *Consumer) ConsumingFrom(queue string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.source(queue)
	return err == nil && c.started && !s.paused
}

// source returns the source of a queue, by URI or name. The caller holds mu.
func (c *Consumer) source(queue string) (*source, error) {
	if s, ok := c.sources[queue]; ok {
		return s, nil
	}
	q, err := c.client.cfg.Topology.resolve(Queue{URI: queue})
	if err != nil {
		return nil, err
	}
	if s, ok := c.sources[q.URI]; ok {
		return s, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNotOpen, q.URI)
}

// pick returns the sources of some queues, or of all if none are named.
func (c *Consumer) pick(queues []string) ([]*source, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*source
	if len(queues) == 0 {
		for _, q := range c.queues {
			if s := c.sources[q.URI]; s != nil {
				list = append(list, s)
			}
		}
		return list, nil
	}
	for _, queue := range queues {
		s, err := c.source(queue)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
