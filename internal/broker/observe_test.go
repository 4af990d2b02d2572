package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

func TestObserversSeeConnectionsQueuesAndWindows(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		silent := w.dial()
		producer, c := w.client(), w.client()
		producer.open(priorityQueue, 4, write)
		c.open(priorityQueue, 7, read)
		c.configure(7, withWindow(withPriority(withExpression(sub(9), "x > 0"), 3), 2, 100))
		producer.postX(4, 1, 2, 3)
		producer.produce(4, "plain")
		got := c.pushes()
		require.Len(t, got, 2)
		silent.settle()

		conns := w.broker.Connections()
		require.Len(t, conns, 3)
		require.Equal(t, broker.ConnectionInfo{ID: 1, Peer: "memory", Queues: []string{}}, conns[0])
		require.Equal(t, "peer", conns[1].ProcessName)
		require.Equal(t, []string{priorityQueue}, conns[2].Queues)
		require.True(t, conns[2].Negotiated)

		q, ok := w.broker.Queue(priorityQueue)
		require.True(t, ok)
		size := int64(len(got[0].data))
		require.Equal(t, broker.QueueInfo{
			URI: priorityQueue, Domain: "bmq.test.mem.priority", Messages: 4, Bytes: 3*size + 5, Producers: 1, Consumers: 1,
			Apps: []broker.AppInfo{{
				ID: "__default", Authorized: true, Messages: 4, Bytes: 3*size + 5, Unconfirmed: 2,
				Consumers: []broker.ConsumerInfo{{
					Connection: 3, ProcessName: "peer", QueueID: 7, Unconfirmed: 2,
					Subscriptions: []broker.SubscriptionInfo{{
						ID: 9, Expression: "x > 0", Priority: 3, MaxUnconfirmedMessages: 2, MaxUnconfirmedBytes: 100,
						Messages: 2, Bytes: 2 * size,
					}},
				}},
			}},
			Counters: broker.Counters{Posted: 4, PostedBytes: 3*size + 5, Pushed: 2, PushedBytes: 2 * size},
		}, q)
		require.Equal(t, []broker.QueueInfo{q}, w.broker.Queues())

		_, ok = w.broker.Queue("bmq://bmq.test.mem.priority/other")
		require.False(t, ok)
		_, ok = w.broker.Queue("bmq://nope/q")
		require.False(t, ok)
		_, ok = w.broker.Queue("no URI")
		require.False(t, ok)
	})
}

func TestStoredMessagesCanBeLookedAt(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(fanoutQueue, 0, write)
		c.openApp(fanoutQueue, 0, 1, "foo")
		guids := c.produce(0, "a", "b", "c")
		c.confirm(0, 1, guids[0])
		after(2 * time.Second)
		all := w.broker.Messages(fanoutQueue, "", 0, 10, true)
		require.Len(t, all, 3)
		require.Equal(t, "a", string(all[0].Data))
		require.Equal(t, guids[0], all[0].GUID)
		require.Equal(t, 2*time.Second, all[0].Age)
		foo := w.broker.Messages(fanoutQueue, "foo", 1, 1, true)
		require.Len(t, foo, 1)
		require.Equal(t, "c", string(foo[0].Data))
		require.Empty(t, w.broker.Messages(fanoutQueue, "nosuch", 0, 10, true))
		require.Empty(t, w.broker.Messages("bmq://nope/q", "", 0, 10, true))
	})
}

func TestLimitsCanChange(t *testing.T) {
	inWorld(t, broker.Config{Domains: []broker.Domain{{Name: "d", QueueMessages: 1}}}, func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://d/q", 0, write)
		c.produce(0, "1", "2")
		c.post(c.message(0, "3"))
		require.Equal(t, []wire.AckStatus{wire.AckLimitMessages}, c.statuses())
		d, ok := w.broker.Config("d")
		require.True(t, ok)
		d.QueueMessages, d.MessageTTL = 10, time.Second
		require.NoError(t, w.broker.Reconfigure(d))
		c.produce(0, "3")
		after(3 * time.Second)
		c.settle()
		q, _ := w.broker.Queue("bmq://d/q")
		require.Zero(t, q.Messages, "the new time to live counts for what was there")

		d.Mode = broker.Broadcast
		require.ErrorContains(t, w.broker.Reconfigure(d), "can't change its mode")
		require.ErrorContains(t, w.broker.Reconfigure(broker.Domain{Name: "x", Mode: broker.Fanout}), "application ids")
		require.NoError(t, w.broker.Reconfigure(broker.Domain{Name: "new"}))
		c.open("bmq://new/q", 1, write)
		_, ok = w.broker.Config("nope")
		require.False(t, ok)
	})
}

func TestApplicationsCanComeAndGo(t *testing.T) {
	domain := broker.Domain{Name: "f", Mode: broker.Fanout, AppIDs: []string{"foo"}}
	inWorld(t, broker.Config{Domains: []broker.Domain{domain}}, func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://f/q", 0, write)
		c.openApp("bmq://f/q", 0, 1, "new")
		c.configureApp(0, "new", sub(1))
		guids := c.produce(0, "before")
		require.Empty(t, c.pushes())
		domain.AppIDs = []string{"new", "foo"}
		require.NoError(t, w.broker.Reconfigure(domain))
		c.produce(0, "after")
		require.Equal(t, []string{"after"}, c.texts(), "a new application gets what is new")

		c.openApp("bmq://f/q", 0, 2, "foo")
		c.configureApp(0, "foo", withWindow(sub(2), 1, 1<<20))
		require.Equal(t, []string{"before"}, c.texts())
		domain.AppIDs = []string{"new"}
		require.NoError(t, w.broker.Reconfigure(domain))
		q, _ := w.broker.Queue("bmq://f/q")
		require.EqualValues(t, 1, q.Messages, "what only foo needed is gone")
		c.confirm(0, 2, guids[0])
		require.True(t, c.silent())
		c.produce(0, "later")
		require.Equal(t, []string{"later"}, c.texts())

		domain.AppIDs = []string{"new", "foo"}
		require.NoError(t, w.broker.Reconfigure(domain))
		guids = c.produce(0, "again")
		got := c.pushes()
		require.Len(t, got, 1)
		require.Len(t, got[0].ids, 2, "it is back")
		c.confirm(0, 1, guids[0])
		c.confirm(0, 2, guids[0])
	})
}
