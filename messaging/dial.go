package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

const (
	envBrokerURI = "BMQ_BROKER_URI"
	// alternateTimeout is how long one of several brokers may take to answer.
	alternateTimeout = 10 * time.Second
)

// Dial connects to a broker and returns a client that is up.
//
// One broker is tried for as long as ctx and the session's connect timeout allow. Of
// several, each is given up to ten seconds in turn, round after round, until Config.Retry
// is at its end; what is wrong with Config is an error at once. The caller has to call
// Shutdown or Close.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if len(cfg.Brokers) == 0 {
		cfg.Brokers = []string{bmq.DefaultBroker}
	}
	if len(cfg.Brokers) == 1 {
		return dial(ctx, cfg, cfg.Brokers[0])
	}
	if env := os.Getenv(envBrokerURI); env != "" {
		return nil, fmt.Errorf("messaging: %s=%s would take the place of each of the %d brokers; unset it, or give one broker", envBrokerURI, env, len(cfg.Brokers))
	}
	var client *Client
	hopeless := false
	policy := cfg.Retry
	again := policy.RetryIf
	policy.RetryIf = func(err error) bool { return !hopeless && (again == nil || again(err)) }
	err := policy.Do(ctx, func(ctx context.Context) (err error) {
		client, hopeless, err = dialOne(ctx, cfg)
		return err
	})
	return client, err
}

// dialOne tries each broker once. It is hopeless if none could be tried for what is wrong
// with cfg.
func dialOne(ctx context.Context, cfg Config) (client *Client, hopeless bool, err error) {
	var errs []error
	hopeless = true
	for _, broker := range cfg.Brokers {
		attempt, cancel := context.WithTimeout(ctx, alternateTimeout)
		c, err := dial(attempt, cfg, broker)
		cancel()
		if err == nil {
			return c, false, nil
		}
		hopeless = hopeless && mistaken(err)
		errs = append(errs, fmt.Errorf("%s: %w", broker, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, hopeless, errors.Join(errs...)
}

// mistaken tells whether no broker was asked, for what the program said is wrong.
func mistaken(err error) bool {
	for _, target := range []error{bmq.ErrValue, bmq.ErrType, bmq.ErrInvalidArgument, bmq.ErrEngineUnavailable, ErrNoCodec} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func dial(ctx context.Context, cfg Config, broker string) (*Client, error) {
	c := &Client{
		cfg:       cfg,
		log:       cfg.Logger,
		codecs:    cfg.Codecs,
		broker:    broker,
		handles:   make(map[string]*handle),
		producers: make(map[*Producer]struct{}),
		consumers: make(map[*Consumer]struct{}),
		done:      make(chan struct{}),
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.codecs == nil {
		c.codecs = NewRegistry()
	}
	if c.cfg.MaxBody <= 0 {
		c.cfg.MaxBody = DefaultMaxBody
	}
	c.routes.Store(&map[string]*source{})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.notify = newNotifier(cfg.OnEvent, c.log)
	c.connected.Store(true)
	options := append(append([]bmq.Option{bmq.WithLogger(c.log)}, slices.DeleteFunc(slices.Clone(cfg.Options), unfit)...),
		bmq.WithBroker(broker), bmq.WithOnMessage(c.onMessage),
		// Events and messages have to come in order. Handlers don't run there anyway.
		bmq.WithNumProcessingThreads(1))
	var err error
	if c.internal, err = c.newProducer(ProducerConfig{Lazy: true}); err == nil {
		c.session, err = bmq.NewSession(ctx, c.onEvent, options...)
	}
	if err != nil {
		c.cancel()
		c.notify.close()
		return nil, err
	}
	return c, nil
}

// unfit tells which options can't be passed on: deliveries are kept beyond the session's
// handler.
func unfit(o bmq.Option) bool { return o == bmq.WithBorrowedPayloads() || o == bmq.WithPull() }

// onEvent takes the events of the session.
func (c *Client) onEvent(e sessionevents.SessionEvent) {
	c.log.Log(c.ctx, sessionevents.Level(e), "session event", "event", e)
	switch e := e.(type) {
	case sessionevents.ConnectionLost:
		c.losses.Add(1)
		for _, s := range *c.routes.Load() {
			s.lose()
		}
		c.connected.Store(false) // who sees that finds deliveries stale
	case sessionevents.Reconnected:
		c.connected.Store(true)
	case sessionevents.Disconnected:
		c.connected.Store(false)
	case sessionevents.QueueReopenFailed:
		c.lost(e.QueueURI(), fmt.Errorf("%w: %s: %s", ErrCanceled, e.QueueURI(), e.Message()))
	default:
		// For the application only.
	}
	c.notify.add(e)
}

// lost brings back a queue that the session has given up.
func (c *Client) lost(uri string, cause error) {
	c.mu.Lock()
	h := c.handles[uri]
	c.mu.Unlock()
	if h != nil {
		h.lost(cause)
	}
}
