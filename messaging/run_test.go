package messaging_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// running is a consumer that runs in the background.
type running struct {
	stop context.CancelFunc
	err  chan error
}

func (w *world) runs(k *messaging.Consumer, handlers ...messaging.Handler) running {
	ctx, stop := context.WithCancel(w.t.Context())
	r := running{stop: stop, err: make(chan error, 1)}
	go func() { r.err <- k.Run(ctx, handlers...) }()
	return r
}

// end ends the run and returns what it returned.
func (r running) end() error {
	r.stop()
	return <-r.err
}

func TestRunAcksWhatItsHandlersSucceedWith(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		c := w.client()
		var calls []string
		first := func(_ context.Context, d *messaging.Delivery) error {
			calls = append(calls, "first "+string(d.Data()))
			if string(d.Data()) == "2" {
				return d.Ack() // the handlers behind it are not asked
			}
			return nil
		}
		second := messaging.Handle(func(_ context.Context, body string, _ *messaging.Delivery) error {
			calls = append(calls, "second "+body)
			return nil
		})
		r := w.runs(w.reads(c, orders), first, second)
		synctest.Wait()
		require.Equal(t, []string{"first 1", "second 1", "first 2", "first 3", "second 3"}, calls)
		require.Empty(t, w.bodies(orders))
		require.NoError(t, r.end())
		require.Equal(t, uint64(3), c.Stats().Acked)
		q, _ := w.Queue(orders)
		require.Zero(t, q.Consumers, "the consumer is closed")
	})
}

func TestRunNeedsAHandlerAndQueues(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		k := w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}, Lazy: true})
		require.ErrorIs(t, k.Run(t.Context()), messaging.ErrNoHandler)
		require.Empty(t, w.Queues(), "nothing was opened")
		require.ErrorContains(t, w.consumer(c, messaging.ConsumerConfig{}).Run(t.Context(), ignore), "no queues")
	})
}

func ignore(context.Context, *messaging.Delivery) error { return nil }

func TestAFailedDeliveryIsTriedAgainAndBecomesADeadLetter(t *testing.T) {
	for what, fail := range map[string]func() error{
		"error":   func() error { return errors.New("no luck") },
		"panic":   func() error { panic("no luck") },
		"goexit":  func() error { runtime.Goexit(); return nil },
		"nothing": func() error { return errors.Join() }, // that is no error
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.publishes(orders, "poison", "good")
				c := w.client()
				var attempts []int
				var failures []error
				k := w.consumer(c, messaging.ConsumerConfig{
					Queues: []messaging.Queue{{URI: orders, DeadLetter: dead}},
					Retry:  messaging.RetryPolicy{MaxAttempts: 3, Start: time.Second, Max: 10 * time.Second},
					OnError: func(_ context.Context, _ *messaging.Delivery, err error) {
						failures = append(failures, err)
						panic("hooks may panic, too")
					},
				})
				began := time.Now()
				var last time.Duration
				r := w.runs(k, func(_ context.Context, d *messaging.Delivery) error {
					if string(d.Data()) == "good" {
						return nil
					}
					attempts, last = append(attempts, d.Attempt()), time.Since(began)
					return fail()
				})
				pass(time.Hour)
				require.Empty(t, w.bodies(orders))
				require.NoError(t, r.end())
				if what == "nothing" {
					require.Equal(t, []int{1}, attempts)
					return
				}
				require.Equal(t, []int{1, 2, 3}, attempts)
				require.Len(t, failures, 3)
				require.GreaterOrEqual(t, last, 1500*time.Millisecond)
				require.LessOrEqual(t, last, 3*time.Second)
				require.Equal(t, uint64(3), c.Stats().Failed)
				require.Equal(t, uint64(1), c.Stats().DeadLettered)
				letter := w.fetch(w.reads(c, dead))
				require.Equal(t, "poison", string(letter.Data()))
				attemptsMade, _ := letter.Header().Int64("dead_letter_attempts")
				require.Equal(t, int64(3), attemptsMade)
			})
		})
	}
}

func TestPanicsOfHandlersAreToldAsSuch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		c := w.client()
		cause := errors.New("cause")
		var got error
		k := w.consumer(c, messaging.ConsumerConfig{
			Queues:  []messaging.Queue{{URI: orders}},
			OnError: func(_ context.Context, d *messaging.Delivery, err error) { got = err; _ = d.Ack() },
		})
		r := w.runs(k, func(context.Context, *messaging.Delivery) error { panic(cause) })
		synctest.Wait()
		require.NoError(t, r.end())
		var panicked *messaging.PanicError
		require.ErrorAs(t, got, &panicked)
		require.ErrorIs(t, got, cause)
		require.Contains(t, string(panicked.Stack), "run_test.go")
		require.Equal(t, uint64(1), c.Stats().Panicked)
		require.Empty(t, w.bodies(orders), "OnError settled it")
	})
}

func TestWithoutADeadLetterQueueAMessageIsTriedForEver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		k := w.reads(w.client(), orders)
		n := 0
		r := w.runs(k, func(context.Context, *messaging.Delivery) error { n++; return errors.New("never") })
		pass(time.Hour)
		require.GreaterOrEqual(t, n, 60, "the wait grows up to a minute")
		require.LessOrEqual(t, n, 150)
		require.NoError(t, r.end())
		require.Equal(t, []string{"1"}, w.bodies(orders))
	})
}

func TestHandlersMayEndWithTheConsumer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		c := w.client()
		k := w.reads(c, orders)
		p := w.producer(c, messaging.ProducerConfig{Queue: other})
		started := make(chan bool)
		r := w.runs(k, func(ctx context.Context, d *messaging.Delivery) error {
			close(started)
			time.Sleep(10 * time.Second)
			require.NoError(t, ctx.Err())
			_, err := p.Publish(ctx, d.Data())
			return err
		})
		<-started
		require.Equal(t, 10*time.Second, timed(func() { require.NoError(t, r.end()) }))
		require.Equal(t, []string{"1"}, w.bodies(other))
		require.Equal(t, []string{"2"}, w.bodies(orders), "what was in hand is acked, the rest is as it was")
	})
}

func TestHandlersThatDoNotEndAreAbandoned(t *testing.T) {
	for _, obedient := range []bool{true, false} {
		t.Run(strconv.FormatBool(obedient), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.publishes(orders, "1")
				k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}, Grace: 5 * time.Second})
				var handled *messaging.Delivery
				release := make(chan bool)
				r := w.runs(k, func(ctx context.Context, d *messaging.Delivery) error {
					handled = d
					if obedient {
						<-ctx.Done()
						return ctx.Err()
					}
					<-release
					return d.Ack()
				})
				synctest.Wait()
				var err error
				took := timed(func() { err = r.end() })
				if obedient {
					require.NoError(t, err)
					require.Equal(t, 5*time.Second, took)
				} else {
					require.ErrorIs(t, err, messaging.ErrAbandoned)
					require.Equal(t, 7*time.Second, took)
				}
				synctest.Wait()
				again := w.fetch(w.reads(w.client(), orders))
				require.Equal(t, "1", string(again.Data()), "it is not lost")
				close(release)
				synctest.Wait()
				require.Equal(t, messaging.Stale, handled.State())
				require.Equal(t, []string{"1"}, w.bodies(orders), "an ack that comes too late has no effect")
			})
		})
	}
}

func TestShutdownWaitsForHandlersAsLongAsItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		for _, c := range []struct{ needs, has time.Duration }{{5 * time.Second, time.Minute}, {time.Hour, 5 * time.Second}} {
			client := w.client()
			k := w.reads(client, orders)
			r := w.runs(k, func(_ context.Context, d *messaging.Delivery) error {
				time.Sleep(c.needs)
				return errors.New("it comes again")
			})
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), c.has)
			var err error
			require.Equal(t, 5*time.Second, timed(func() { err = client.Shutdown(ctx) }))
			if c.needs < c.has {
				require.NoError(t, err)
				require.NoError(t, <-r.err)
			} else {
				require.ErrorIs(t, err, messaging.ErrAbandoned)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, <-r.err, messaging.ErrAbandoned)
			}
			cancel()
			require.NoError(t, client.Shutdown(t.Context()), "once more")
			require.NoError(t, client.Close())
			require.Equal(t, []string{"1"}, w.bodies(orders))
			_, err = client.NewConsumer(t.Context(), messaging.ConsumerConfig{})
			require.ErrorIs(t, err, messaging.ErrClosed)
			_, err = client.NewProducer(t.Context(), messaging.ProducerConfig{})
			require.ErrorIs(t, err, messaging.ErrClosed)
		}
		pass(time.Hour) // for the handler that outlived its client
	})
}

func TestRunEndsAtItsLimits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		c := w.client()
		var got []string
		handler := func(_ context.Context, d *messaging.Delivery) error {
			got = append(got, string(d.Data()))
			return nil
		}
		require.NoError(t, w.reads(c, orders).RunUntil(t.Context(), messaging.Until{Limit: 2}, handler))
		require.Equal(t, []string{"1", "2"}, got)
		require.Equal(t, []string{"3"}, w.bodies(orders))
		k := w.reads(c, orders)
		require.Equal(t, time.Minute, timed(func() {
			require.NoError(t, k.RunUntil(t.Context(), messaging.Until{Quiet: time.Minute}, handler))
		}))
		require.Empty(t, w.bodies(orders))
		require.ErrorIs(t, k.Run(t.Context(), handler), messaging.ErrClosed, "it is closed")
	})
}

func TestHandlersRunAtTheSameTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var bodies []any
		for i := range 12 {
			bodies = append(bodies, strconv.Itoa(i))
		}
		w.publishes(orders, bodies...)
		k := w.consumer(w.client(), messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, Concurrency: 4,
			OrderBy: func(d *messaging.Delivery) string { return string(d.Data()[len(d.Data())-1:]) },
		})
		var mu sync.Mutex
		busy, most := 0, 0
		took := timed(func() {
			require.NoError(t, k.RunUntil(t.Context(), messaging.Until{Limit: 12}, func(context.Context, *messaging.Delivery) error {
				mu.Lock()
				busy++
				most = max(most, busy)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				busy--
				mu.Unlock()
				return nil
			}))
		})
		require.Equal(t, 4, most)
		require.Equal(t, 3*time.Second, took)
	})
}

func TestDeliveriesOfAKeyAreHandledInOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const n = 60
		var bodies []any
		for i := range n {
			bodies = append(bodies, strconv.Itoa(i))
		}
		w.publishes(orders, bodies...)
		key := func(i int) int { return i % 3 }
		k := w.consumer(w.client(), messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, Concurrency: 8,
			OrderBy: func(d *messaging.Delivery) string {
				i, _ := strconv.Atoi(string(d.Data()))
				return strconv.Itoa(key(i))
			},
		})
		var mu sync.Mutex
		seen := map[int][]int{}
		busy := map[int]bool{}
		r := w.runs(k, func(_ context.Context, d *messaging.Delivery) error {
			i, _ := strconv.Atoi(string(d.Data()))
			mu.Lock()
			require.False(t, busy[key(i)])
			busy[key(i)] = true
			mu.Unlock()
			time.Sleep(time.Duration(i%7) * time.Millisecond)
			mu.Lock()
			seen[key(i)] = append(seen[key(i)], i)
			busy[key(i)] = false
			mu.Unlock()
			return nil
		})
		pass(time.Minute)
		require.NoError(t, r.end())
		require.Empty(t, w.bodies(orders))
		for _, list := range seen {
			require.Len(t, list, n/3)
			require.True(t, slices.IsSorted(list))
		}
	})
}

func TestALostQueueEndsItsConsumer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		refused := bmqtest.Status{Category: bmqtest.Refused, Message: "go away"}
		c := w.client(func(cfg *messaging.Config) { cfg.Retry.Total = time.Second })
		var lost []string
		both := w.consumer(c, messaging.ConsumerConfig{
			Queues:   []messaging.Queue{{URI: orders}, {URI: other}},
			OnCancel: func(queue string, _ error) { lost = append(lost, queue) },
		})
		one := w.reads(c, dead)
		r, s := w.runs(both, ignore), w.runs(one, ignore)
		synctest.Wait()
		for _, q := range []string{orders, dead} {
			w.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Queue: q, Do: bmqtest.Refuse, Status: refused})
		}
		w.DropConnections("")
		require.ErrorIs(t, <-s.err, messaging.ErrCanceled)
		pass(time.Minute)
		require.Equal(t, []string{orders}, lost)
		require.False(t, both.ConsumingFrom(orders))
		require.True(t, both.ConsumingFrom(other), "the consumer goes on with the others")
		w.publishes(other, "x")
		synctest.Wait()
		require.Empty(t, w.bodies(other))
		require.NoError(t, r.end())
	})
}

func TestALostQueueIsBroughtBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.reads(w.client(), orders)
		require.NoError(t, k.Start(t.Context()))
		w.Inject(bmqtest.Fault{
			On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Queue: orders, Do: bmqtest.Refuse, Times: 3,
			Status: bmqtest.Status{Category: bmqtest.Refused, Message: "not now"},
		})
		w.DropConnections("")
		w.publishes(other, "x")
		pass(time.Minute)
		w.publishes(orders, "y")
		require.Equal(t, "y", string(w.fetch(k).Data()))
	})
}
