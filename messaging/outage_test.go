package messaging_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/officialbroker"
	"github.com/bmq-go/bmq/messaging"
)

// mortal is a broker that can die and come back, with the messages of persistent domains.
type mortal struct {
	uri       string
	kill      func()
	terminate func() error // in good order
	restart   func() error
}

// few is a persistent domain whose queues take fewMessages, and so one more.
const (
	few         = "bmq.test.mmap.few"
	fewMessages = 50
)

// onMortalBrokers runs a test for each broker.
func onMortalBrokers(t *testing.T, test func(t *testing.T, b *mortal)) {
	domain := bmqtest.Domain{Name: few, Persistent: true, QueueMessages: fewMessages}
	t.Run("embedded", func(t *testing.T) {
		b := bmqtest.Start(t, bmqtest.WithBuiltinDomains(), bmqtest.WithDomain(domain))
		stop := func() error { return b.Stop(t.Context()) }
		test(t, &mortal{b.URI(), b.Kill, stop, func() error { return b.Restart(t.Context(), bmqtest.KeepPersistent) }})
	})
	t.Run("official", func(t *testing.T) {
		b := officialbroker.ForTest(t, officialbroker.Config{Domains: []bmqtest.Domain{domain}})
		test(t, &mortal{b.URI(), b.Kill, b.Terminate, b.Restart})
	})
}

// awaitQueue waits until the broker has a queue for which cond holds.
func (b *mortal) awaitQueue(t *testing.T, queue string, cond func(admin.Queue) bool) (q admin.Queue) {
	t.Helper()
	c, err := admin.New(b.uri)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		q, err = c.Queue(t.Context(), queue)
		return err == nil && cond(q)
	}, patience, patience/1000)
	return q
}

func empty(q admin.Queue) bool { return q.Messages == 0 }

func TestPublishingThroughAnOutageStoresEachMessageOnce(t *testing.T) {
	onMortalBrokers(t, func(t *testing.T, b *mortal) {
		c := dialed(t, b.uri)
		p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: jobs})
		require.NoError(t, err)
		stored := map[string]bool{} // by body; false is that nobody knows
		var waiting []*messaging.Pending
		publish := func(n int) {
			for range n {
				body := fmt.Sprint("message ", len(stored))
				stored[body] = true
				waiting = append(waiting, p.PublishAsync(t.Context(), body))
			}
		}
		publish(200)
		b.kill()
		publish(100)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // enough to hand the message over
		defer cancel()
		began := time.Now()
		_, err = p.Publish(ctx, "impatient")
		require.Less(t, time.Since(began), patience)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
		stored["impatient"] = false

		require.NoError(t, b.restart())
		publish(100)
		for _, f := range waiting {
			_, err := f.Wait(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, p.Flush(t.Context()))

		k, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: jobs}}})
		require.NoError(t, err)
		got := map[string]int{}
		for d, err := range k.DeliveriesUntil(t.Context(), messaging.Until{Limit: len(stored)}) {
			require.NoError(t, err)
			got[string(d.Data())]++
			require.NoError(t, d.Ack())
		}
		b.awaitQueue(t, jobs, empty)
		for body := range stored {
			require.Equal(t, 1, got[body], body)
		}
	})
}
