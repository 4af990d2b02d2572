package broker_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// withX is a message with an integer property x, with the text as payload.
func (p *peer) withX(qid uint32, x int64, text string) put {
	return p.withProperties(qid, text, wire.Property{Name: "x", Type: wire.PropertyInt64, Num: x})
}

func (p *peer) withProperties(qid uint32, text string, props ...wire.Property) put {
	m := p.message(qid, "")
	m.Flags |= wire.FlagProperties
	m.Schema = wire.SchemaNone
	m.data = append(wire.AppendProperties(nil, props, false), text...)
	return m
}

// payloads are the contents of the messages that have come, without properties.
func (p *peer) payloads() (list []string) {
	p.t.Helper()
	for _, m := range p.pushes() {
		if m.Flags&wire.FlagProperties != 0 {
			_, payload, err := wire.ParseProperties([]byte(m.data), m.Schema == wire.SchemaOldStyle)
			require.NoError(p.t, err)
			m.data = string(payload)
		}
		list = append(list, m.data)
	}
	return list
}

func (p *peer) postX(qid uint32, xs ...int64) {
	p.t.Helper()
	for _, x := range xs {
		p.post(p.withX(qid, x, fmt.Sprint(x)))
	}
	require.Len(p.t, p.acks(), len(xs))
}

func TestOnlyTheHighestPriorityGetsMessages(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, high, low := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		low.open(priorityQueue, 0, read)
		low.configure(0, withPriority(sub(1), 1))
		high.open(priorityQueue, 0, read)
		high.configure(0, withPriority(sub(1), 5))
		producer.produce(0, "a", "b")
		require.Equal(t, []string{"a", "b"}, high.texts())
		high.vanish()
		require.Equal(t, []string{"a", "b"}, low.texts(), "the next priority takes over")
		producer.produce(0, "c")
		require.Equal(t, []string{"c"}, low.texts())
	})
}

func TestNoSpillOverToLowerPriorities(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, high, low := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		high.open(priorityQueue, 0, read)
		high.configure(0, withPriority(withWindow(withExpression(sub(1), "x > 0"), 1, 1<<20), 5))
		low.open(priorityQueue, 0, read)
		low.configure(0, withPriority(withExpression(sub(1), "x > -10"), 1))
		producer.postX(0, 1, 2, 3, -1)
		got := high.pushes()
		require.Len(t, got, 1)
		require.Empty(t, low.pushes(), "2 waits, and the others behind it")
		high.confirm(0, 0, got[0].GUID)
		got = high.pushes()
		require.Len(t, got, 1)
		high.confirm(0, 0, got[0].GUID)
		require.Equal(t, []string{"3"}, high.payloads())
		require.Equal(t, []string{"-1"}, low.payloads())
	})
}

func TestPriorityCountIsMessagesInARow(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one, two := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		three := sub(1)
		three.Consumers[0].ConsumerPriorityCount = 3
		one.open(priorityQueue, 0, read)
		one.configure(0, three)
		two.consume(priorityQueue, 0, 1)
		producer.produce(0, "0", "1", "2", "3", "4", "5")
		require.Equal(t, []string{"0", "1", "2", "4", "5"}, one.texts())
		require.Equal(t, []string{"3"}, two.texts())
	})
}

func TestAFullConsumerIsPassedOver(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, small, large := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		small.open(priorityQueue, 0, read)
		small.configure(0, withWindow(sub(1), 1, 1<<20))
		large.consume(priorityQueue, 0, 1)
		producer.produce(0, "0", "1", "2", "3")
		require.Equal(t, []string{"0"}, small.texts())
		require.Equal(t, []string{"1", "2", "3"}, large.texts())
	})
}

func TestEachSubscriptionGetsWhatMatches(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		c.open(priorityQueue, 0, read)
		c.configure(0, withExpression(sub(1), "x > 2"), withExpression(sub(2), "x <= 2"))
		producer.postX(0, 1, 2, 3, 4)
		var ids []uint32
		for _, m := range c.pushes() {
			ids = append(ids, m.ids...)
		}
		require.Equal(t, []uint32{2, 2, 1, 1}, ids)
	})
}

func TestAMessageThatMatchesTwiceComesOnce(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		c.open(priorityQueue, 0, read)
		c.configure(0, withExpression(sub(1), "x > 1"), withExpression(sub(2), "x > 2"))
		producer.postX(0, 5)
		got := c.pushes()
		require.Len(t, got, 1)
		require.Equal(t, []uint32{1}, got[0].ids)
	})
}

func TestUnwantedMessageIsSetAsideUntilSubscriptionsChange(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		c.open(priorityQueue, 0, read)
		c.configure(0, withExpression(sub(1), "x > 2"))
		producer.postX(0, 1, 3)
		producer.produce(0, "without x")
		producer.postX(0, 4)
		require.Equal(t, []string{"3", "4"}, c.payloads())
		q, _ := w.broker.Queue(priorityQueue)
		require.Equal(t, 2, q.Apps[0].Aside)
		c.configure(0, sub(2))
		got := c.pushes()
		require.Len(t, got, 2)
		for _, m := range got {
			require.Equal(t, wire.FlagOutOfOrder, m.Flags&wire.FlagOutOfOrder)
			require.Equal(t, []uint32{2}, m.ids)
		}
	})
}

func TestAFullGroupDoesNotBlockOthers(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, ones, twos := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		ones.open(priorityQueue, 0, read)
		ones.configure(0, withWindow(withExpression(sub(1), "x == 1"), 1, 1<<20))
		twos.open(priorityQueue, 0, read)
		twos.configure(0, withExpression(sub(1), "x == 2"))
		producer.postX(0, 1, 1, 2, 1, 2)
		first := ones.pushes()
		require.Len(t, first, 1)
		require.Equal(t, []string{"2", "2"}, twos.payloads())
		ones.confirm(0, 0, first[0].GUID)
		second := ones.pushes()
		require.Len(t, second, 1)
		require.Equal(t, wire.FlagOutOfOrder, second[0].Flags&wire.FlagOutOfOrder, "it was left aside")
		twos.configure(0)
		ones.confirm(0, 0, second[0].GUID)
		require.Len(t, ones.pushes(), 1)
	})
}

func TestWithoutCapacityTheApplicationStallsInOrder(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		c.open(priorityQueue, 0, read)
		c.configure(0, withWindow(sub(1), 2, 1<<20))
		guids := producer.produce(0, "0", "1", "2", "3")
		require.Equal(t, []string{"0", "1"}, c.texts())
		c.confirm(0, 0, guids[0], guids[1])
		got := c.pushes()
		require.Len(t, got, 2)
		require.Zero(t, got[0].Flags, "delivered in turn")
		require.Equal(t, "2", got[0].data)
	})
}

func TestAZeroWindowGetsNothing(t *testing.T) {
	for _, s := range []ctrl.Subscription{withWindow(sub(1), 0, 100), withWindow(sub(1), 100, 0)} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			c := w.client()
			c.open(priorityQueue, 0, read|write)
			c.configure(0, s)
			c.produce(0, "x")
			require.Empty(t, c.pushes())
			c.configure(0, sub(2))
			require.Equal(t, []string{"x"}, c.texts())
		})
	}
}

func TestBytesMayExceedTheWindowByOneMessage(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, withWindow(sub(1), 100, 10))
		guids := c.produce(0, "123456", "123456", "123456")
		require.Len(t, c.pushes(), 2, "6 bytes, then 12")
		c.confirm(0, 0, guids[0])
		require.Len(t, c.pushes(), 1, "6 are less than 8")
	})
}

func TestANewSubscriptionIdStartsWithAnEmptyWindow(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, withWindow(sub(1), 1, 1<<20))
		guids := c.produce(0, "0", "1", "2", "3")
		require.Equal(t, []string{"0"}, c.texts())
		c.configure(0, withWindow(sub(2), 2, 1<<20))
		require.Equal(t, []string{"1", "2"}, c.texts(), "what was delivered before does not count")
		c.confirm(0, 0, guids[0])
		require.Empty(t, c.pushes(), "it counts against the old id")
		c.confirm(0, 0, guids[1], guids[2])
		require.Equal(t, []string{"3"}, c.texts())
	})
}

func TestTheSameSubscriptionIdKeepsItsWindow(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, withWindow(sub(1), 2, 1<<20))
		c.produce(0, "0", "1", "2", "3", "4")
		require.Len(t, c.pushes(), 2)
		c.configure(0, withWindow(sub(1), 3, 1<<20))
		require.Equal(t, []string{"2"}, c.texts())
		c.configure(0)
		c.configure(0, withWindow(sub(1), 4, 1<<20))
		require.Equal(t, []string{"3"}, c.texts(), "even after a pause without subscriptions")
	})
}

func TestFanoutApplicationsAreIndependent(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, foo, bar := w.client(), w.client(), w.client()
		producer.open(fanoutQueue, 0, write)
		foo.openApp(fanoutQueue, 0, 1, "foo")
		foo.configureApp(0, "foo", withWindow(sub(1), 1, 1<<20))
		bar.openApp(fanoutQueue, 0, 1, "bar")
		bar.configureApp(0, "bar", sub(1))
		guids := producer.produce(0, "0", "1", "2")
		require.Equal(t, []string{"0"}, foo.texts())
		require.Equal(t, []string{"0", "1", "2"}, bar.texts(), "one that is slow does not hold up another")
		foo.confirm(0, 1, guids[0])
		behind := foo.pushes()
		require.Len(t, behind, 1)
		require.Equal(t, wire.FlagOutOfOrder, behind[0].Flags, "it lags behind the queue")
		bar.confirm(0, 1, guids...)
		foo.confirm(0, 1, guids...)
		foo.settle()
		q, _ := w.broker.Queue(fanoutQueue)
		require.EqualValues(t, 3, q.Messages, "baz needs them still")
		baz := w.client()
		baz.openApp(fanoutQueue, 0, 1, "baz")
		baz.configureApp(0, "baz", sub(1))
		baz.confirm(0, 1, guids...)
		baz.settle()
		q, _ = w.broker.Queue(fanoutQueue)
		require.Zero(t, q.Messages)
	})
}

func TestEvaluationErrorsMatchNothing(t *testing.T) {
	for text, match := range map[string]bool{
		"x > 5":                true,
		"x > 5 || s == \"A\"":  true,
		"y > 5":                false,
		"y > 5 || x > 5":       false,
		"x > 5 || y > 5":       true,
		"exists(y) || x > 100": false,
		"x / 0 == 1":           false,
		"s > 5":                false,
		"s == \"A\"":           true,
		"b && x == 7":          true,
		"bin == 1 || x == 7":   false,
		"exists(bin)":          false,
	} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			c := w.client()
			c.open(priorityQueue, 0, read|write)
			c.configure(0, withExpression(sub(1), text))
			c.post(c.withProperties(0, "m",
				wire.Property{Name: "b", Type: wire.PropertyBool, Num: 1},
				wire.Property{Name: "bin", Type: wire.PropertyBinary, Bin: []byte{1}},
				wire.Property{Name: "s", Type: wire.PropertyString, Str: "A"},
				wire.Property{Name: "x", Type: wire.PropertyInt32, Num: 7}))
			require.Equal(t, match, len(c.pushes()) == 1, text)
		})
	}
}

// The official broker reads all properties or none.
func TestExpressionsSeeNoPropertiesBesideOneOfAnUnknownType(t *testing.T) {
	for typ, match := range map[byte]bool{byte(wire.PropertyBinary): true, 0: false, 8: false, 31: false} {
		for _, text := range []string{"x == 7", "x == 7 || odd == 1"} {
			inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
				c := w.client()
				c.open(priorityQueue, 0, read|write)
				c.configure(0, withExpression(sub(1), text))
				m := c.withProperties(0, "m",
					wire.Property{Name: "x", Type: wire.PropertyInt32, Num: 7}, wire.Property{Name: "odd", Type: wire.PropertyBinary, Bin: []byte{1}})
				const second = 12 // where the type of the second property is
				require.EqualValues(t, wire.PropertyBinary, m.data[second]>>2)
				m.data[second] = typ << 2
				c.post(m)
				require.Equal(t, match, len(c.pushes()) == 1, "type %d: %s", typ, text)
			})
		}
	}
}

func TestOnlyVersionOneExpressionsCount(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		s := withExpression(sub(1), "x > 5")
		s.Expression.Version = ctrl.ExpressionUndefined
		c.configure(0, s)
		c.produce(0, "m")
		require.Equal(t, []string{"m"}, c.texts())
		c.configure(0, withExpression(sub(2), ""))
		c.produce(0, "n")
		require.Equal(t, []string{"n"}, c.texts())
	})
}

func TestDomainSubscriptionsDropForApplications(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{
		{Name: "f", Mode: broker.Fanout, AppIDs: []string{"foo", "bar"}, Subscriptions: map[string]string{"foo": "x > 5", "bar": "x > 0"}},
		{Name: "p", Subscriptions: map[string]string{"": "x > 5"}},
		{Name: "b", Mode: broker.Broadcast, Subscriptions: map[string]string{"": "x > 5"}},
	}}
	inWorld(t, config, func(t *testing.T, w *world) {
		producer, foo, bar := w.client(), w.client(), w.client()
		producer.open("bmq://f/q", 0, write)
		foo.openApp("bmq://f/q", 0, 1, "foo")
		foo.configureApp(0, "foo", sub(1))
		bar.openApp("bmq://f/q", 0, 1, "bar")
		bar.configureApp(0, "bar", sub(1))
		producer.postX(0, 9, 2, -1)
		require.Equal(t, []string{"9"}, foo.payloads())
		require.Equal(t, []string{"9", "2"}, bar.payloads())
		q, _ := w.broker.Queue("bmq://f/q")
		require.EqualValues(t, 2, q.Messages, "what nobody wants is not stored, though acked")
		require.EqualValues(t, 1, q.Apps[0].Messages)

		producer.open("bmq://p/q", 1, write)
		producer.postX(1, 1, 9)
		q, _ = w.broker.Queue("bmq://p/q")
		require.EqualValues(t, 1, q.Messages)

		producer.open("bmq://b/q", 2, write)
		foo.consume("bmq://b/q", 2, 9)
		producer.postX(2, 1, 9)
		require.Equal(t, []string{"9"}, foo.payloads())
	})
}
