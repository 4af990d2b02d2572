package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

func TestBroadcastGoesToTheHighestPriorityOnly(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, high, also, low := w.client(), w.client(), w.client(), w.client()
		producer.open(broadcastQueue, 0, write)
		for p, priority := range map[*peer]int32{high: 5, also: 5, low: 1} {
			p.open(broadcastQueue, 0, read)
			p.configure(0, withPriority(sub(1), priority))
		}
		producer.produce(0, "x")
		require.Equal(t, []string{"x"}, high.texts())
		require.Equal(t, []string{"x"}, also.texts())
		require.Empty(t, low.pushes())
	})
}

func TestBroadcastTracksNothing(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(broadcastQueue, 0, write)
		c.open(broadcastQueue, 0, read)
		c.configure(0, withWindow(sub(1), 2, 1<<20))
		guids := producer.produce(0, "0", "1", "2", "3", "4", "5", "6")
		require.Len(t, c.pushes(), 7, "the window does not count")
		c.confirm(0, 0, guids...)
		c.settle()
		c.vanish()
		again := w.client()
		again.consume(broadcastQueue, 0, 1)
		require.Empty(t, again.pushes(), "nothing comes again")
		q, _ := w.broker.Queue(broadcastQueue)
		require.Zero(t, q.Messages)
		require.Zero(t, q.Apps[0].Unconfirmed)
	})
}

func TestBroadcastIgnoresLimits(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{{Name: "b", Mode: broker.Broadcast, QueueMessages: 1, DomainBytes: 1}}}
	inWorld(t, config, func(t *testing.T, w *world) {
		producer := w.client()
		producer.open("bmq://b/q", 0, write)
		producer.produce(0, "0", "1", "2", "3")
	})
}

func TestBroadcastUsesTheFirstMatchingSubscription(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open(broadcastQueue, 0, write)
		c.open(broadcastQueue, 0, read)
		c.configure(0, withExpression(sub(1), "x > 5"), withExpression(sub(2), "x > 2"))
		producer.postX(0, 9, 4, 1)
		got := c.pushes()
		require.Len(t, got, 2)
		require.Equal(t, []uint32{1}, got[0].ids)
		require.Equal(t, []uint32{2}, got[1].ids)
	})
}

func TestABroadcastOfAReaderIsAckedAndLost(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c, other := w.client(), w.client()
		other.consume(broadcastQueue, 0, 1)
		c.open(broadcastQueue, 0, read)
		c.post(c.message(0, "x"))
		require.Equal(t, []wire.AckStatus{wire.AckSuccess}, c.statuses())
		require.Empty(t, other.pushes())
	})
}
