package messaging_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/messaging"
)

// The tests of a router are outside of a bubble, since signals are.

func dialed(t *testing.T, broker string) *messaging.Client {
	t.Helper()
	c, err := messaging.Dial(t.Context(), messaging.Config{Brokers: []string{broker}, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func publishTo(t *testing.T, c *messaging.Client, queue string, bodies ...any) {
	t.Helper()
	p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: queue})
	require.NoError(t, err)
	_, err = p.PublishBatch(t.Context(), bodies...)
	require.NoError(t, err)
	require.NoError(t, p.Close(t.Context()))
}

func TestARouterHandlesItsQueues(t *testing.T) {
	broker := bmqtest.Start(t)
	c := dialed(t, broker.URI())
	publishTo(t, c, orders, "1")
	publishTo(t, c, other, "2")
	router := c.NewRouter(messaging.ConsumerConfig{})
	calls := make(chan string, 10)
	says := func(what string) messaging.Middleware {
		return func(next messaging.Handler) messaging.Handler {
			return func(ctx context.Context, d *messaging.Delivery) error {
				calls <- what
				return next(ctx, d)
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	handled := make(chan string)
	router.Handle(messaging.Queue{URI: orders}, func(_ context.Context, d *messaging.Delivery) error {
		handled <- "orders " + string(d.Data())
		return nil
	}, says("orders only"))
	router.Handle(messaging.Queue{URI: other}, func(_ context.Context, d *messaging.Delivery) error {
		handled <- "other " + string(d.Data())
		return nil
	})
	router.Use(says("all"))
	done := make(chan error)
	go func() { done <- router.Run(ctx) }()
	require.ElementsMatch(t, []string{"orders 1", "other 2"}, []string{<-handled, <-handled})
	require.ErrorIs(t, router.Run(ctx), messaging.ErrBusy, "it runs once")
	stop()
	require.NoError(t, <-done)
	require.ElementsMatch(t, []string{"all", "orders only", "all"}, []string{<-calls, <-calls, <-calls})
	require.True(t, c.Connected(), "the client stays up")
}

func TestARouterIsChecked(t *testing.T) {
	broker := bmqtest.Start(t)
	c := dialed(t, broker.URI())
	require.ErrorIs(t, c.NewRouter(messaging.ConsumerConfig{}).Run(t.Context()), messaging.ErrNoHandler)
	r := c.NewRouter(messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
	r.Handle(messaging.Queue{URI: orders}, ignore)
	require.ErrorContains(t, r.Run(t.Context()), "come by Handle")
	r = c.NewRouter(messaging.ConsumerConfig{})
	r.Handle(messaging.Queue{URI: orders}, ignore)
	r.Handle(messaging.Queue{URI: "bmq://no.such.domain/q"}, ignore)
	require.Error(t, r.Run(t.Context()))
	q, _ := broker.Queue(orders)
	require.Zero(t, q.Consumers, "what was opened is closed")
}

// routerProgram handles one message at a time, slowly, until it is told to end.
func routerProgram() {
	ctx := context.Background()
	c, err := messaging.Dial(ctx, messaging.Config{Brokers: []string{os.Args[1]}, Logger: quiet})
	if err != nil {
		panic(err)
	}
	router := c.NewRouter(messaging.ConsumerConfig{})
	router.Handle(messaging.Queue{URI: orders, QoS: messaging.QoS{Messages: 1}}, func(_ context.Context, d *messaging.Delivery) error {
		fmt.Println("handling", string(d.Data()))
		var line string
		_, err := fmt.Scanln(&line) // until the test says so
		fmt.Println("handled", string(d.Data()))
		return err
	})
	fmt.Println("router:", router.Run(ctx))
	fmt.Println("shutdown:", c.Shutdown(ctx))
}

// awaitPaused waits until the consumer of orders has paused it, which is how it begins to end.
func awaitPaused(t *testing.T, broker *bmqtest.Broker) {
	t.Helper()
	require.Eventually(t, func() bool {
		q, _ := broker.Queue(orders)
		return q.Apps[0].Consumers[0].Subscriptions[0].MaxUnconfirmedMessages == 0
	}, patience, patience/1000)
}

func TestARouterEndsInGoodOrderBySIGTERM(t *testing.T) {
	broker := bmqtest.Start(t)
	publishTo(t, dialed(t, broker.URI()), orders, "1", "2")
	p := proctest.Start(t, proctest.Program(t, "router", broker.URI()))
	p.Await("handling 1")
	p.Signal(syscall.SIGTERM)
	awaitPaused(t, broker)
	_, err := fmt.Fprintln(p.Stdin(), "go")
	require.NoError(t, err)
	require.Equal(t, "handled 1", p.Line())
	require.Equal(t, "router: <nil>", p.Line())
	require.Equal(t, "shutdown: <nil>", p.Line())
	require.Zero(t, p.Exit())
	require.Len(t, broker.Messages(orders, "", 0, 10), 1, "what was in hand is acked, the rest is as it was")
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	broker := bmqtest.Start(t)
	publishTo(t, dialed(t, broker.URI()), orders, "1")
	p := proctest.Start(t, proctest.Program(t, "router", broker.URI()))
	p.Await("handling 1")
	p.Signal(syscall.SIGTERM)
	awaitPaused(t, broker)
	p.Signal(syscall.SIGTERM)
	require.Equal(t, -1, p.Exit())
}
