package messaging_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

func TestNothingComesBeforeAConsumerIsStarted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		k := w.reads(w.client(), orders)
		synctest.Wait()
		require.Zero(t, w.unconfirmed(orders))
		require.False(t, k.ConsumingFrom(orders))
		require.NoError(t, k.Start(t.Context()))
		synctest.Wait()
		require.Equal(t, 1, w.unconfirmed(orders))
		require.True(t, k.ConsumingFrom(orders))
		require.NoError(t, k.Start(t.Context()), "once more")
	})
}

func TestADeliveryIsSettledOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		c := w.client()
		k := w.reads(c, orders)
		d := w.fetch(k)
		require.Equal(t, orders, d.Queue())
		require.Equal(t, messaging.InHand, d.State())
		require.Equal(t, 1, c.Stats().InHand)
		require.NoError(t, d.Ack())
		require.Equal(t, messaging.Acked, d.State())
		require.ErrorIs(t, d.Ack(), messaging.ErrAlreadySettled)
		require.ErrorIs(t, d.RetryAfter(0), messaging.ErrAlreadySettled)
		require.ErrorIs(t, d.Reject(t.Context(), nil), messaging.ErrAlreadySettled)
		require.ErrorIs(t, d.Requeue(t.Context()), messaging.ErrAlreadySettled)
		synctest.Wait()
		require.Equal(t, []string{"2"}, w.bodies(orders))
	})
}

func TestAPrefetchOfOneMeansOneInHand(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, QoS: messaging.QoS{Messages: 1}}}})
		d := w.fetch(k)
		require.Equal(t, 1, w.unconfirmed(orders))
		w.nothing(k)
		// Not even when the broker is told again what it may deliver.
		require.NoError(t, k.Pause(t.Context()))
		require.NoError(t, k.Resume(t.Context()))
		require.NoError(t, k.SetQoS(t.Context(), messaging.QoS{Bytes: 1 << 20}))
		w.nothing(k)
		require.NoError(t, d.RetryAfter(time.Second))
		d = w.fetch(k)
		require.Equal(t, "1", string(d.Data()), "what is held is in hand")
		require.NoError(t, d.Ack())
		require.Equal(t, "2", string(w.fetch(k).Data()))
		w.nothing(k)
	})
}

func TestMaxInFlightBoundsAllQueuesTogether(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		w.publishes(other, "3", "4")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}, {URI: other}}, MaxInFlight: 3})
		queues := map[string]int{}
		var last *messaging.Delivery
		for range 3 {
			last = w.fetch(k)
			queues[last.Queue()]++
		}
		require.Len(t, queues, 2, "queues have their turn")
		w.nothing(k)
		require.NoError(t, last.Ack())
		w.fetch(k)
	})
}

func TestHeldDeliveriesComeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		k := w.reads(w.client(), orders)
		d := w.fetch(k)
		require.NoError(t, d.RetryAfter(10*time.Second))
		require.Equal(t, messaging.Held, d.State())
		require.ErrorIs(t, d.Ack(), messaging.ErrAlreadySettled)
		require.NoError(t, w.fetch(k).Ack())
		var again *messaging.Delivery
		require.Equal(t, 10*time.Second, timed(func() { again = w.fetch(k) }))
		require.Equal(t, d.GUID(), again.GUID())
		require.Equal(t, 2, again.Attempt())
		require.NoError(t, again.Ack())
		synctest.Wait()
		require.Empty(t, w.bodies(orders))
	})
}

func TestWhatIsHeldGoesBackWhenTheConsumerEnds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		k := w.reads(w.client(), orders)
		require.NoError(t, w.fetch(k).RetryAfter(time.Hour))
		require.NoError(t, k.Close(t.Context()))
		require.Equal(t, "1", string(w.fetch(w.reads(w.client(), orders)).Data()))
	})
}

func TestRequeuePutsACopyAtTheEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, &messaging.Message{Body: "1", Header: messaging.Header{"a": int32(5)}, MessageID: "m"}, "2")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, Write: true}}})
		d := w.fetch(k)
		require.NoError(t, d.Requeue(t.Context()))
		require.Equal(t, messaging.Requeued, d.State())
		require.NoError(t, w.fetch(k).Ack())
		again := w.fetch(k)
		require.NotEqual(t, d.GUID(), again.GUID())
		require.Equal(t, 2, again.Attempt())
		require.Equal(t, d.Header(), again.Header())
		require.Equal(t, "m", again.MessageID())
		require.Equal(t, messaging.ContentText, again.ContentType())
	})
}

func TestRequeueIsRefusedWhereOthersWouldGetTheCopyToo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		k := w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: newsFoo}, {URI: shouts, Broadcast: true}}})
		require.NoError(t, k.Start(t.Context()))
		w.publishes(news, "1")
		w.publishes(shouts, "2")
		for range 2 {
			d := w.fetch(k)
			require.ErrorIs(t, d.Requeue(t.Context()), errors.ErrUnsupported)
			require.Equal(t, messaging.InHand, d.State())
			require.NoError(t, d.Ack())
		}
	})
}

func TestRequeueNeedsAQueueThatIsOpenForWriting(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		d := w.fetch(w.reads(w.client(), orders))
		require.Zero(t, timed(func() { require.ErrorIs(t, d.Requeue(t.Context()), messaging.ErrBusy) }))
		require.Equal(t, messaging.InHand, d.State())
		require.NoError(t, d.Ack())
	})
}

func TestARejectedMessageIsADeadLetter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, &messaging.Message{Body: "1", Header: messaging.Header{"a": int16(5)}, CorrelationID: "c"})
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, DeadLetter: dead}}})
		d := w.fetch(k)
		require.NoError(t, d.Reject(t.Context(), errors.New("because")))
		require.Equal(t, messaging.Rejected, d.State())
		synctest.Wait()
		require.Empty(t, w.bodies(orders))
		letter := w.fetch(w.reads(w.client(), dead))
		require.Equal(t, "1", string(letter.Data()))
		require.Equal(t, "c", letter.CorrelationID())
		require.Equal(t, messaging.Header{
			"a": int16(5), "dead_letter_reason": "because", "dead_letter_queue": orders, "dead_letter_guid": d.GUID().String(),
			"dead_letter_attempts": int64(1), "dead_letter_at": time.Now().UnixMilli(),
		}, letter.Header())
	})
}

func TestAMessageThatCanNotBeMovedStays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, DeadLetter: dead}}})
		d := w.fetch(k)
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackUnknown, Times: 1})
		require.ErrorIs(t, d.Reject(t.Context(), nil), messaging.ErrOutcomeUnknown)
		require.Equal(t, messaging.InHand, d.State())
		require.Equal(t, []string{"1"}, w.bodies(orders))
		require.NoError(t, d.Reject(t.Context(), nil))
	})
}

func TestWithoutADeadLetterQueueRejectedMessagesAreGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		require.NoError(t, w.fetch(w.reads(w.client(), orders)).Reject(t.Context(), errors.New("bad")))
		synctest.Wait()
		require.Empty(t, w.bodies(orders))
	})
}

func TestAckThroughAcksWhatWasHandedOutBefore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3", "4")
		k := w.reads(w.client(), orders)
		var list []*messaging.Delivery
		for range 4 {
			list = append(list, w.fetch(k))
		}
		require.NoError(t, list[1].RetryAfter(time.Hour))
		require.NoError(t, list[2].AckThrough())
		synctest.Wait()
		require.Equal(t, []string{"2", "4"}, w.bodies(orders))
		require.NoError(t, messaging.AckAll(list[3]))
		require.ErrorIs(t, messaging.AckAll(list[3]), messaging.ErrAlreadySettled)
	})
}

func TestDeliveriesAreStaleAfterAReconnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		c := w.client()
		k := w.reads(c, orders)
		d, held := w.fetch(k), w.fetch(k)
		require.NoError(t, held.RetryAfter(time.Hour))
		w.DropConnections("")
		awaitConnected(c, false)
		require.Equal(t, messaging.Stale, d.State())
		require.ErrorIs(t, d.Ack(), messaging.ErrStale)
		require.ErrorIs(t, d.Reject(t.Context(), nil), messaging.ErrStale)
		require.ErrorIs(t, d.RetryAfter(0), messaging.ErrStale)
		again, second := w.fetch(k), w.fetch(k)
		require.Equal(t, d.GUID(), again.GUID())
		require.Equal(t, held.GUID(), second.GUID(), "nothing is held twice")
		require.ErrorIs(t, d.Ack(), messaging.ErrStale, "nothing is said of another delivery")
		synctest.Wait()
		require.Len(t, w.bodies(orders), 2)
		require.NoError(t, messaging.AckAll(again, second))
		w.nothing(k)
	})
}

func TestReleaseGivesBackWhatIsNotSettled(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, QoS: messaging.QoS{Messages: 2}}}})
		first, second := w.fetch(k), w.fetch(k)
		require.NoError(t, second.Ack())
		require.NoError(t, k.Release(t.Context(), orders))
		require.ErrorIs(t, first.Ack(), messaging.ErrStale)
		require.Equal(t, "1", string(w.fetch(k).Data()))
		require.Equal(t, "3", string(w.fetch(k).Data()))
		require.ErrorIs(t, k.Release(t.Context(), other), messaging.ErrNotOpen)
	})
}

func TestRedeliverHandsOutAgainWithoutTheBroker(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.reads(w.client(), orders)
		first, second := w.fetch(k), w.fetch(k)
		n, err := k.Redeliver()
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.ErrorIs(t, first.Ack(), messaging.ErrAlreadySettled)
		require.Equal(t, messaging.Held, second.State())
		for i, body := range []string{"1", "2", "3"} {
			d := w.fetch(k)
			require.Equal(t, body, string(d.Data()))
			require.Equal(t, []int{2, 2, 1}[i], d.Attempt())
		}
	})
}

func TestAPausedQueueDeliversNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}, {URI: other}}})
		require.NoError(t, k.Start(t.Context()))
		w.publishes(orders, "waits here")
		require.NoError(t, k.Pause(t.Context(), orders))
		require.False(t, k.ConsumingFrom(orders))
		require.True(t, k.ConsumingFrom(other))
		w.publishes(orders, "waits there")
		w.nothing(k)
		w.publishes(other, "free")
		require.Equal(t, "free", string(w.fetch(k).Data()))
		require.NoError(t, k.Resume(t.Context(), orders))
		require.Equal(t, "waits here", string(w.fetch(k).Data()))
		require.Equal(t, "waits there", string(w.fetch(k).Data()))
	})
}

func TestQoSCanBeChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, QoS: messaging.QoS{Messages: 1}}}})
		w.fetch(k)
		w.nothing(k)
		require.NoError(t, k.SetQoS(t.Context(), messaging.QoS{Messages: 2}))
		require.Equal(t, messaging.QoS{Messages: 2, Bytes: 32 << 20}, k.Queues()[0].QoS)
		w.fetch(k)
		w.nothing(k)
		require.NoError(t, k.SetQoS(t.Context(), messaging.QoS{Messages: messaging.NoLimit}))
		w.fetch(k)
		require.Error(t, k.SetQoS(t.Context(), messaging.QoS{Messages: -1}))
	})
}

func TestQueuesComeAndGoWhileOthersAreRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		w.publishes(other, "2", "3")
		k := w.reads(w.client(), orders)
		require.NoError(t, w.fetch(k).Ack())
		require.NoError(t, k.Add(t.Context(), messaging.Queue{URI: other}))
		require.ErrorIs(t, k.Add(t.Context(), messaging.Queue{URI: other}), messaging.ErrBusy)
		d := w.fetch(k)
		require.Equal(t, other, d.Queue())
		removed := make(chan error)
		go func() { removed <- k.Remove(t.Context(), other) }()
		synctest.Wait()
		w.nothing(k) // what was not handed out is not any more
		require.NoError(t, d.Ack())
		require.NoError(t, <-removed)
		require.ErrorIs(t, k.Remove(t.Context(), other), messaging.ErrNotOpen)
		require.Equal(t, []string{"3"}, w.bodies(other))
		require.Len(t, k.Queues(), 1)
		w.publishes(orders, "4")
		require.Equal(t, "4", string(w.fetch(k).Data()))
	})
}

func TestRemoveWaitsAsLongAsItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		k := w.reads(w.client(), orders)
		d := w.fetch(k)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, k.Remove(ctx, orders), context.DeadlineExceeded)
		require.ErrorIs(t, d.Ack(), messaging.ErrStale)
		require.Equal(t, "1", string(w.fetch(w.reads(w.client(), orders)).Data()))
	})
}

func TestExpiredMessagesAreDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, &messaging.Message{Body: "old", Expiration: time.Second}, &messaging.Message{Body: "fresh", Expiration: time.Hour})
		time.Sleep(2 * time.Second)
		var expired []string
		c := w.client()
		k := w.consumer(c, messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, OnExpired: func(d *messaging.Delivery) { expired = append(expired, string(d.Data())) },
		})
		require.Equal(t, "fresh", string(w.fetch(k).Data()))
		require.Equal(t, []string{"old"}, expired)
		synctest.Wait()
		require.Equal(t, []string{"fresh"}, w.bodies(orders))
		require.Equal(t, uint64(1), c.Stats().Expired)
	})
}

func TestOwnMessagesCanBeSkippedWhereOthersHaveThemAll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		k := w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: newsFoo}}, SkipAppID: "me"})
		_, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}, SkipAppID: "me"})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		w.publishes(news, &messaging.Message{Body: "mine", AppID: "me"}, "theirs")
		require.Equal(t, "theirs", string(w.fetch(k).Data()))
		require.Equal(t, uint64(1), c.Stats().Skipped)
	})
}

func TestAckOnReceiveLeavesNothingToSettle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}, AckMode: messaging.AckOnReceive})
		d := w.fetch(k)
		require.ErrorIs(t, d.Ack(), messaging.ErrAlreadySettled)
		synctest.Wait()
		require.Empty(t, w.bodies(orders))
	})
}

func TestASlowConsumerOfABroadcastGetsTheLatest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		k := w.consumer(c, messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: shouts, Broadcast: true, QoS: messaging.QoS{Messages: 2}}},
		})
		require.NoError(t, k.Start(t.Context()))
		w.publishes(shouts, "1", "2", "3", "4")
		synctest.Wait()
		require.Equal(t, "3", string(w.fetch(k).Data()))
		d := w.fetch(k)
		require.Equal(t, "4", string(d.Data()))
		require.NoError(t, d.Ack(), "there is nothing to tell the broker")
		require.Equal(t, uint64(2), c.Stats().Dropped)
	})
}

func TestDiscardEmptiesWhatReachesIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3", "4")
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, QoS: messaging.QoS{Messages: 3}}}})
		even := func(d *messaging.Delivery) bool { return d.Data()[0]%2 == 0 }
		n, err := k.Discard(t.Context(), messaging.Until{Quiet: time.Second}, even)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		synctest.Wait()
		require.Equal(t, []string{"1", "3"}, w.bodies(orders))

		none := func(*messaging.Delivery) bool { return false }
		require.NoError(t, k.SetQoS(t.Context(), messaging.QoS{Messages: 1}))
		_, err = k.Discard(t.Context(), messaging.Until{Quiet: time.Second}, none)
		require.ErrorContains(t, err, "QoS")
		n, err = k.Discard(t.Context(), messaging.Until{Limit: 1}, nil)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = k.Discard(t.Context(), messaging.Until{}, nil)
		require.Error(t, err, "it needs an end")
	})
}

// A queue that is read and written has to be opened again when its reader leaves.
func TestAConsumerThatLeavesDoesNotWaitForTheConnectionOfOthers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders})
		k := w.reads(c, orders)
		w.Kill()
		awaitConnected(c, false)
		require.Zero(t, timed(func() { require.NoError(t, k.Close(t.Context())) }))

		require.NoError(t, w.Restart(t.Context(), bmqtest.KeepAll))
		_, err := p.Publish(t.Context(), "x")
		require.NoError(t, err)
		w.fetch(w.reads(c, orders))
	})
}

func TestAClientEndsThoughAQueueWaitsToBeOpenedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		w.producer(c, messaging.ProducerConfig{Queue: orders})
		k := w.reads(c, orders)
		w.Kill()
		awaitConnected(c, false)
		require.NoError(t, k.Close(t.Context()))
		require.Zero(t, timed(func() { require.NoError(t, c.Shutdown(t.Context())) }))
	})
}
