package messaging_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

func TestTheFirstMiddlewareIsTheOutermost(t *testing.T) {
	var calls []string
	named := func(name string) messaging.Middleware {
		return func(next messaging.Handler) messaging.Handler {
			return func(ctx context.Context, d *messaging.Delivery) error {
				calls = append(calls, name)
				return next(ctx, d)
			}
		}
	}
	h := messaging.Chain(func(context.Context, *messaging.Delivery) error { calls = append(calls, "handler"); return nil }, named("a"), named("b"))
	require.NoError(t, h(t.Context(), nil))
	require.Equal(t, []string{"a", "b", "handler"}, calls)
}

func TestRecoverMakesAnErrorOfAPanic(t *testing.T) {
	h := messaging.Chain(func(context.Context, *messaging.Delivery) error { panic("no") }, messaging.Recover())
	var panicked *messaging.PanicError
	require.ErrorAs(t, h(t.Context(), nil), &panicked)
	require.Equal(t, "no", panicked.Value)
}

func TestTimeoutEndsTheContextOfAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := messaging.Chain(func(ctx context.Context, _ *messaging.Delivery) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}, messaging.Timeout(time.Second))
		var err error
		require.Equal(t, time.Second, timed(func() { err = h(t.Context(), nil) }))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1s")
	})
}

func TestThrottleSpreadsHandlersInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := messaging.Chain(ignore, messaging.Throttle(2, time.Second))
		began := time.Now()
		var at []time.Duration
		for range 5 {
			require.NoError(t, h(t.Context(), nil))
			at = append(at, time.Since(began))
		}
		half := 500 * time.Millisecond
		require.Equal(t, []time.Duration{0, 0, half, 2 * half, 3 * half}, at)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, h(ctx, nil), context.DeadlineExceeded)
	})
}

func TestRetryIsForSomeHandlersOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "bad", "hopeless", "good")
		c := w.client()
		hopeless := errors.New("hopeless")
		k := w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, DeadLetter: dead}}})
		tries := map[string]int{}
		h := func(_ context.Context, d *messaging.Delivery) error {
			body := string(d.Data())
			tries[body]++
			switch body {
			case "good":
				return nil
			case "hopeless":
				return hopeless
			}
			return errors.New("bad luck")
		}
		r := w.runs(k, messaging.Chain(h, messaging.Retry(messaging.RetryPolicy{
			MaxAttempts: 2, RetryIf: func(err error) bool { return !errors.Is(err, hopeless) },
		})))
		pass(time.Hour)
		require.NoError(t, r.end())
		require.Equal(t, map[string]int{"bad": 2, "hopeless": 1, "good": 1}, tries)
		require.Equal(t, []string{"hopeless", "bad"}, w.bodies(dead))
		require.Zero(t, c.Stats().Failed, "nothing failed for the consumer")
	})
}

func TestDeduplicateHandlesAMessageOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		c := w.client()
		k := w.reads(c, orders)
		var mu sync.Mutex
		handled := 0
		h := messaging.Chain(func(context.Context, *messaging.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if handled++; handled == 1 {
				return errors.New("the first time it fails")
			}
			return nil
		}, messaging.Deduplicate(10))
		d := w.fetch(k)
		require.Error(t, h(t.Context(), d))
		require.NoError(t, h(t.Context(), d), "a failure does not count")
		require.NoError(t, k.Release(t.Context()))
		again := w.fetch(k)
		require.Equal(t, d.GUID(), again.GUID())
		require.NoError(t, h(t.Context(), again))
		require.Equal(t, 2, handled)
		require.Equal(t, messaging.Acked, again.State())
	})
}

func TestDeduplicateWaitsForWhoHandlesTheMessage(t *testing.T) {
	for what, end := range map[string]func() error{
		"success": func() error { return nil },
		"failure": func() error { return errors.New("no") },
		"panic":   func() error { panic("no") },
		"goexit":  func() error { runtime.Goexit(); return nil },
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.publishes(orders, "1")
				d := w.fetch(w.reads(w.client(), orders))
				release := make(chan bool)
				calls := make(chan bool, 2)
				h := messaging.Chain(func(context.Context, *messaging.Delivery) error {
					calls <- true
					if len(calls) == 2 {
						return nil
					}
					<-release
					return end()
				}, messaging.Deduplicate(1))
				first := make(chan bool)
				go func() {
					defer close(first)
					defer func() { _ = recover() }()
					_ = h(t.Context(), d)
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.ErrorIs(t, h(ctx, d), context.DeadlineExceeded)
				second := make(chan error)
				go func() { second <- h(t.Context(), d) }()
				close(release)
				require.NoError(t, <-second)
				<-first
				require.Equal(t, what == "success", len(calls) == 1)
			})
		})
	}
}

func TestDeduplicateForgetsTheOldest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.reads(w.client(), orders)
		n := 0
		h := messaging.Chain(func(context.Context, *messaging.Delivery) error { n++; return nil }, messaging.Deduplicate(2))
		list := []*messaging.Delivery{w.fetch(k), w.fetch(k), w.fetch(k)}
		for _, i := range []int{0, 1, 2, 2, 1, 0} {
			require.NoError(t, h(t.Context(), list[i]))
		}
		require.Equal(t, 4, n)
	})
}

func TestDeduplicateWithManualAcks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "kept", "settled")
		k := w.consumer(w.client(), messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, AckMode: messaging.AckManual,
		})
		handled := make(map[string]int)
		h := messaging.Chain(func(_ context.Context, d *messaging.Delivery) error {
			handled[string(d.Data())]++
			if string(d.Data()) == "settled" {
				return d.Ack()
			}
			return nil // it will be settled later
		}, messaging.Deduplicate(10))
		kept, settled := w.fetch(k), w.fetch(k)
		require.NoError(t, h(t.Context(), kept))
		w.Inject(bmqtest.Fault{On: bmqtest.Receiving, Event: bmqtest.EventConfirm, Times: 1, Do: bmqtest.Drop})
		require.NoError(t, h(t.Context(), settled))
		require.NoError(t, k.Release(t.Context()))
		for range 2 {
			require.NoError(t, h(t.Context(), w.fetch(k)))
		}
		require.Equal(t, map[string]int{"kept": 2, "settled": 1}, handled)
		synctest.Wait()
		require.Equal(t, 1, w.unconfirmed(orders))
	})
}
