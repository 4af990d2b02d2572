package broker_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const mib = 1 << 20

func TestASlowConsumerTakesBoundedMemoryAndHoldsUpNobody(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, slow, fast := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		slow.open(priorityQueue, 0, read)
		slow.configure(0, withWindow(sub(1), 1000, 1000*mib))
		fast.open(priorityQueue, 0, read)
		fast.configure(0, withWindow(sub(1), 1000, 1000*mib))
		stop := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventPush, Do: broker.Stall})
		fastOnly := 0
		for range 30 {
			producer.post(producer.message(0, strings.Repeat("x", mib)))
		}
		require.Len(t, producer.acks(), 30)
		for _, c := range w.broker.Connections() {
			require.Less(t, c.UnsentBytes, int64(10*mib))
		}
		q, _ := w.broker.Queue(priorityQueue)
		require.Less(t, q.Apps[0].Unconfirmed, 22, "the rest waits in the queue")
		stop.Remove()
		fastOnly = len(fast.pushes())
		require.Equal(t, 30, fastOnly+len(slow.pushes()), "it goes on when the clients read again")
	})
}

func TestAClientThatReadsNoAnswersIsNotHeardForever(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		deaf := w.admin(wire.EncodingBER)
		other := w.client()
		stall := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventControl, Client: "", Do: broker.Stall, Times: 1})
		written := make(chan int)
		go func() {
			n := 0
			for ; n < 40_000; n++ {
				id := int32(n)
				ev := ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.ControlMessage{RID: &id, Choice: ctrl.Choice{
					AdminCommand: &ctrl.AdminCommand{Command: "HELP"}}})
				if _, err := deaf.conn.Write(ev); err != nil {
					break
				}
			}
			written <- n
		}()
		deaf.settle()
		require.Less(t, w.broker.Connections()[0].UnsentBytes, int64(34*mib))
		other.open(priorityQueue, 0, write) // the others are served
		stall.Remove()
		require.Equal(t, 40_000, <-written)
		require.Len(t, deaf.take(wire.EventControl), 40_000)
	})
}

func TestABroadcastIsLostForAConsumerThatDoesNotRead(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		w.broker.LimitBroadcast(3 * mib)
		producer, c := w.client(), w.client()
		producer.open(broadcastQueue, 0, write)
		c.consume(broadcastQueue, 0, 1)
		stall := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventPush, Do: broker.Stall})
		for range 10 {
			producer.post(producer.message(0, strings.Repeat("x", mib)))
		}
		require.Len(t, producer.acks(), 10)
		stall.Remove()
		got := len(c.pushes())
		require.Equal(t, 3, got, "more than that was waiting")
		q, _ := w.broker.Queue(broadcastQueue)
		require.EqualValues(t, 10-got, q.Counters.Lost)
		producer.produce(0, "x")
		require.Equal(t, []string{"x"}, c.texts())
	})
}

func TestClientsThatDoNotReadShareBoundedMemory(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		const clients, limit = 20, 4 * mib
		w.broker.LimitMemory(limit, limit)
		producer := w.client()
		var list []*peer
		for i := range uint32(clients) {
			c := w.client()
			c.open(fmt.Sprint(priorityQueue, i), 0, read)
			c.configure(0, withWindow(sub(1), 1000, 1000*mib))
			c.consume(broadcastQueue, 1, 2)
			producer.open(fmt.Sprint(priorityQueue, i), i, write)
			list = append(list, c)
		}
		producer.open(broadcastQueue, clients, write)
		stall := w.broker.Inject(broker.Fault{On: broker.Sending, Event: wire.EventPush, Do: broker.Stall})
		for i := range uint32(clients + 1) {
			for range 20 {
				producer.post(producer.message(i, strings.Repeat("x", 100<<10)))
			}
		}
		require.Len(t, producer.acks(), 20*(clients+1), "nobody else is held up")
		unsent, _ := w.broker.UsedMemory()
		// Once it is spent, each connection may have a block and what it is writing.
		require.Less(t, unsent, int64(limit+clients*mib))
		stall.Remove()
		for _, c := range list {
			sum := 0
			for _, m := range c.pushes() {
				if m.QueueID == 0 {
					sum++
				}
			}
			require.Equal(t, 20, sum, "it goes on when they read again")
		}
		unsent, _ = w.broker.UsedMemory()
		require.Zero(t, unsent)
	})
}

func TestEventsThatDoNotEndShareBoundedMemory(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		w.broker.LimitMemory(mib, 5*mib)
		begin := func() *peer {
			c := w.client()
			c.write([]byte{0x7f, 0xff, 0xff, 0xff, 0x42, 2, 0, 0})
			_, _ = c.conn.Write(make([]byte, 4*mib))
			return c
		}
		first, second := begin(), begin()
		require.False(t, first.ended())
		require.True(t, second.ended(), "there is no memory left")
		w.client().open(priorityQueue, 0, write)
		first.vanish()
		_, incoming := w.broker.UsedMemory()
		require.Zero(t, incoming)
		require.False(t, begin().ended(), "there is again")
	})
}

func TestAnEventThatIsTooLargeEndsTheConnection(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		p := w.dial()
		p.write([]byte{0x7f, 0xff, 0xff, 0xff, 0x42, 2, 0, 0})
		require.False(t, p.ended(), "a length alone is not held against it")
		_, _ = p.conn.Write(make([]byte, 3*mib))
		require.True(t, p.ended(), "before negotiation a megabyte has to do")

		w.broker.LimitEvent(5 * mib)
		c := w.client()
		c.write([]byte{0x7f, 0xff, 0xff, 0xff, 0x42, 2, 0, 0})
		_, err := c.conn.Write(make([]byte, 4*mib))
		require.NoError(t, err)
		require.False(t, c.ended())
		_, _ = c.conn.Write(make([]byte, 4*mib))
		require.True(t, c.ended())
	})
}

// raceDetector tells whether the race detector is at work.
var raceDetector bool

func TestALargeMessageIsAccepted(t *testing.T) {
	if raceDetector {
		t.Skip("moving 65 MiB takes the race detector many seconds")
	}
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, withWindow(sub(1), 10, 1<<40))
		text := strings.Repeat("0123456789abcdef", 65*mib/16)
		c.post(c.message(0, text))
		require.Equal(t, []wire.AckStatus{wire.AckSuccess}, c.statuses())
		require.Equal(t, []string{text}, c.texts())
	})
}

func TestStoppingWaitsForAClientThatDoesNotReadOnlySoLong(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		conn, err := w.network.DialContext(t.Context())
		require.NoError(t, err)
		id := defaultIdentity()
		id.ClientType = ctrl.ClientTCPAdmin
		_, err = conn.Write(ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.NegotiationMessage{ClientIdentity: &id}))
		require.NoError(t, err)
		for n := range int32(2000) {
			_, err = conn.Write(ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.ControlMessage{RID: &n, Choice: ctrl.Choice{
				AdminCommand: &ctrl.AdminCommand{Command: "HELP"}}}))
			require.NoError(t, err)
		}
		synctest.Wait()
		start := time.Now()
		require.NoError(t, w.broker.Stop(t.Context()))
		require.Equal(t, 5*time.Second, time.Since(start))
		require.NoError(t, conn.Close())
	})
}

func TestQueuesThatNobodyUsesAreGivenUp(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		names := func() (list []string) {
			for _, q := range w.broker.Queues() {
				list = append(list, strings.TrimPrefix(q.URI, priorityQueue))
			}
			return list
		}
		for i := range uint32(3000) {
			uri := fmt.Sprintf("%s%d", priorityQueue, i)
			c.open(uri, i, read|write)
			switch i {
			case 5:
				c.produce(i, "kept")
			case 6:
				c.confirm(i, 0, c.produce(i, "confirmed")...)
			}
			if i != 7 {
				c.close(params(uri, i, read|write), true)
			}
			if i%100 == 0 {
				require.LessOrEqual(t, len(names()), 1000)
			}
		}
		after(2 * time.Minute)
		w.broker.Admin("CLUSTERS CLUSTER other FORCE_GC_QUEUES")
		for i := range uint32(1000) {
			c.open(fmt.Sprintf("%s%d", priorityQueue, i), i, write)
			c.close(params(fmt.Sprintf("%s%d", priorityQueue, i), i, write), i != 7)
		}
		require.Subset(t, names(), []string{"5", "6", "7"}, "one with a message, one whose GUID is remembered, one that is open")
		require.Equal(t, "SUCCESS", w.broker.Admin("CLUSTERS CLUSTER local FORCE_GC_QUEUES"))
		require.Equal(t, []string{"5", "7"}, names())
	})
}

func TestASessionHasSoManyQueues(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		for i := range uint32(10_000) {
			c.send(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: params(priorityQueue, i, write)}})
		}
		require.Len(t, c.take(wire.EventControl), 10_000)
		_, failed := c.tryOpen(params(priorityQueue, 10_000, write))
		require.EqualValues(t, -205, failed.Code)
	})
}
