package broker_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func (p *peer) tryConfigure(qid uint32, app string, subs ...ctrl.Subscription) *ctrl.Status {
	return p.request(ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{
		QID: qid, StreamParameters: ctrl.StreamParameters{AppID: app, Subscriptions: subs},
	}}).Status
}

func TestConfigureRefusals(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read)
		unknown := func(code int32, text string) *ctrl.Status {
			return &ctrl.Status{Category: ctrl.StatusUnknown, Code: code, Message: text}
		}
		require.Equal(t, unknown(0, "No queue with specified Id"), c.tryConfigure(9, ctrl.DefaultAppID, sub(1)))
		require.Equal(t, unknown(0, "No queue with specified appId"), c.tryConfigure(0, "foo", sub(1)))
		require.Equal(t, unknown(0, "No queue with specified appId"), c.tryConfigure(0, "", sub(1)), "empty is not the default")
		bad := sub(1)
		bad.Consumers[0].ConsumerPriority = math.MinInt32
		require.Equal(t, unknown(-1, "Attempting to configure stream with invalid priority."), c.tryConfigure(0, ctrl.DefaultAppID, bad))
		bad = sub(1)
		bad.Consumers[0].ConsumerPriorityCount = 0
		require.Equal(t, unknown(-1, "Attempting to configure stream with invalid priority."), c.tryConfigure(0, ctrl.DefaultAppID, bad))
		c.close(params(priorityQueue, 0, read), true)
		require.Equal(t, unknown(0, "No queue with specified Id"), c.tryConfigure(0, ctrl.DefaultAppID, sub(1)), "after the final close")
	})
}

func TestConfiguringAWriterDoesNothing(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.configure(0, sub(1))
		c.produce(0, "x")
		require.Empty(t, c.pushes())
	})
}

func TestAnExpressionThatDoesNotCompileMatchesEverything(t *testing.T) {
	for _, text := range []string{"x >", "x = 7", "1 == 1", "x-1 == 6", "a==1 && b==2 && c==3 && d==4"} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			c := w.client()
			c.open(priorityQueue, 0, read|write)
			c.configure(0, withExpression(sub(1), text))
			c.produce(0, "x")
			require.Equal(t, []string{"x"}, c.texts(), text)
		})
	}
}

func TestNewStyleIdsChangeWithEachConfigure(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		c.produce(0, "a")
		require.Equal(t, []uint32{1}, c.pushes()[0].ids)
		c.configure(0, sub(2))
		c.produce(0, "b")
		require.Equal(t, []uint32{2}, c.pushes()[0].ids)
	})
}

// configureOld sends the request of clients that know no subscriptions.
func (p *peer) configureOld(qid uint32, in ctrl.QueueStreamParameters) {
	p.t.Helper()
	req := ctrl.ConfigureQueueStream{QID: qid, StreamParameters: in}
	c := p.request(ctrl.Choice{ConfigureQueueStream: &req})
	require.NotNil(p.t, c.ConfigureQueueStreamResponse, "%+v", c.Status)
	require.Equal(p.t, req, c.ConfigureQueueStreamResponse.Request)
}

func TestOldStyleConfigureUsesTheSubIdAsSubscription(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.open(fanoutQueue, 1, write)
		c.openApp(fanoutQueue, 1, 5, "foo")
		on := ctrl.QueueStreamParameters{MaxUnconfirmedMessages: 10, MaxUnconfirmedBytes: 100, ConsumerPriority: 0, ConsumerPriorityCount: 1}
		off := ctrl.QueueStreamParameters{ConsumerPriority: math.MinInt32}
		c.configureOld(0, on)
		foo := on
		foo.SubIDInfo = &ctrl.SubQueueIDInfo{SubID: 5, AppID: "foo"}
		c.configureOld(1, foo)
		c.produce(0, "p")
		c.produce(1, "f")
		got := c.pushes()
		require.Len(t, got, 2)
		require.Equal(t, []uint32{0}, got[0].ids, "the id is listed even if it is 0")
		require.Equal(t, []uint32{5}, got[1].ids)
		c.configureOld(0, off)
		c.produce(0, "later")
		require.Empty(t, c.pushes())
	})
}

func TestDeconfiguringStopsDeliveryAndKeepsWhatIsHeld(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, first, second := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		first.consume(priorityQueue, 0, 1)
		guids := producer.produce(0, "a", "b")
		require.Len(t, first.pushes(), 2)
		first.configure(0)
		second.consume(priorityQueue, 0, 1)
		require.Empty(t, second.pushes(), "the first consumer still has them")
		producer.produce(0, "c")
		require.Empty(t, first.pushes())
		require.Equal(t, []string{"c"}, second.texts())
		first.confirm(0, 0, guids...)
		first.close(params(priorityQueue, 0, read), true)
		require.Empty(t, second.pushes(), "they are confirmed")
	})
}

func TestResponseIsABarrierForMessages(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		producer.produce(0, "a")
		c.open(priorityQueue, 0, read)
		c.send(ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{QID: 0, StreamParameters: ctrl.StreamParameters{
			AppID: ctrl.DefaultAppID, Subscriptions: []ctrl.Subscription{sub(1)}}}})
		c.settle()
		producer.produce(0, "b")
		c.send(ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{QID: 0, StreamParameters: ctrl.StreamParameters{
			AppID: ctrl.DefaultAppID}}})
		c.settle()
		var order []wire.EventType
		c.mu.Lock()
		for _, ev := range c.events {
			order = append(order, ev.Type)
		}
		c.mu.Unlock()
		require.Equal(t, []wire.EventType{wire.EventControl, wire.EventPush, wire.EventPush, wire.EventControl}, order)
	})
}
