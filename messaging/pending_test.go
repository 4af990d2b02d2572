package messaging_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

func TestMessagesThatNobodyWaitsForKeepTheirOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		var sent []string
		var pending []*messaging.Pending
		for i := range 100 {
			sent = append(sent, fmt.Sprint(i))
			pending = append(pending, p.PublishAsync(t.Context(), []byte(sent[i])))
		}
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, sent, w.bodies(orders))
		for _, f := range pending {
			<-f.Done()
			r, err := f.Wait(t.Context())
			require.NoError(t, err)
			require.False(t, r.GUID.IsZero())
		}
	})
}

func TestPublishAsyncDoesNotWaitForAnswers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.HoldAcks(true)
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, MaxInFlight: 2, Timeout: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var a, b, refused *messaging.Pending
		require.Zero(t, timed(func() { a, b = p.PublishAsync(ctx, "a"), p.PublishAsync(ctx, "b") }))
		require.Equal(t, time.Second, timed(func() { refused = p.PublishAsync(ctx, "c") }), "MaxInFlight")
		_, err := refused.Wait(t.Context())
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = a.Wait(ctx)
		require.Equal(t, context.DeadlineExceeded, err, "there is no outcome yet")
		require.Equal(t, time.Minute, timed(func() { refused = p.PublishAsync(t.Context(), "d") }), "Timeout")
		_, err = refused.Wait(t.Context())
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.ErrorContains(t, err, "Timeout")
		require.Equal(t, 2, c.Stats().InFlight)
		require.ErrorIs(t, p.Flush(ctx), context.DeadlineExceeded)

		w.HoldAcks(false)
		require.NoError(t, p.Flush(t.Context()))
		for _, f := range []*messaging.Pending{a, b} {
			_, err := f.Wait(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, []string{"a", "b"}, w.bodies(orders))
		require.Zero(t, c.Stats().InFlight)
	})
}

func TestPublishAsyncWaitsForNoPlaceInAProducerThatIsClosed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.HoldAcks(true)
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, MaxInFlight: 1})
		p.PublishAsync(t.Context(), "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		closed := make(chan error, 1)
		time.AfterFunc(time.Second/2, func() { closed <- p.Close(ctx) })
		var refused *messaging.Pending
		require.Equal(t, time.Second, timed(func() { refused = p.PublishAsync(t.Context(), "b") }))
		_, err := refused.Wait(t.Context())
		require.ErrorIs(t, err, messaging.ErrClosed)
		require.ErrorIs(t, <-closed, context.DeadlineExceeded)
	})
}

func TestWhatNobodyWaitsForIsTriedAgainToo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		refusing := w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackStorageFailure, Times: 5})
		var returned []error
		p := w.producer(w.client(), messaging.ProducerConfig{
			Queue: orders, Retry: &messaging.RetryPolicy{MaxAttempts: 4},
			OnReturn: func(r messaging.Return) {
				require.Equal(t, "lost", r.Message.Body)
				returned = append(returned, r.Err)
			},
		})
		_, err := p.PublishAsync(t.Context(), "lost").Wait(t.Context())
		require.ErrorIs(t, err, bmq.ErrStorageFailure)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.Equal(t, 4, refusing.Hits())
		require.Len(t, returned, 1)

		r, err := p.PublishAsync(t.Context(), "x").Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, r.Attempts)
		require.Equal(t, []string{"x"}, w.bodies(orders))
	})
}

func TestClosingAProducerSettlesWhatIsUnderWay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackNotReady})
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Retry: &messaging.RetryPolicy{Total: time.Hour}})
		f := p.PublishAsync(t.Context(), "x")
		done := make(chan error)
		go func() {
			_, err := p.Publish(t.Context(), "y")
			done <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.Close(ctx), context.DeadlineExceeded)
		for _, err := range []error{wait(f), <-done} {
			require.ErrorIs(t, err, messaging.ErrClosed)
			require.ErrorIs(t, err, messaging.ErrNotStored)
		}
		require.NoError(t, p.Close(t.Context()), "once more")
		_, err := p.Publish(t.Context(), "z")
		require.ErrorIs(t, err, messaging.ErrClosed)
		require.ErrorIs(t, wait(p.PublishAsync(t.Context(), "z")), messaging.ErrClosed)
		synctest.Wait()
		q, _ := w.Queue(orders)
		require.Zero(t, q.Producers)
		w.producer(c, messaging.ProducerConfig{Queue: orders})
	})
}

func wait(f *messaging.Pending) error {
	_, err := f.Wait(context.Background())
	return err
}

func TestABatchTellsEachOutcome(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackUnknown, Skip: 1, Times: 1})
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		results, err := p.PublishBatch(t.Context(), []byte("a"), "b", &messaging.Message{Body: 3})
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
		require.Len(t, results, 3)
		require.NoError(t, results[0].Err)
		require.ErrorIs(t, results[1].Err, messaging.ErrOutcomeUnknown)
		require.NoError(t, results[2].Err)
		require.Equal(t, []string{"a", "3"}, w.bodies(orders))

		w.HoldAcks(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results, err = p.PublishBatch(ctx, "d")
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
		require.ErrorIs(t, results[0].Err, context.DeadlineExceeded)
		w.HoldAcks(false)
	})
}

func TestHooksSeeEachMessageAndItsOutcome(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackUnknown, Skip: 2, Times: 1})
		var outcomes []error
		var p *messaging.Producer
		c := w.client(func(cfg *messaging.Config) {
			cfg.OnPublish = func(_ context.Context, m *messaging.Message) func(messaging.Receipt, error) {
				m.Header["traced"] = true
				return func(r messaging.Receipt, err error) {
					require.Equal(t, err == nil, !r.GUID.IsZero())
					if m.Body != "nested" { // hooks may do whatever they like
						_, nested := p.Publish(t.Context(), "nested")
						require.NoError(t, nested)
					}
					outcomes = append(outcomes, err)
				}
			}
		})
		p = w.producer(c, messaging.ProducerConfig{Queue: orders})
		header := messaging.Header{"a": 1}
		_, err := p.Publish(t.Context(), &messaging.Message{Body: "sync", Header: header})
		require.NoError(t, err)
		require.Equal(t, messaging.Header{"a": 1}, header, "the caller's own is as it was")
		require.Error(t, wait(p.PublishAsync(t.Context(), []byte("async"))))
		require.Equal(t, 4, len(outcomes))
		require.Equal(t, messaging.Header{"a": int64(1), "traced": true}, w.fetch(w.reads(w.client(), orders)).Header())
	})
}

func TestHooksThatPanicHarmNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *messaging.Config) {
			cfg.OnPublish = func(context.Context, *messaging.Message) func(messaging.Receipt, error) { panic("no") }
		})
		p := w.producer(c, messaging.ProducerConfig{Queue: orders})
		_, err := p.Publish(t.Context(), "x")
		require.NoError(t, err)
		require.NoError(t, wait(p.PublishAsync(t.Context(), "y")))
	})
}

func TestFlushDoesNotWaitForWhatIsPublishedMeanwhile(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Timeout: time.Minute})
		w.publishes(small, "full", "full")
		w.HoldAcks(true)
		before := p.PublishAsync(t.Context(), "before")
		flushed := make(chan error, 2)
		flush := func() { flushed <- p.Flush(t.Context()) }
		go flush()
		synctest.Wait()
		go flush() // what the first one waits for is under way still
		synctest.Wait()
		meanwhile := p.PublishAsync(t.Context(), &messaging.Message{Queue: small, Body: "meanwhile"})
		require.Equal(t, 2, c.Stats().InFlight)
		synctest.Wait()
		require.Empty(t, flushed)
		require.Zero(t, timed(func() {
			w.HoldAcks(false)
			require.NoError(t, <-flushed)
			require.NoError(t, <-flushed)
		}))
		_, err := before.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, c.Stats().InFlight, "it is tried again")
		require.NotZero(t, timed(func() { require.NoError(t, p.Flush(t.Context())) }))
		_, err = meanwhile.Wait(t.Context())
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.NoError(t, p.Flush(t.Context()))
	})
}
