package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// What the other tests show in a world of their own, over the engines of this program, each
// with a broker behind a real connection.

func overEngines(t *testing.T, test func(t *testing.T, b *bmqtest.Broker, c *messaging.Client)) {
	for _, e := range bmq.Engines() {
		t.Run(e.Kind.String(), func(t *testing.T) {
			b := bmqtest.Start(t)
			c, err := messaging.Dial(t.Context(), messaging.Config{
				Brokers: []string{b.URI()}, Logger: quiet, Options: []bmq.Option{bmq.WithEngine(e.Kind)},
			})
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			test(t, b, c)
			require.NoError(t, c.Shutdown(t.Context()))
		})
	}
}

func next(t *testing.T, k *messaging.Consumer) *messaging.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := k.Fetch(ctx)
	require.NoError(t, err)
	return d
}

func TestEnginesPublishAndConsume(t *testing.T) {
	overEngines(t, func(t *testing.T, _ *bmqtest.Broker, c *messaging.Client) {
		m, err := c.NewMessaging(t.Context(), messaging.ProducerConfig{Queue: orders, Key: "k"},
			messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, DeadLetter: dead, QoS: messaging.QoS{Messages: 1}}}})
		require.NoError(t, err)
		long := strings.Repeat("long ", 10000)
		results, err := m.PublishBatch(t.Context(), []byte("bytes"), "text", order{ID: 3},
			&messaging.Message{Body: long, Compression: messaging.CompressionZLIB, Header: messaging.Header{"n": int16(5)}})
		require.NoError(t, err)
		require.Equal(t, results[0].Receipt.GUID, next(t, m.Consumer).GUID())
		n, err := m.Redeliver()
		require.NoError(t, err)
		require.Equal(t, 1, n)
		d := next(t, m.Consumer)
		require.Equal(t, 2, d.Attempt())
		require.NoError(t, d.Reject(t.Context(), errors.New("no")))
		d = next(t, m.Consumer)
		require.Equal(t, "text", string(d.Data()))
		require.NoError(t, d.RetryAfter(0))
		require.NoError(t, next(t, m.Consumer).Requeue(t.Context()))
		d = next(t, m.Consumer)
		got, err := messaging.Decode[order](d)
		require.NoError(t, err)
		require.Equal(t, int64(3), got.ID)
		require.NoError(t, d.Ack())
		d = next(t, m.Consumer)
		require.Equal(t, long, string(d.Data()))
		require.Equal(t, messaging.Header{"n": int16(5)}, d.Header())
		require.Equal(t, "k", d.Key())
		require.NoError(t, d.Ack())
		require.Equal(t, 3, next(t, m.Consumer).Attempt(), "the copy")
	})
}

func TestEnginesPauseReleaseAndReopen(t *testing.T) {
	overEngines(t, func(t *testing.T, b *bmqtest.Broker, c *messaging.Client) {
		publishTo(t, c, orders, "1", "2")
		k, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
		require.NoError(t, err)
		d := next(t, k)
		require.NoError(t, k.Release(t.Context()))
		require.ErrorIs(t, d.Ack(), messaging.ErrStale)
		require.NoError(t, next(t, k).Ack())
		require.NoError(t, k.Pause(t.Context()))
		p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: orders}) // it has to be opened again for that
		require.NoError(t, err)
		_, err = p.Publish(t.Context(), "3")
		require.NoError(t, err)
		require.NoError(t, k.Resume(t.Context()))
		require.Equal(t, "2", string(next(t, k).Data()))
		require.Equal(t, "3", string(next(t, k).Data()))
		require.NoError(t, k.Close(t.Context()))
		require.Equal(t, int64(2), depth(b, orders))
	})
}

func TestEnginesLiveThroughALostConnection(t *testing.T) {
	overEngines(t, func(t *testing.T, b *bmqtest.Broker, c *messaging.Client) {
		publishTo(t, c, orders, "1")
		k, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, Write: true}}})
		require.NoError(t, err)
		old := next(t, k)
		p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: orders})
		require.NoError(t, err)
		b.HoldAcks(true)
		pending := p.PublishAsync(t.Context(), "2")
		require.Eventually(t, func() bool { return depth(b, orders) == 2 }, patience, patience/1000)
		b.DropConnections("")
		b.HoldAcks(false)
		_, err = pending.Wait(t.Context())
		require.NoError(t, err, "the post is repeated, and recognised")
		again := next(t, k)
		require.Equal(t, old.GUID(), again.GUID())
		require.ErrorIs(t, old.Ack(), messaging.ErrStale)
		require.NoError(t, messaging.AckAll(again, next(t, k)))
		require.Eventually(t, func() bool { return depth(b, orders) == 0 }, patience, patience/1000)
	})
}

func TestEnginesTellWhatIsRefused(t *testing.T) {
	overEngines(t, func(t *testing.T, b *bmqtest.Broker, c *messaging.Client) {
		refusing := b.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitMessages})
		p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: orders, Retry: &messaging.RetryPolicy{MaxAttempts: 2}})
		require.NoError(t, err)
		_, err = p.Publish(t.Context(), "x")
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.ErrorIs(t, err, bmq.ErrLimitMessages)
		require.Equal(t, 2, refusing.Hits())
		_, err = p.Publish(t.Context(), &messaging.Message{Body: "x", Queue: "bmq://no.such.domain/q"})
		require.ErrorIs(t, err, messaging.ErrNotStored)
		_, err = p.Publish(t.Context(), []byte{})
		require.ErrorIs(t, err, bmq.ErrPayloadEmpty)
	})
}

func TestEnginesServeCalls(t *testing.T) {
	overEngines(t, func(t *testing.T, _ *bmqtest.Broker, c *messaging.Client) {
		p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{})
		require.NoError(t, err)
		k, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}, Concurrency: 2})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- k.Run(ctx, messaging.Handle(func(ctx context.Context, n int, d *messaging.Delivery) error {
				_, err := p.Reply(ctx, d, n+1)
				return err
			}))
		}()
		for i := range 10 {
			d, err := c.Call(t.Context(), orders, i)
			require.NoError(t, err)
			n, err := messaging.Decode[int](d)
			require.NoError(t, err)
			require.Equal(t, i+1, n)
		}
		stop()
		require.NoError(t, <-done)
	})
}
