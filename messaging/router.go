package messaging

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
)

// Router is a program's handlers, each with its queue, that run and end together.
//
//	router := client.NewRouter(messaging.ConsumerConfig{Concurrency: 4})
//	router.Use(messaging.Timeout(time.Minute))
//	router.Handle(messaging.Queue{URI: orders}, messaging.Handle(place))
//	router.Handle(messaging.Queue{URI: mails, DeadLetter: dead}, messaging.Handle(send))
//	return router.Run(ctx)
type Router struct {
	client *Client
	cfg    ConsumerConfig

	mu         sync.Mutex
	middleware []Middleware
	routes     []routerEntry
	running    bool
}

type routerEntry struct {
	queue   Queue
	handler Handler
}

// NewRouter returns a router. cfg is for the consumer that each queue gets: Concurrency, say,
// is how many handlers run for each. Its Queues must be empty.
func (c *Client) NewRouter(cfg ConsumerConfig) *Router { return &Router{client: c, cfg: cfg} }

// Use wraps all handlers, also those that were added before; the first middleware is the
// outermost.
func (r *Router) Use(middleware ...Middleware) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.middleware = append(r.middleware, middleware...)
}

// Handle adds the handler of a queue, with middleware of its own inside of the router's.
func (r *Router) Handle(q Queue, h Handler, middleware ...Middleware) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routes = append(r.routes, routerEntry{queue: q, handler: Chain(h, middleware...)})
}

// Run consumes from all queues until ctx ends or the process is told to end, by SIGTERM or
// an interrupt. Then no more is handed out and handlers may end, for ConsumerConfig.Grace at
// most; see Consumer.Run. A second signal ends the process at once, as without Run. If one
// consumer fails the others end in the same way, and the errors are joined.
//
// The client stays up: what handlers published is flushed by Client.Shutdown. A router runs
// once.
func (r *Router) Run(ctx context.Context) error {
	r.mu.Lock()
	routes, middleware, running := r.routes, r.middleware, r.running
	r.running = true
	r.mu.Unlock()
	switch {
	case running:
		return fmt.Errorf("%w: a router runs once", ErrBusy)
	case len(routes) == 0 || slices.ContainsFunc(routes, func(e routerEntry) bool { return e.handler == nil }):
		return ErrNoHandler
	case len(r.cfg.Queues) > 0:
		return errors.New("messaging: the queues of a router come by Handle, not by its ConsumerConfig")
	}
	ctx, end := untilSignal(ctx)
	defer end()

	consumers := make([]*Consumer, len(routes))
	for i, route := range routes {
		cfg := r.cfg
		cfg.Queues = []Queue{route.queue}
		k, err := r.client.NewConsumer(ctx, cfg)
		if err != nil {
			for _, k := range consumers[:i] {
				err = errors.Join(err, k.Close(ctx))
			}
			return err
		}
		consumers[i] = k
	}
	errs := make([]error, len(routes))
	var all sync.WaitGroup
	for i, k := range consumers {
		all.Go(func() {
			defer end()
			errs[i] = k.Run(ctx, Chain(routes[i].handler, middleware...))
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// untilSignal returns a context that ends with the first signal to end. Then signals have
// their usual effect again.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}
