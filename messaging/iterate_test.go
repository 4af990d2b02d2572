package messaging_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/messaging"
)

func TestALoopTellsWhyItEnds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.reads(w.client(), orders)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []string
		var last error
		for d, err := range k.Deliveries(ctx) {
			if err != nil {
				require.Nil(t, d)
				last = err
				continue
			}
			require.NoError(t, d.Ack())
			if got = append(got, string(d.Data())); len(got) == 2 {
				cancel()
			}
		}
		require.ErrorIs(t, last, context.Canceled)
		require.Equal(t, []string{"1", "2"}, got)
		for d, err := range k.Deliveries(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, "3", string(d.Data()), "what waits is there for the next one")
			break
		}
		go func() { _ = k.Close(t.Context()) }()
		for _, err := range k.Deliveries(t.Context()) {
			require.ErrorIs(t, err, messaging.ErrClosed)
		}
	})
}

func TestALoopEndsAtItsLimits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.reads(w.client(), orders)
		count := func(until messaging.Until) (n int) {
			for d, err := range k.DeliveriesUntil(t.Context(), until) {
				require.NoError(t, err)
				require.NoError(t, d.Ack())
				n++
			}
			return n
		}
		require.Equal(t, 2, count(messaging.Until{Limit: 2}))
		require.Equal(t, time.Second, timed(func() { require.Equal(t, 1, count(messaging.Until{Limit: 5, Quiet: time.Second})) }))
	})
}

func TestLoopsShareDeliveries(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.reads(w.client(), orders)
		got := make(chan string, 10)
		for range 3 {
			go func() {
				for d, err := range k.Deliveries(t.Context()) {
					if err != nil {
						return
					}
					got <- string(d.Data())
				}
			}()
		}
		synctest.Wait()
		w.publishes(orders, "1", "2", "3")
		seen := map[string]bool{<-got: true, <-got: true, <-got: true}
		require.Len(t, seen, 3)
		require.NoError(t, k.Close(t.Context()))
	})
}

func TestFetchWaitsAsLongAsItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.reads(w.client(), orders)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		require.Equal(t, time.Second, timed(func() { _, err = k.Fetch(ctx) }))
		require.ErrorIs(t, err, messaging.ErrEmpty)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		stopped, stop := context.WithCancel(t.Context())
		stop()
		_, err = k.Fetch(stopped)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, messaging.ErrEmpty)
	})
}

func TestBatchesAreFullOrInTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3", "4", "5")
		k := w.reads(w.client(), orders)
		var sizes []int
		took := timed(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for batch, err := range k.Batches(ctx, 2, time.Second) {
				if err != nil {
					require.ErrorIs(t, err, context.Canceled)
					break
				}
				sizes = append(sizes, len(batch))
				require.NoError(t, messaging.AckAll(batch...))
				if len(sizes) == 3 {
					cancel()
				}
			}
		})
		require.Equal(t, []int{2, 2, 1}, sizes)
		require.Equal(t, time.Second, took)
		synctest.Wait()
		require.Empty(t, w.bodies(orders))
	})
}
