package messaging_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// panickyPolicies are policies of applications whose functions panic.
var panickyPolicies = map[string]messaging.RetryPolicy{
	"RetryIf": {RetryIf: func(error) bool { panic("boom") }},
	"OnRetry": {OnRetry: func(error, int, time.Duration) { panic("boom") }},
}

func TestAPolicyThatPanicsEndsThePublish(t *testing.T) {
	for name, policy := range panickyPolicies {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitMessages})
				p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, Retry: &policy})
				check := func(err error) {
					var panicked *messaging.PanicError
					require.ErrorAs(t, err, &panicked)
					require.ErrorIs(t, err, messaging.ErrNotStored)
					require.ErrorIs(t, err, bmq.ErrLimitMessages)
				}
				_, err := p.Publish(t.Context(), "x")
				check(err)
				_, err = p.PublishAsync(t.Context(), "x").Wait(t.Context())
				check(err)
				require.NoError(t, p.Flush(t.Context()))
			})
		})
	}
}

func TestAPolicyThatPanicsHasDeliveriesTriedAgain(t *testing.T) {
	for name, policy := range panickyPolicies {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.publishes(orders, "x")
				k := w.consumer(w.client(), messaging.ConsumerConfig{
					Queues: []messaging.Queue{{URI: orders, DeadLetter: dead}}, Retry: policy,
				})
				err := k.RunUntil(t.Context(), messaging.Until{Limit: 2}, func(_ context.Context, d *messaging.Delivery) error {
					if d.Attempt() == 1 {
						return errors.New("not now")
					}
					return nil
				})
				require.NoError(t, err)
				synctest.Wait()
				require.Empty(t, w.bodies(orders))
				require.Empty(t, w.bodies(dead))
			})
		})
	}
}

func TestHooksMayCloseTheClient(t *testing.T) {
	refused := bmqtest.Status{Category: bmqtest.Refused}
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *messaging.Config) { cfg.Retry.Total = time.Second })
		closed := make(chan error)
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitMessages})
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, OnReturn: func(messaging.Return) { closed <- c.Close() }})
		p.PublishAsync(t.Context(), "x")
		require.NoError(t, <-closed)

		c = w.client(func(cfg *messaging.Config) { cfg.Retry.Total = time.Second })
		k := w.consumer(c, messaging.ConsumerConfig{
			Queues:   []messaging.Queue{{URI: other}},
			OnCancel: func(string, error) { closed <- c.Close() },
		})
		require.NoError(t, k.Start(t.Context()))
		w.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Queue: other, Do: bmqtest.Refuse, Status: refused})
		w.DropConnections("")
		require.NoError(t, <-closed)
	})
}

func TestHooksHearOfWhatAClosedProducerRefuses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		begun, ended := 0, 0
		c := w.client(func(cfg *messaging.Config) {
			cfg.OnPublish = func(context.Context, *messaging.Message) func(messaging.Receipt, error) {
				begun++
				return func(_ messaging.Receipt, err error) {
					require.ErrorIs(t, err, messaging.ErrClosed)
					ended++
				}
			}
		})
		var returned []error
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, OnReturn: func(r messaging.Return) { returned = append(returned, r.Err) }})
		require.NoError(t, p.Close(t.Context()))
		_, err := p.Publish(t.Context(), "x")
		require.ErrorIs(t, err, messaging.ErrNotStored)
		_, async := p.PublishAsync(t.Context(), "x").Wait(t.Context())
		require.Equal(t, err, async)
		require.Equal(t, []error{err, err}, returned)
		require.Equal(t, []int{2, 2}, []int{begun, ended})
	})
}

func TestCloseCutsAShutdownShort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "x")
		c := w.client()
		r := w.runs(w.reads(c, orders), func(ctx context.Context, _ *messaging.Delivery) error { <-ctx.Done(); return ctx.Err() })
		synctest.Wait()
		shut := make(chan error)
		go func() { shut <- c.Shutdown(t.Context()) }()
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- c.Close() }()
		require.ErrorIs(t, <-shut, context.Canceled)
		require.NoError(t, <-closed)
		require.NoError(t, c.Shutdown(t.Context()))
		require.NoError(t, r.end())
	})
}
