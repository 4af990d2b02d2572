package broker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// TestNothingAckedIsLostAndNothingConfirmedComesBack lets producers and consumers
// come, go, confirm, crash and reconfigure at random, restarts the broker in
// between, and keeps a ledger of every message.
func TestNothingAckedIsLostAndNothingConfirmedComesBack(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			config := broker.Config{Domains: []broker.Domain{
				{Name: "d", QueueMessages: 200}, {Name: "f", Mode: broker.Fanout, AppIDs: []string{"foo", "bar"}},
			}}
			inWorld(t, config, func(t *testing.T, w *world) {
				l := &ledger{world: w, random: rand.New(rand.NewPCG(seed, 7)), acked: map[wire.GUID]bool{}, fanout: seed%2 == 1}
				for range 400 {
					l.step()
				}
				l.settleAccounts()
			})
		})
	}
}

type ledger struct {
	*world
	random    *rand.Rand
	fanout    bool
	producers []*peer
	consumers []*ledgerConsumer
	acked     map[wire.GUID]bool
	confirmed map[string]map[wire.GUID]bool // by application
}

type ledgerConsumer struct {
	*peer
	app  string
	sid  uint32
	held []wire.GUID
}

func (l *ledger) uri() string {
	if l.fanout {
		return "bmq://f/q"
	}
	return "bmq://d/q"
}

func (l *ledger) apps() []string {
	if l.fanout {
		return []string{"foo", "bar"}
	}
	return []string{""}
}

func (l *ledger) step() {
	switch n := l.random.IntN(100); {
	case n < 5 || len(l.producers) == 0:
		p := l.client()
		p.open(l.uri(), 0, write)
		l.producers = append(l.producers, p)
	case n < 12 || len(l.consumers) == 0:
		l.join()
	case n < 60:
		l.post()
	case n < 85:
		l.confirm()
	case n < 92:
		c := l.consumers[l.random.IntN(len(l.consumers))]
		c.sid++
		c.reconfigure(withPriority(withWindow(sub(c.sid), int64(l.random.IntN(20)), 1<<20), int32(l.random.IntN(3))))
	case n < 97:
		l.leave(l.random.IntN(len(l.consumers)))
	case n < 98:
		l.restart()
	default:
		after(time.Duration(l.random.IntN(1000)) * time.Millisecond)
	}
	for _, c := range l.consumers {
		l.collect(c)
	}
}

func (l *ledger) join() {
	c := &ledgerConsumer{peer: l.client(), app: l.apps()[l.random.IntN(len(l.apps()))], sid: 1}
	if l.fanout {
		c.openApp(l.uri(), 0, 1, c.app)
	} else {
		c.open(l.uri(), 0, read)
	}
	c.reconfigure(withWindow(sub(1), int64(1+l.random.IntN(30)), 1<<20))
	l.consumers = append(l.consumers, c)
}

func (c *ledgerConsumer) reconfigure(s ctrl.Subscription) {
	app := c.app
	if app == "" {
		app = "__default"
	}
	c.configureApp(0, app, s)
}

func (c *ledgerConsumer) subID() uint32 {
	if c.app == "" {
		return 0
	}
	return 1
}

func (l *ledger) post() {
	p := l.producers[l.random.IntN(len(l.producers))]
	var list []put
	for range 1 + l.random.IntN(10) {
		list = append(list, p.message(0, "m"))
	}
	if l.random.IntN(4) == 0 {
		list = append(list, list[0]) // a retransmission
	}
	p.post(list...)
	acks := p.acks()
	require.Len(l.t, acks, len(list), "every post is answered")
	for i, a := range acks {
		require.Equal(l.t, list[i].GUID, a.GUID)
		if a.Status == wire.AckSuccess {
			l.acked[a.GUID] = true
		} else {
			require.Equal(l.t, wire.AckLimitMessages, a.Status)
		}
	}
}

// collect takes note of what a consumer got.
func (l *ledger) collect(c *ledgerConsumer) {
	for _, m := range c.pushes() {
		require.True(l.t, l.acked[m.GUID], "only what was accepted is delivered")
		require.False(l.t, l.confirmed[c.app][m.GUID], "what was confirmed does not come back")
		require.Equal(l.t, []uint32{c.sid}, m.ids)
		c.held = append(c.held, m.GUID)
	}
}

func (l *ledger) confirm() {
	c := l.consumers[l.random.IntN(len(l.consumers))]
	for range l.random.IntN(8) {
		if len(c.held) == 0 {
			return
		}
		i := l.random.IntN(len(c.held))
		g := c.held[i]
		c.held = append(c.held[:i], c.held[i+1:]...)
		if l.confirmed == nil {
			l.confirmed = map[string]map[wire.GUID]bool{"": {}, "foo": {}, "bar": {}}
		}
		l.confirmed[c.app][g] = true
		c.peer.confirm(0, c.subID(), g)
	}
	c.settle()
}

func (l *ledger) leave(i int) {
	c := l.consumers[i]
	l.consumers = append(l.consumers[:i], l.consumers[i+1:]...)
	if l.random.IntN(2) == 0 {
		c.disconnect()
		l.collect(c)
	}
	c.vanish()
}

func (l *ledger) restart() {
	if l.random.IntN(2) == 0 {
		l.broker.Kill()
	} else {
		require.NoError(l.t, l.broker.Stop(l.t.Context()))
	}
	l.broker.Forget(broker.KeepAll)
	l.serve()
	l.producers, l.consumers = nil, nil
}

// settleAccounts lets fresh consumers take all there is.
func (l *ledger) settleAccounts() {
	for len(l.consumers) > 0 {
		l.leave(0)
	}
	for _, app := range l.apps() {
		c := &ledgerConsumer{peer: l.client(), app: app, sid: 1}
		if l.fanout {
			c.openApp(l.uri(), 0, 1, app)
		} else {
			c.open(l.uri(), 0, read)
		}
		c.reconfigure(withWindow(sub(1), 1<<40, 1<<40))
		l.collect(c)
		got := make(map[wire.GUID]bool)
		for _, g := range c.held {
			require.False(l.t, got[g], "nothing comes twice to one consumer")
			got[g] = true
		}
		for g := range l.acked {
			require.Equal(l.t, !l.confirmed[app][g], got[g], "nothing that was accepted is lost")
		}
		c.peer.confirm(0, c.subID(), c.held...)
		c.settle()
	}
	q, _ := l.broker.Queue(l.uri())
	require.Zero(l.t, q.Messages)
	require.Zero(l.t, q.Bytes)
}
