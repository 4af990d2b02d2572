package messaging_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// Queues of the tests.
const (
	orders  = "bmq://bmq.test.mem.priority/orders"
	dead    = "bmq://bmq.test.mem.priority/dead"
	other   = "bmq://bmq.test.mem.priority/other"
	small   = "bmq://bmq.test.mem.small/q" // takes a few messages
	shouts  = "bmq://bmq.test.mem.broadcast/shouts"
	news    = "bmq://bmq.test.mem.fanout/news"
	newsFoo = news + "?id=foo"
	newsBar = news + "?id=bar"
)

// world is a broker and its clients, with a network in memory and a time of their own, which
// passes only when everybody waits for it.
type world struct {
	*bmqtest.Broker
	t *testing.T
}

// inWorld runs a test in a world.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := bmqtest.Start(t, bmqtest.WithInMemoryNetwork(), bmqtest.WithBuiltinDomains(),
			bmqtest.WithDomain(bmqtest.Domain{Name: single, MaxProducers: 1, MaxConsumers: 1}),
			bmqtest.WithDomain(bmqtest.Domain{Name: "bmq.test.mem.small", QueueMessages: 1}))
		test(t, &world{Broker: b, t: t})
	})
}

// client returns a client, which is shut down when the test ends.
func (w *world) client(change ...func(*messaging.Config)) *messaging.Client {
	w.t.Helper()
	cfg := messaging.Config{
		Logger:  quiet,
		Options: []bmq.Option{bmq.WithEngine(bmq.EnginePortable), bmq.WithDialer(w.DialContext)},
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := messaging.Dial(w.t.Context(), cfg)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

// poster returns a plain session, somebody else's, that has a queue open to post to. It is
// closed when the test ends.
func (w *world) poster(queue string) *bmq.Session {
	w.t.Helper()
	s, err := bmq.NewSession(w.t.Context(), ignoreEvents, bmq.WithDialer(w.DialContext), bmq.WithLogger(quiet), bmq.WithEngine(bmq.EnginePortable))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = s.Close() })
	require.NoError(w.t, s.OpenQueue(w.t.Context(), queue, bmq.WithWrite()))
	return s
}

func (w *world) producer(c *messaging.Client, cfg messaging.ProducerConfig) *messaging.Producer {
	w.t.Helper()
	p, err := c.NewProducer(w.t.Context(), cfg)
	require.NoError(w.t, err)
	return p
}

func (w *world) consumer(c *messaging.Client, cfg messaging.ConsumerConfig) *messaging.Consumer {
	w.t.Helper()
	k, err := c.NewConsumer(w.t.Context(), cfg)
	require.NoError(w.t, err)
	return k
}

// reads returns a consumer of one queue.
func (w *world) reads(c *messaging.Client, queue string) *messaging.Consumer {
	w.t.Helper()
	return w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: queue}}})
}

// publishes publishes bodies to a queue, by a client of its own.
func (w *world) publishes(queue string, bodies ...any) {
	w.t.Helper()
	c := w.client()
	p := w.producer(c, messaging.ProducerConfig{Queue: queue})
	for _, body := range bodies {
		_, err := p.Publish(w.t.Context(), body)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, c.Shutdown(w.t.Context()))
}

// fetch returns the next delivery; there has to be one.
func (w *world) fetch(k *messaging.Consumer) *messaging.Delivery {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
	defer cancel()
	d, err := k.Fetch(ctx)
	require.NoError(w.t, err)
	return d
}

// nothing checks that there is no delivery, not even in a minute.
func (w *world) nothing(k *messaging.Consumer) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	_, err := k.Fetch(ctx)
	require.ErrorIs(w.t, err, messaging.ErrEmpty)
}

// bodies are those of the messages that a queue has.
func (w *world) bodies(queue string) (list []string) {
	w.t.Helper()
	for _, m := range w.Messages(queue, "", 0, 1000) {
		_, payload, err := m.Decode()
		require.NoError(w.t, err)
		list = append(list, string(payload))
	}
	return list
}

// unconfirmed tells how many messages of a queue consumers have and did not confirm.
func (w *world) unconfirmed(queue string) (n int) {
	q, _ := w.Queue(queue)
	for _, a := range q.Apps {
		n += a.Unconfirmed
	}
	return n
}

// timed returns how long fn takes.
func timed(fn func()) time.Duration {
	began := time.Now()
	fn()
	return time.Since(began)
}

// pass lets time pass, and waits until all is done that was to be done by then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
