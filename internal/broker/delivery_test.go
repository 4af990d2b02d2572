package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	priorityQueue  = "bmq://bmq.test.mem.priority/q"
	fanoutQueue    = "bmq://bmq.test.mem.fanout/q"
	broadcastQueue = "bmq://bmq.test.mem.broadcast/q"
)

func TestMessagesArriveInOrderAndAreGoneWhenConfirmed(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, consumer := w.client(), w.client()
		producer.open(priorityQueue, 7, write)
		guids := producer.produce(7, "a", "b", "c")
		consumer.consume(priorityQueue, 3, 1)
		got := consumer.pushes()
		require.Len(t, got, 3)
		for i, m := range got {
			require.Equal(t, guids[i], m.GUID)
			require.Equal(t, string("abc"[i]), m.data)
			require.Equal(t, int32(3), m.QueueID)
			require.Equal(t, []uint32{1}, m.ids)
			require.Zero(t, m.Flags)
		}
		consumer.confirm(3, 0, guids...)
		consumer.close(params(priorityQueue, 3, read), true)
		consumer.consume(priorityQueue, 4, 2)
		require.Empty(t, consumer.pushes())
	})
}

func TestUnconfirmedMessagesComeAgainOutOfOrder(t *testing.T) {
	for name, leave := range map[string]func(*peer){
		"close":      func(p *peer) { p.close(params(priorityQueue, 3, read), true) },
		"disconnect": (*peer).disconnect,
		"crash":      (*peer).vanish,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
				producer, first := w.client(), w.client()
				producer.open(priorityQueue, 0, write)
				first.consume(priorityQueue, 3, 1)
				guids := producer.produce(0, "a", "b", "c")
				require.Equal(t, []string{"a", "b", "c"}, first.texts())
				first.confirm(3, 0, guids[1])
				leave(first)
				second := w.client()
				second.consume(priorityQueue, 0, 1)
				got := second.pushes()
				require.Len(t, got, 2)
				require.Equal(t, "a", got[0].data)
				require.Equal(t, "c", got[1].data)
				require.Equal(t, wire.FlagOutOfOrder, got[0].Flags)
			})
		})
	}
}

func TestEqualConsumersTakeStrictTurns(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one, two := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		one.consume(priorityQueue, 0, 1)
		two.consume(priorityQueue, 0, 1)
		producer.produce(0, "0", "1", "2", "3", "4", "5")
		require.Equal(t, []string{"0", "2", "4"}, one.texts())
		require.Equal(t, []string{"1", "3", "5"}, two.texts())
	})
}

func TestFanoutGivesEachApplicationItsCopy(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, both, late := w.client(), w.client(), w.client()
		producer.open(fanoutQueue, 0, write)
		both.openApp(fanoutQueue, 5, 1, "foo")
		both.configureApp(5, "foo", sub(1))
		both.openApp(fanoutQueue, 5, 2, "bar")
		both.configureApp(5, "bar", sub(2))
		guids := producer.produce(0, "m")
		got := both.pushes()
		require.Len(t, got, 1, "one PUSH message for both applications")
		require.Equal(t, []uint32{1, 2}, got[0].ids)
		both.confirm(5, 1, guids[0])
		both.vanish()
		late.openApp(fanoutQueue, 0, 1, "foo")
		late.configureApp(0, "foo", sub(1))
		require.Empty(t, late.pushes(), "foo confirmed")
		late.openApp(fanoutQueue, 0, 2, "bar")
		late.configureApp(0, "bar", sub(2))
		require.Equal(t, []string{"m"}, late.texts())
	})
}

func TestBroadcastReachesThoseWhoAreThere(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one, two := w.client(), w.client(), w.client()
		producer.open(broadcastQueue, 0, write)
		producer.produce(0, "lost")
		one.consume(broadcastQueue, 0, 1)
		two.consume(broadcastQueue, 0, 1)
		producer.produce(0, "a", "b")
		require.Equal(t, []string{"a", "b"}, one.texts())
		require.Equal(t, []string{"a", "b"}, two.texts())
	})
}

func TestWindowReopensAtFourFifths(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, consumer := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		guids := producer.produce(0, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e")
		consumer.open(priorityQueue, 0, read)
		consumer.configure(0, withWindow(sub(1), 10, 1<<20))
		require.Len(t, consumer.pushes(), 10)
		for i, want := range []int{0, 2, 0, 2} {
			consumer.confirm(0, 0, guids[i])
			require.Len(t, consumer.pushes(), want, "after confirm %d", i+1)
		}
	})
}
