package broker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestConnectionsCanBeRefusedAndDelayed(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		cut := w.broker.Inject(broker.Fault{On: broker.Connecting, Do: broker.Cut, Times: 1})
		require.True(t, w.dial().ended())
		require.Equal(t, 1, cut.Hits())
		w.client()
		cut.Remove()
		w.broker.Inject(broker.Fault{On: broker.Connecting, Do: broker.Delay, Wait: time.Second, Times: 1})
		p := w.dial()
		id := defaultIdentity()
		p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.NegotiationMessage{ClientIdentity: &id}))
		require.True(t, p.silent())
		after(time.Second)
		require.Len(t, p.take(wire.EventControl), 1)
	})
}

func TestNegotiationCanBeRefusedStalledAndCut(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		refuse := w.broker.Inject(broker.Fault{On: broker.Negotiating, Do: broker.Refuse,
			Status: ctrl.Status{Category: ctrl.StatusRefused, Code: -5, Message: "no"}})
		p := w.dial()
		require.Equal(t, ctrl.Status{Category: ctrl.StatusRefused, Code: -5, Message: "no"}, p.negotiate(defaultIdentity()).Result)
		require.True(t, p.ended())
		refuse.Remove()

		stall := w.broker.Inject(broker.Fault{On: broker.Negotiating, Do: broker.Stall})
		p = w.dial()
		id := defaultIdentity()
		p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.NegotiationMessage{ClientIdentity: &id}))
		after(time.Hour)
		require.True(t, p.silent())
		stall.Remove()
		require.Len(t, p.take(wire.EventControl), 1)

		w.broker.Inject(broker.Fault{On: broker.Negotiating, Do: broker.Cut, Client: "peer"})
		p = w.dial()
		p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.NegotiationMessage{ClientIdentity: &id}))
		require.True(t, p.ended())
		other := defaultIdentity()
		other.ProcessName = "other"
		w.clientAs(other)
	})
}

func TestAnyRequestCanFailWithAnyStatus(t *testing.T) {
	failure := ctrl.Status{Category: ctrl.StatusNotReady, Code: 42, Message: "later"}
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read)
		requests := map[broker.Request]ctrl.Choice{
			broker.OpenQueue: {OpenQueue: &ctrl.OpenQueue{HandleParameters: params(priorityQueue+"?id=x", 1, read)}},
			broker.ConfigureQueue: {ConfigureStream: &ctrl.ConfigureStream{QID: 0,
				StreamParameters: ctrl.StreamParameters{AppID: ctrl.DefaultAppID}}},
			broker.CloseQueue: {CloseQueue: &ctrl.CloseQueue{HandleParameters: params(priorityQueue, 0, read)}},
		}
		for kind, choice := range requests {
			i := w.broker.Inject(broker.Fault{On: broker.Requesting, Request: kind, Queue: priorityQueue, Do: broker.Refuse, Status: failure})
			for other, c2 := range requests {
				if other == kind {
					require.Equal(t, &failure, c.request(c2).Status)
				}
			}
			require.Equal(t, 1, i.Hits())
			i.Remove()
			_ = choice
		}
		drop := w.broker.Inject(broker.Fault{On: broker.Requesting, Request: broker.Disconnect, Do: broker.Drop, Skip: 0})
		c.send(ctrl.Choice{Disconnect: &ctrl.Empty{}})
		require.True(t, c.silent())
		drop.Remove()
		c.disconnect()
	})
}

func TestRequestsCanBeDelayedAndCut(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		w.broker.Inject(broker.Fault{On: broker.Requesting, Do: broker.Delay, Wait: time.Minute, Times: 1})
		c.send(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: params(priorityQueue, 0, write)}})
		after(time.Minute - time.Second)
		require.True(t, c.silent())
		require.NoError(t, w.broker.Clock().Advance(time.Second))
		require.Len(t, c.take(wire.EventControl), 1, "the pause follows the broker's clock")
		w.broker.Inject(broker.Fault{On: broker.Requesting, Do: broker.Cut})
		c.send(ctrl.Choice{Disconnect: &ctrl.Empty{}})
		require.True(t, c.ended())
	})
}

func TestPostsCanBeNackedAndLost(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.open(priorityQueue+"2", 1, write)
		w.broker.Inject(broker.Fault{On: broker.Posting, Queue: priorityQueue, Do: broker.Refuse, Ack: wire.AckStorageFailure, Skip: 1, Times: 2})
		c.post(c.message(0, "0"), c.message(1, "other"), c.message(0, "1"), c.message(0, "2"), c.message(0, "3"))
		require.Equal(t, []wire.AckStatus{0, 0, wire.AckStorageFailure, wire.AckStorageFailure, 0}, c.statuses())
		w.broker.Inject(broker.Fault{On: broker.Posting, Do: broker.Drop, Times: 1})
		c.post(c.message(0, "lost"))
		require.Empty(t, c.acks())
		w.broker.Inject(broker.Fault{On: broker.Posting, Do: broker.Refuse, Times: 1})
		c.post(c.message(0, "unknown"))
		require.Equal(t, []wire.AckStatus{wire.AckUnknown}, c.statuses())
		q, _ := w.broker.Queue(priorityQueue)
		require.EqualValues(t, 2, q.Messages)
	})
}

func TestAcksCanBeHeldAndLost(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		w.broker.HoldAcks(true)
		late := w.client()
		late.open(priorityQueue, 0, write)
		c.post(c.message(0, "a"))
		c.settle()
		late.post(late.message(0, "b"))
		require.Equal(t, []string{"a", "b"}, c.texts(), "messages flow")
		require.Empty(t, c.acks())
		require.Empty(t, late.acks())
		w.broker.HoldAcks(false)
		require.Len(t, c.acks(), 1)
		require.Len(t, late.acks(), 1)
		w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventAck, Do: broker.Drop, Times: 1})
		c.post(c.message(0, "c"))
		require.Empty(t, c.acks())
		c.produce(0, "d")
	})
}

func TestEventsCanBeCutInTheMiddle(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		hit := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventAck, Do: broker.Cut, Bytes: 10, Times: 1})
		c.post(c.message(0, "x"))
		require.NoError(t, hit.Await(t.Context()))
		require.True(t, c.ended())
		c.mu.Lock()
		require.ErrorContains(t, c.err, "unexpected EOF", "ten bytes of the event came")
		c.mu.Unlock()
		q, _ := w.broker.Queue(priorityQueue)
		require.EqualValues(t, 1, q.Messages, "stored, but the client can't know")

		posted := q.Counters.Posted
		for _, bytes := range []int{1, 4, 5, 6, 20, 47, 1000} {
			c = w.client()
			c.open(priorityQueue, 0, write)
			cut := w.broker.Inject(broker.Fault{On: broker.Receiving, Event: wire.EventPut, Do: broker.Cut, Bytes: bytes, Skip: 1, Times: 1})
			c.produce(0, "the first passes")
			c.post(c.message(0, "y"))
			require.Equal(t, bytes < 1000, c.ended(), "there is no byte 1000 (%d)", bytes)
			require.Equal(t, 1, cut.Hits())
			cut.Remove()
			if posted++; bytes == 1000 {
				posted++
			}
			q, _ := w.broker.Queue(priorityQueue)
			require.Equal(t, posted, q.Counters.Posted, "what was cut was not handled (%d)", bytes)
		}
		c = w.client()
		c.open(priorityQueue, 0, write)
		w.broker.Inject(broker.Fault{On: broker.Receiving, Event: wire.EventPut, Do: broker.Cut})
		c.post(c.message(0, "y"))
		require.True(t, c.ended())
		q, _ = w.broker.Queue(priorityQueue)
		require.Equal(t, posted, q.Counters.Posted, "it was not handled")
	})
}

func TestEventsCanBeDroppedCorruptedAndTruncated(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.consume(priorityQueue, 0, 1)
		producer := w.client()
		producer.open(priorityQueue, 0, write)
		w.broker.Inject(broker.Fault{On: broker.Receiving, Event: wire.EventPut, Do: broker.Drop, Times: 1})
		producer.post(producer.message(0, "lost"))
		require.Empty(t, producer.acks())
		w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventPush, Do: broker.Corrupt, Bytes: 48, Times: 1})
		producer.produce(0, "x")
		require.Equal(t, []string{string([]byte{'x' ^ 0xff})}, c.texts())
		w.broker.Inject(broker.Fault{On: broker.Receiving, Event: wire.EventPut, Do: broker.Truncate, Bytes: 20, Times: 1})
		producer.post(producer.message(0, "short"))
		require.Empty(t, producer.acks(), "what is left is no message")
		w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventPush, Do: broker.Truncate, Bytes: 5, Times: 1})
		producer.produce(0, "y", "z")
		require.Empty(t, c.pushes(), "the stream has lost its frames")
	})
}

func TestSendingCanStallWithoutTheBroker(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c, other := w.client(), w.client()
		c.consume(priorityQueue, 0, 1)
		other.open(priorityQueue, 0, write)
		stall := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventPush, Do: broker.Stall})
		other.produce(0, "a", "b")
		require.Empty(t, c.pushes())
		stall.Remove()
		require.Equal(t, []string{"a", "b"}, c.texts())
		stall.Remove() // twice is harmless
	})
}

func TestSendingCanStallInTheMiddleOfAnEvent(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		stall := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventHeartbeatRsp, Do: broker.Stall, Bytes: 5, Times: 1})
		require.Equal(t, []*broker.Injection{stall}, w.broker.Faults())
		require.Equal(t, 1, stall.ID())
		require.Equal(t, 5, stall.Fault().Bytes)
		conn, err := w.network.DialContext(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		id := defaultIdentity()
		_, err = conn.Write(append(ctrl.AppendEvent(nil, wire.EncodingJSON, &ctrl.NegotiationMessage{ClientIdentity: &id}), wire.HeartbeatReq...))
		require.NoError(t, err)
		synctest.Wait()
		buf := make([]byte, 1<<16)
		n, err := conn.Read(buf)
		require.NoError(t, err)
		frame, err := wire.FrameLength(buf[:n], n)
		require.NoError(t, err)
		require.Equal(t, wire.HeartbeatRsp[:5], buf[frame:n], "five bytes have come")
		stall.Remove()
		synctest.Wait()
		n, err = conn.Read(buf)
		require.NoError(t, err)
		require.Equal(t, wire.HeartbeatRsp[5:], buf[:n])
		require.Empty(t, w.broker.Faults())
	})
}

func TestAStalledConnectionEndsWithTheBroker(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		w.broker.Inject(broker.Fault{On: broker.Receiving, Do: broker.Stall})
		c.write(wire.HeartbeatReq)
		c.settle()
		w.broker.Kill()
		require.True(t, c.ended())
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		i := w.broker.Inject(broker.Fault{On: broker.Posting, Do: broker.Drop})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, i.Await(ctx), context.DeadlineExceeded)
	})
}

func TestConnectionsCanBeDropped(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		other := defaultIdentity()
		other.ProcessName = "other"
		a, b := w.client(), w.clientAs(other)
		w.broker.DropConnections("other")
		require.True(t, b.ended())
		require.False(t, a.ended())
		w.broker.DropConnections("")
		require.True(t, a.ended())
		w.client()
	})
}
