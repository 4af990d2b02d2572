package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func (p *peer) tryClose(h ctrl.QueueHandleParameters, final bool) *ctrl.Status {
	return p.request(ctrl.Choice{CloseQueue: &ctrl.CloseQueue{HandleParameters: h, IsFinal: final}}).Status
}

func TestCloseRefusals(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		none := params(priorityQueue, 0, 0)
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusInvalidArgument,
			Message: "At least one of [read|write|admin]Count must be > 0"}, c.tryClose(none, false))
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusUnknown, Message: "No queue with specified Id"},
			c.tryClose(params(priorityQueue, 1, write), false))
		foo := params(priorityQueue, 0, write)
		foo.SubIDInfo = &ctrl.SubQueueIDInfo{SubID: 3, AppID: "foo"}
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusUnknown, Message: "No subStream of the queue with specified subId"},
			c.tryClose(foo, false))
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusUnknown, Message: "Failed to release handle."},
			c.tryClose(params(priorityQueue, 0, read), false), "it was not opened for reading")
		many := params(priorityQueue, 0, write)
		many.WriteCount = 2
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusUnknown, Message: "Failed to release handle."}, c.tryClose(many, false))
		c.produce(0, "still open")
		require.Nil(t, c.tryClose(many, true), "a final close forgives")
		require.NotNil(t, c.tryClose(params(priorityQueue, 0, write), true), "it is closed")
	})
}

func TestClosingOneApplicationKeepsTheOthers(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(fanoutQueue, 0, write)
		c.openApp(fanoutQueue, 0, 1, "foo")
		c.configureApp(0, "foo", sub(1))
		c.openApp(fanoutQueue, 0, 2, "bar")
		c.configureApp(0, "bar", sub(2))
		foo := params(fanoutQueue+"?id=foo", 0, read)
		foo.SubIDInfo = &ctrl.SubQueueIDInfo{SubID: 1, AppID: "foo"}
		c.close(foo, false)
		c.produce(0, "x")
		require.Equal(t, []uint32{2}, c.pushes()[0].ids)
		require.NotNil(t, c.tryConfigure(0, "foo", sub(3)))
	})
}

func TestAfterDisconnectTheBrokerSaysNothing(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c, other := w.client(), w.client()
		c.consume(priorityQueue, 0, 1)
		c.disconnect()
		c.send(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: params(priorityQueue, 1, write)}})
		c.send(ctrl.Choice{Disconnect: &ctrl.Empty{}})
		c.post(c.message(0, "x"))
		other.open(priorityQueue, 0, write)
		other.produce(0, "x")
		require.True(t, c.silent())
		require.False(t, c.ended(), "it is up to the client to close")
	})
}

func TestAcksComeBeforeTheCloseResponse(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.post(c.message(0, "x"))
		c.send(ctrl.Choice{CloseQueue: &ctrl.CloseQueue{HandleParameters: params(priorityQueue, 0, write), IsFinal: true}})
		c.settle()
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Equal(t, wire.EventAck, c.events[0].Type)
		require.Equal(t, wire.EventControl, c.events[1].Type)
	})
}
