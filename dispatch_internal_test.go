package bmq

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

func eventItem(code int) item {
	return item{event: sessionevents.New(sessionevents.TypeError, "", code, "")}
}

func messagesItem(bytes int) item {
	b := engine.NewMessageBatch()
	b.Bytes = bytes
	return item{messages: b}
}

func TestDispatcherHandlesItemsInOrder(t *testing.T) {
	var got []int
	d := newDispatcher(1, Watermarks{50, 2000}, 0, func(it item) { got = append(got, it.event.StatusCode()) })
	for i := range 1000 {
		d.push(eventItem(i))
	}
	require.NoError(t, d.close(t.Context()))
	require.Len(t, got, 1000)
	for i, code := range got {
		require.Equal(t, i, code)
	}
}

func TestDispatcherGivesBackWhatABacklogTook(t *testing.T) {
	hold := make(chan struct{})
	d := newDispatcher(1, Watermarks{50, 2000}, 0, func(item) { <-hold })
	for i := range 100_000 {
		d.push(eventItem(i))
	}
	close(hold)
	require.NoError(t, d.close(t.Context()))
	require.LessOrEqual(t, len(d.items), keptItems)
}

func TestDispatcherSaysThatHandlersAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var got []string
		d := newDispatcher(1, Watermarks{2, 4}, 0, func(it item) {
			<-hold
			got = append(got, it.event.String())
		})
		for range 6 {
			d.push(eventItem(0))
			synctest.Wait() // the first one is in hand
		}
		close(hold)
		require.NoError(t, d.close(t.Context()))
		// The high mark comes ahead of what waits, the low mark at the end of it.
		require.Equal(t, []string{
			"<Error>", "<SlowConsumerHighWaterMark>", "<Error>", "<Error>", "<Error>", "<Error>", "<Error>", "<SlowConsumerNormal>",
		}, got)
	})
}

func TestDispatcherBarrierWaitsForHandlers(t *testing.T) {
	for _, workers := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			hold := make(chan struct{})
			d := newDispatcher(workers, Watermarks{50, 2000}, 0, func(item) { <-hold })
			<-d.barrier() // nothing to wait for
			for range 5 {
				d.push(eventItem(0))
			}
			b := d.barrier()
			d.push(eventItem(0)) // behind the barrier
			for range 5 {
				synctest.Wait()
				select {
				case <-b:
					t.Fatal("the barrier opened early")
				default:
				}
				hold <- struct{}{}
			}
			<-b
			close(hold)
			require.NoError(t, d.close(t.Context()))
		})
	}
}

func TestDispatcherBarrierHoldsWhenTheHighMarkJumpsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		d := newDispatcher(1, Watermarks{0, 3}, 0, func(item) { <-hold })
		d.push(eventItem(0))
		synctest.Wait()
		d.push(eventItem(0))
		d.push(eventItem(0))
		b := d.barrier() // behind three items
		d.push(eventItem(0))
		for range 4 { // the mark and the three
			select {
			case <-b:
				t.Fatal("the barrier opened early")
			default:
			}
			hold <- struct{}{}
			synctest.Wait()
		}
		<-b
		close(hold)
		require.NoError(t, d.close(t.Context()))
	})
}

func TestDispatcherThrottleBoundsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		d := newDispatcher(1, Watermarks{50, 2000}, 100, func(it item) { <-hold })
		d.push(messagesItem(60)) // in hand: no longer waiting
		synctest.Wait()
		d.push(messagesItem(60))
		d.throttle() // 60 of 100
		d.push(messagesItem(60))
		through := false
		go func() {
			d.throttle()
			through = true
		}()
		synctest.Wait()
		require.False(t, through)
		hold <- struct{}{}
		synctest.Wait()
		require.True(t, through)
		close(hold)
		require.NoError(t, d.close(t.Context()))
	})
}

func TestDispatcherThrottleBoundsWhatSmallMessagesTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		hold := make(chan struct{})
		d := newDispatcher(1, Watermarks{50, 2000}, n*messageCost, func(it item) { <-hold })
		d.push(messagesItem(0))
		synctest.Wait()
		small := item{messages: &engine.MessageBatch{Messages: make([]engine.Message, n), Bytes: n}}
		d.push(small)
		through := make(chan struct{})
		go func() {
			d.throttle()
			close(through)
		}()
		synctest.Wait()
		select {
		case <-through:
			require.Fail(t, "a hundred messages of one byte take more than a hundred bytes")
		default:
		}
		_, bytes := d.waiting()
		require.EqualValues(t, n, bytes)
		hold <- struct{}{}
		<-through
		close(hold)
		require.NoError(t, d.close(t.Context()))
		require.Zero(t, d.messages)
	})
}

func TestDispatcherDoesNotThrottleWhileSomebodyWaitsForTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		d := newDispatcher(1, Watermarks{50, 2000}, 1, func(it item) { <-hold })
		d.push(messagesItem(60))
		synctest.Wait()
		d.push(messagesItem(60))
		done := make(chan func())
		go func() { done <- d.awaiting() }()
		d.throttle() // until the call above
		(<-done)()
		close(hold)
		require.NoError(t, d.close(t.Context()))
	})
}

func TestDispatcherCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		d := newDispatcher(1, Watermarks{50, 2000}, 0, func(item) { <-hold })
		d.push(eventItem(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, d.close(ctx), context.DeadlineExceeded)
		close(hold)
		synctest.Wait()
	})
}

func TestDispatcherSurvivesHandlersThatEndTheirGoroutine(t *testing.T) {
	var mu sync.Mutex
	n := 0
	d := newDispatcher(1, Watermarks{50, 2000}, 0, func(item) {
		mu.Lock()
		n++
		mu.Unlock()
		runtime.Goexit()
	})
	for range 10 {
		d.push(eventItem(0))
	}
	<-d.barrier()
	require.NoError(t, d.close(t.Context()))
	require.Equal(t, 10, n)
}

func TestDispatcherKnowsItsWorkers(t *testing.T) {
	answers := make(chan bool, 1)
	var d *dispatcher
	ready := make(chan struct{})
	d = newDispatcher(2, Watermarks{50, 2000}, 0, func(item) {
		<-ready
		answers <- d.onWorker()
	})
	close(ready)
	d.push(eventItem(0))
	require.True(t, <-answers)
	require.False(t, d.onWorker())
	require.NoError(t, d.close(t.Context()))
}

func TestDispatcherDropsWhatComesAfterItsEnd(t *testing.T) {
	n := 0
	d := newDispatcher(1, Watermarks{50, 2000}, 0, func(item) { n++ })
	require.NoError(t, d.close(t.Context()))
	d.push(eventItem(0))
	d.push(messagesItem(1))
	require.Zero(t, n)
}
