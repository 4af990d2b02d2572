package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

func TestConfirmsThatMeanNothingAreIgnored(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		c.open(fanoutQueue, 1, write)
		c.openApp(fanoutQueue, 1, 3, "foo")
		c.configureApp(1, "foo", sub(2))
		p := c.produce(0, "p")
		f := c.produce(1, "f")
		require.Len(t, c.pushes(), 2)
		c.confirm(9, 0, p[0])     // unknown queue
		c.confirm(0, 1, p[0])     // a sub id where there are none
		c.confirm(1, 0, f[0])     // none where there are
		c.confirm(1, 7, f[0])     // an unknown one
		c.confirm(0, 0, c.guid()) // an unknown message
		c.confirm(1, 3, p[0])     // a message of another queue
		require.True(t, c.silent())
		for uri, want := range map[string]int64{priorityQueue: 1, fanoutQueue: 1} {
			q, _ := w.broker.Queue(uri)
			require.Equal(t, want, q.Messages)
		}
		c.confirm(0, 0, p[0], p[0])
		c.confirm(0, 0, p[0])
		c.settle()
		q, _ := w.broker.Queue(priorityQueue)
		require.Zero(t, q.Messages, "twice is harmless")
		require.EqualValues(t, 1, q.Counters.Confirmed)
	})
}

func TestAMessageThatWasNeverDeliveredCanBeConfirmed(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		guids := producer.produce(0, "a", "b")
		c.open(priorityQueue, 0, read)
		c.confirm(0, 0, guids[0])
		c.configure(0, sub(1))
		require.Equal(t, []string{"b"}, c.texts())
	})
}

func TestSomebodyElseMayConfirm(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, holder, other := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		holder.open(priorityQueue, 0, read)
		holder.configure(0, withWindow(sub(1), 1, 1<<20))
		guids := producer.produce(0, "a", "b")
		require.Equal(t, []string{"a"}, holder.texts())
		other.open(priorityQueue, 0, read)
		other.confirm(0, 0, guids[0])
		require.Empty(t, holder.pushes(), "the holder's window does not know")
		holder.confirm(0, 0, guids[0])
		require.Equal(t, []string{"b"}, holder.texts())
		holder.vanish()
		other.configure(0, sub(1))
		require.Equal(t, []string{"b"}, other.texts())
	})
}

func TestRejectIsIgnored(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		guids := c.produce(0, "a")
		require.Len(t, c.pushes(), 1)
		b := wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventReject, 0))
		b = wire.AppendConfirm(b, &wire.Confirm{GUID: guids[0]})
		wire.FinishEvent(b, 0)
		c.write(b)
		require.True(t, c.silent())
		q, _ := w.broker.Queue(priorityQueue)
		require.Equal(t, 1, q.Apps[0].Unconfirmed)
	})
}

func TestConfirmsOutOfOrderAreFine(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		var guids []wire.GUID
		for range 50 {
			guids = append(guids, c.produce(0, "1", "2", "3", "4", "5", "6", "7", "8", "9", "0")...)
			c.settle()
		}
		require.Len(t, c.pushes(), 500)
		for i := len(guids) - 1; i >= 0; i -= 2 {
			c.confirm(0, 0, guids[i])
		}
		c.settle()
		q, _ := w.broker.Queue(priorityQueue)
		require.EqualValues(t, 250, q.Messages)
		require.Equal(t, 250, q.Apps[0].Unconfirmed)
		c.close(params(priorityQueue, 0, read|write), true)
		c.consume(priorityQueue, 1, 2)
		require.Len(t, c.pushes(), 250)
	})
}
