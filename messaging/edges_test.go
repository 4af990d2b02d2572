package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

func TestAProducerDoesNotKeepAllQueuesOpen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		for i := range 600 {
			queue := fmt.Sprintf("%s-%d", other, i%300)
			_, err := p.Publish(t.Context(), &messaging.Message{Queue: queue, Body: "x"})
			require.NoError(t, err)
		}
		synctest.Wait()
		open := 0
		for _, q := range w.Queues() {
			open += q.Producers
			require.True(t, q.URI == orders || q.Messages == 2, q.URI)
		}
		require.Equal(t, 1+256, open)
	})
}

func TestAPublishErrorTellsWhatHappened(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitMessages})
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, Retry: &messaging.RetryPolicy{MaxAttempts: 2}})
		_, err := p.Publish(t.Context(), "x")
		require.EqualError(t, err, "messaging: publish to "+orders+": not stored after 2 attempts: "+bmq.ErrLimitMessages.Error())
		require.Equal(t, "unknown", messaging.Unknown.String())
		require.Equal(t, "stored", messaging.Stored.String())
		require.Equal(t, "Outcome(7)", messaging.Outcome(7).String())
	})
}

func TestTemporaryFailuresAreWorthAnotherTry(t *testing.T) {
	for _, err := range []error{bmq.ErrLimitBytes, bmq.ErrNotReady, bmq.ErrBrokerTimeout, messaging.ErrConnectionLost} {
		require.True(t, messaging.Temporary(fmt.Errorf("wrapped: %w", err)))
	}
	for _, err := range []error{bmq.ErrRefused, messaging.ErrUnroutable, context.Canceled, errors.New("else")} {
		require.False(t, messaging.Temporary(err))
	}
}

func TestARetryPolicyIsForAnyOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		flaky := func(context.Context) error {
			if n++; n < 4 {
				return bmq.ErrNotReady
			}
			return nil
		}
		require.NoError(t, messaging.RetryPolicy{}.Do(t.Context(), flaky))
		require.Equal(t, 4, n)
		never := func(context.Context) error { return bmq.ErrNotReady }
		took := timed(func() { require.ErrorIs(t, messaging.RetryPolicy{}.Do(t.Context(), never), bmq.ErrNotReady) })
		require.LessOrEqual(t, took, time.Minute, "it has an end")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, time.Second, timed(func() {
			err := messaging.RetryPolicy{}.Do(ctx, never)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, bmq.ErrNotReady)
		}))
	})
}

func TestCodecsRefuseWhatIsNotTheirs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		for _, m := range []messaging.Message{
			{Body: "text", Codec: "raw"}, {Body: 3, Codec: "text"}, {Body: make(chan int), Codec: "gob"},
		} {
			_, err := p.Publish(t.Context(), m)
			require.ErrorIs(t, err, messaging.ErrEncode)
			require.ErrorContains(t, err, fmt.Sprintf("%T", m.Body))
		}
		for _, m := range []messaging.Message{
			{Body: time.Minute, Codec: "text"}, {Body: []byte("text"), Codec: "text"}, {Body: []byte("raw"), Codec: "raw"},
		} {
			_, err := p.Publish(t.Context(), m)
			require.NoError(t, err)
		}
		require.Equal(t, []string{"1m0s", "text", "raw"}, w.bodies(orders))
		d := w.fetch(w.reads(w.client(), orders))
		var n int
		require.ErrorIs(t, d.Decode(&n), messaging.ErrDecode)
	})
}

func TestKeysThatCanNotBeToldHaveNoOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		k := w.consumer(w.client(), messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, Concurrency: 2, OrderBy: func(*messaging.Delivery) string { panic("no") },
		})
		require.NoError(t, k.RunUntil(t.Context(), messaging.Until{Limit: 2}, ignore))
		synctest.Wait()
		require.Empty(t, w.bodies(orders))
	})
}

func TestAConsumerKnowsItsClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		require.Same(t, c, w.reads(c, orders).Client())
		require.Same(t, c, w.producer(c, messaging.ProducerConfig{}).Client())
		e := exchange(t, messaging.Topic)
		require.Equal(t, "e", e.Name())
		require.Equal(t, messaging.Topic, e.Kind())
	})
}

func TestWhatIsClosedSaysSo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := w.client()
		k, closed, p := w.reads(c, orders), w.reads(c, other), w.producer(c, messaging.ProducerConfig{Queue: orders})
		require.NoError(t, closed.Close(ctx))
		require.ErrorIs(t, closed.Pause(ctx), messaging.ErrClosed)
		require.NoError(t, c.Health(ctx))
		require.NoError(t, c.Shutdown(ctx))
		for name, f := range map[string]func() error{
			"health":    func() error { return c.Health(ctx) },
			"call":      func() error { _, err := c.Call(ctx, orders, 1); return err },
			"producer":  func() error { _, err := c.NewProducer(ctx, messaging.ProducerConfig{}); return err },
			"consumer":  func() error { _, err := c.NewConsumer(ctx, messaging.ConsumerConfig{}); return err },
			"publish":   func() error { _, err := p.Publish(ctx, "x"); return err },
			"target":    func() error { return p.Open(ctx) },
			"open":      func() error { return k.Open(ctx) },
			"start":     func() error { return k.Start(ctx) },
			"fetch":     func() error { _, err := k.Fetch(ctx); return err },
			"pause":     func() error { return k.Pause(ctx) },
			"resume":    func() error { return k.Resume(ctx) },
			"qos":       func() error { return k.SetQoS(ctx, messaging.QoS{Messages: 1}) },
			"release":   func() error { return k.Release(ctx) },
			"redeliver": func() error { _, err := k.Redeliver(); return err },
			"add":       func() error { return k.Add(ctx, messaging.Queue{URI: other}) },
			"remove":    func() error { return k.Remove(ctx, orders) },
		} {
			require.ErrorIs(t, f(), messaging.ErrClosed, name)
		}
		require.NoError(t, p.Flush(ctx))
		require.NoError(t, p.Close(ctx))
		require.NoError(t, k.Close(ctx))
		require.NoError(t, c.Close())
	})
}

func TestOperationsOnAConsumerWaitForEachOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.reads(w.client(), orders)
		stalled := w.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.ConfigureQueue, Do: bmqtest.Stall})
		started := make(chan error)
		go func() { started <- k.Start(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, time.Second, timed(func() { require.ErrorIs(t, k.Pause(ctx), context.DeadlineExceeded) }))
		stalled.Remove()
		require.NoError(t, <-started)
		require.NoError(t, k.Pause(t.Context()))
	})
}

func TestNothingIsAnErrorAndNoPanic(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.client()
		p, k := w.producer(c, messaging.ProducerConfig{Queue: orders}), w.reads(c, orders)
		var none *messaging.Message
		_, err := p.Encode(none)
		require.ErrorIs(t, err, messaging.ErrEncode)
		w.publishes(orders, &messaging.Message{Body: "request", ReplyTo: other})
		request := w.fetch(k)
		for name, publish := range map[string]func() error{
			"publish": func() error { _, err := p.Publish(ctx, none); return err },
			"async":   func() error { _, err := p.PublishAsync(ctx, none).Wait(ctx); return err },
			"batch":   func() error { _, err := p.PublishBatch(ctx, "x", none); return err },
			"reply":   func() error { _, err := p.Reply(ctx, request, none); return err },
			"call":    func() error { _, err := c.Call(ctx, orders, none); return err },
		} {
			err := publish()
			require.ErrorIs(t, err, messaging.ErrNotStored, name)
			require.ErrorIs(t, err, messaging.ErrEncode, name)
			require.ErrorContains(t, err, "a *Message that is nil", name)
		}
		for _, d := range []*messaging.Delivery{nil, {}} {
			_, err = p.Reply(ctx, d, "x")
			require.ErrorIs(t, err, messaging.ErrNoReplyTo)
			_, err = messaging.Decode[int](d)
			require.ErrorIs(t, err, messaging.ErrDecode)
			want := d.Ack()
			require.ErrorContains(t, want, "there is no delivery")
			for _, err := range []error{
				messaging.AckAll(d), d.AckThrough(), d.RetryAfter(0), d.Requeue(ctx), d.Reject(ctx, nil),
			} {
				require.Equal(t, want, err)
			}
			_, err = d.Body()
			for _, err := range []error{err, d.Decode(new(int))} {
				require.ErrorIs(t, err, messaging.ErrDecode)
				require.ErrorIs(t, err, want)
			}
		}
		require.Error(t, messaging.AckAll(nil, request))
		require.Equal(t, messaging.Acked, request.State(), "the others are settled")

		require.ErrorIs(t, k.Run(ctx, nil), messaging.ErrNoHandler)
		require.ErrorIs(t, k.Run(ctx, messaging.Handle[int](nil)), messaging.ErrNoHandler)
		router := c.NewRouter(messaging.ConsumerConfig{})
		router.Use(nil, messaging.Recover())
		router.Handle(messaging.Queue{URI: other}, nil, messaging.Recover())
		require.ErrorIs(t, router.Run(ctx), messaging.ErrNoHandler)
		handled := messaging.Chain(func(context.Context, *messaging.Delivery) error { return context.Canceled }, nil, messaging.Recover())
		require.ErrorIs(t, handled(ctx, request), context.Canceled)
	})
	require.Error(t, messaging.RetryPolicy{}.Do(t.Context(), nil))
	_, err := messaging.LoadTopology(nil)
	require.Error(t, err)
	var topology *messaging.Topology
	require.Empty(t, topology.Consumer().Queues)
	_, err = (&messaging.Topology{Exchanges: map[string]*messaging.Exchange{"events": nil}}).Exchange("events")
	require.Error(t, err)

	var r messaging.Registry
	_, err = r.Codec("json")
	require.ErrorIs(t, err, messaging.ErrNoCodec)
	r.Register(nil)
	r.RegisterCompressor(nil)
	all := messaging.NewRegistry()
	codec, err := all.Codec("json")
	require.NoError(t, err)
	r.Register(codec)
	compressor, err := all.Compressor("gzip")
	require.NoError(t, err)
	r.RegisterCompressor(compressor)
	_, err = r.CodecFor("application/json")
	require.NoError(t, err)
	_, err = r.Compressor("gzip")
	require.NoError(t, err)
}
