package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/sessionevents"
)

// Config is how a client is made. All of it may be left out.
type Config struct {
	// Brokers are the URIs, tcp://host:port, of brokers that the client may use; Dial
	// takes the first one that answers, and the session stays with it: it reconnects to
	// that one for as long as it takes. To try them in another order, shuffle them. Default
	// bmq.DefaultBroker. With several, BMQ_BROKER_URI must not be set.
	Brokers []string
	// Options are for the session, such as bmq.WithDialer or bmq.WithAuthnCredentialProvider.
	// Those that are a matter of this package have no effect: broker, handlers, processing
	// threads, bmq.WithPull and bmq.WithBorrowedPayloads.
	Options []bmq.Option
	// Retry is for dialing, for opening queues again that were lost, and the default of
	// producers.
	Retry RetryPolicy
	// FailFast refuses to publish while the connection is down, in place of keeping what
	// is published until it is back.
	FailFast bool
	// Codecs are the codecs and compressors. Default NewRegistry().
	Codecs *Registry
	// MaxBody is how large a received body may become by decompression, in bytes. Default
	// DefaultMaxBody.
	MaxBody int64
	// Topology has queues and exchanges by name.
	Topology *Topology
	// Admin purges and counts. Default none: these calls answer with an UnsupportedError.
	Admin *admin.Client
	// ReplyDomain is the domain of the queues that Call awaits replies in, of priority
	// mode. Default the domain of the queue that is called.
	ReplyDomain string
	// Logger is where the client and its session log. Default slog.Default().
	Logger *slog.Logger
	// OnEvent is told of what happens to the session and its queues, one event at a time,
	// on a goroutine of the client. It may call whatever it likes. Default none; the
	// client logs events in any case.
	OnEvent func(sessionevents.SessionEvent)
	// OnPublish is called with each message before it is encoded, and may change it; Queue or
	// Exchange, Key and AppID are those of the producer where the message has none. The
	// function that it returns, unless it is nil, is called with the outcome. Both are
	// called on the goroutine that publishes, the second one of PublishAsync on another.
	// Adapters for tracing and metrics are made of it.
	OnPublish func(ctx context.Context, m *Message) (done func(Receipt, error))
}

// Client is one session with a broker, its queues, and all that uses them. It may be used
// by any number of goroutines, and one is enough for a process.
type Client struct {
	cfg     Config
	log     *slog.Logger
	codecs  *Registry
	broker  string
	session *bmq.Session
	notify  *notifier

	ctx     context.Context // ends with the client
	cancel  context.CancelFunc
	ending  sync.Mutex     // held to end ctx, and to start a goroutine
	running sync.WaitGroup // goroutines of the client

	connected atomic.Bool
	losses    atomic.Uint64 // connections that were lost

	mu        sync.Mutex
	closed    bool
	handles   map[string]*handle
	producers map[*Producer]struct{}
	consumers map[*Consumer]struct{}
	routes    atomic.Pointer[map[string]*source] // who reads which queue; replaced, not changed

	stats     counters
	posts     sync.Pool // of *post
	timers    sync.Pool // of *time.Timer, stopped
	deadlines sync.Pool // of *deadline
	internal  *Producer // of dead letters and requests
	replies   replies
	cut       context.CancelFunc // ends the context of a Shutdown that is under way
	done      chan struct{}      // closed when Shutdown is through
}

// NewProducer returns a producer. It opens the queue, unless cfg says to be lazy.
func (c *Client) NewProducer(ctx context.Context, cfg ProducerConfig) (*Producer, error) {
	p, err := c.newProducer(cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	c.producers[p] = struct{}{}
	c.mu.Unlock()
	if !cfg.Lazy {
		if err := p.Open(ctx); err != nil {
			return nil, errors.Join(err, p.Close(ctx))
		}
	}
	return p, nil
}

// NewConsumer returns a consumer. It opens the queues, unless cfg says to be lazy, but
// has nothing delivered before it is started.
func (c *Client) NewConsumer(ctx context.Context, cfg ConsumerConfig) (*Consumer, error) {
	k, err := c.newConsumer(cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	c.consumers[k] = struct{}{}
	c.mu.Unlock()
	if !cfg.Lazy {
		if err := k.Open(ctx); err != nil {
			return nil, errors.Join(err, k.Close(ctx))
		}
	}
	return k, nil
}

// Connected tells whether there is a connection to the broker.
func (c *Client) Connected() bool { return c.connected.Load() }

// Broker returns the URI of the broker that Dial found.
func (c *Client) Broker() string { return c.broker }

// Health returns nil if the broker answers; while the connection is down it waits for it,
// as long as ctx allows. ErrClosed when the client is closed.
func (c *Client) Health(ctx context.Context) error {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return c.session.Health(ctx)
}

// Exchange returns an exchange of the Topology.
func (c *Client) Exchange(name string) (*Exchange, error) { return c.cfg.Topology.Exchange(name) }

// Shutdown ends the client in good order: consumers take no more messages, handlers may
// end, what was published gets its outcome, then all is closed. If ctx ends meanwhile, the
// rest is cut off, and the error is the context's. What is not settled then comes again.
// A handler must not call it: it would wait for itself.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.await(ctx)
	}
	c.closed = true
	ctx, c.cut = context.WithCancel(ctx)
	defer c.cut()
	consumers, producers := keys(c.consumers), keys(c.producers)
	c.mu.Unlock()
	defer close(c.done)

	errs := make([]error, len(consumers))
	var ending sync.WaitGroup
	for i, k := range consumers {
		ending.Go(func() { errs[i] = k.stop(ctx) })
	}
	ending.Wait()
	for _, p := range append(producers, c.internal) {
		p.closed.Store(true)
		errs = append(errs, p.Flush(ctx))
	}
	// Stopping the session closes the queues, and gives back what is not settled.
	errs = append(errs, c.session.Stop(ctx))
	c.end()
	for _, k := range consumers {
		k.abandon()
	}
	c.notify.close()
	return errors.Join(errs...)
}

// await waits for a Shutdown that is under way.
func (c *Client) await(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close is Shutdown at once: handlers are not waited for, nor are outcomes. It cuts short a
// Shutdown that is under way.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.cut()
		c.mu.Unlock()
		<-c.done
		return nil
	}
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := c.Shutdown(ctx)
	if errors.Is(err, context.Canceled) {
		return nil // that is what Close is about
	}
	return err
}

func keys[K comparable](m map[K]struct{}) []K {
	list := make([]K, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// background runs fn on a goroutine of the client, unless that is at its end. Its context
// ends with the client.
func (c *Client) background(fn func(ctx context.Context)) (started bool) {
	c.ending.Lock()
	defer c.ending.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.running.Go(func() { fn(c.ctx) })
	return true
}

// end ends the goroutines of the client.
func (c *Client) end() {
	c.ending.Lock()
	c.cancel()
	c.ending.Unlock()
	c.running.Wait()
}

// domainOf returns the domain of a queue.
func domainOf(uri string) (string, error) {
	u, err := bmq.ParseURI(uri)
	if err != nil {
		return "", fmt.Errorf("messaging: %w", err)
	}
	if u.Tier != "" {
		return u.Domain + ".~" + u.Tier, nil
	}
	return u.Domain, nil
}
