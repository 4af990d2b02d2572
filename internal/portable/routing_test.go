package portable

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestQueuesOfOneURIShareItsNumber(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("other", writer)
		var first *ctrl.ControlMessage
		for i, name := range []string{"q?id=foo", "q?id=bar", "q"} {
			m := reader
			if name == "q" {
				m = writer
			}
			sc.opens(name, m)
			req := l.request(openQueue)
			p := req.Choice.OpenQueue.HandleParameters
			require.Equal(t, "bmq://bmq.test/"+name, p.URI)
			require.Equal(t, uint32(1), p.QID)
			if name == "q" {
				require.Nil(t, p.SubIDInfo)
				require.Equal(t, [3]int32{0, 1, 0}, [3]int32{p.ReadCount, p.WriteCount, p.AdminCount})
				require.Equal(t, ctrl.QueueFlagWrite, p.Flags)
			} else {
				require.Equal(t, uint32(i+1), p.SubIDInfo.SubID)
				require.Equal(t, name[5:], p.SubIDInfo.AppID)
				require.Equal(t, [3]int32{1, 0, 0}, [3]int32{p.ReadCount, p.WriteCount, p.AdminCount})
				require.Equal(t, ctrl.QueueFlagRead, p.Flags)
			}
			l.agree(req)
			if m == reader {
				conf := l.request(configure)
				require.Equal(t, name[5:], conf.Choice.ConfigureStream.StreamParameters.AppID)
				l.agree(conf)
			}
			if first == nil {
				first = req
			}
		}
		sc.expect("open q?id=foo ok", "open q?id=bar ok", "open q ok")
		require.NotNil(t, first)
	})
}

func TestAMessageForSeveralSubscriptionsIsDeliveredForEachInOrder(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		foo, bar := l.open("q?id=foo", reader), l.open("q?id=bar", reader) // sIds 1 and 2
		body := appendPush(nil, 0, 1, "first", 2, 1)
		body = appendPush(body, 0, 2, "second", 1)
		body = appendPush(body, 0, 3, "third", 1, 2, 1)
		l.event(wire.EventPush, body)
		sc.expect(
			"message q?id=bar first", "message q?id=foo first", "message q?id=foo second",
			"message q?id=foo third", "message q?id=bar third", "message q?id=foo third",
		)
		for i, want := range []byte{1, 1, 2, 3, 3, 3} {
			require.Equal(t, wire.GUID{0x40, 15: want}, sc.rec.messages[i].GUID)
		}
		require.Equal(t, "ok", foo.confirm(1))
		require.Equal(t, []wire.Confirm{{QueueID: 0, GUID: wire.GUID{0x40, 15: 1}, SubQueueID: 1}}, l.confirms())
		require.Equal(t, "ok", bar.confirm(1))
		require.Equal(t, []wire.Confirm{{QueueID: 0, GUID: wire.GUID{0x40, 15: 1}, SubQueueID: 2}}, l.confirms())
	})
}

func TestAllFormsOfOptionsNameSubscriptions(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		for _, options := range [][]byte{
			nil,
			wire.AppendSubQueueIDs(nil, 1),
			wire.AppendSubQueueIDs(nil, 0),
			wire.AppendSubQueueInfos(nil, wire.SubscriptionRef{ID: 1, RDA: 5}),
			{3<<2 | 2, 0, 0, 0x80}, // packed
		} {
			b := wire.AppendPushHeader(nil, &wire.PushHeader{GUID: wire.GUID{1}}, len(options), 1)
			b = append(append(b, options...), 'm')
			l.event(wire.EventPush, wire.AppendPadding(b, 1))
			sc.expect("message q m")
		}
	})
}

func TestOnlyTheLastCloseOfAURIIsFinal(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		foo, bar, w := l.open("q?id=foo", reader), l.open("q?id=bar", reader), l.open("q", writer)
		foo.closes()
		l.does(deconfig)
		req := l.request(closeQueue)
		require.False(t, req.Choice.CloseQueue.IsFinal)
		l.agree(req)
		// Two at the same time: the one whose request goes last is final.
		bar.closes()
		w.closes()
		deconf, wClose := l.request(deconfig), l.request(closeQueue)
		require.False(t, wClose.Choice.CloseQueue.IsFinal)
		l.agree(deconf)
		barClose := l.request(closeQueue)
		require.True(t, barClose.Choice.CloseQueue.IsFinal)
		require.Equal(t, uint32(2), barClose.Choice.CloseQueue.HandleParameters.SubIDInfo.SubID)

		// The number is not used again, even before the answer.
		again := sc.opens("q?id=foo", reader)
		p := l.request(openQueue).Choice.OpenQueue.HandleParameters
		require.Equal(t, uint32(1), p.QID)
		require.Equal(t, uint32(1), p.SubIDInfo.SubID)
		l.agree(barClose)
		l.agree(wClose)
		sc.expect("close q?id=foo ok", "close q?id=bar ok", "close q ok")
		require.NotNil(t, again)
	})
}

func TestARefusedQueueDoesNotTakeItsNeighboursNumber(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		foo := l.open("q?id=foo", reader)
		sc.opens("q?id=bar", reader)
		l.deny(l.request(openQueue), ctrl.StatusRefused, "no")
		foo.closes()
		l.does(deconfig)
		require.True(t, l.request(closeQueue).Choice.CloseQueue.IsFinal)
		sc.expect("open q?id=bar REFUSED")
	})
}

func TestSubscriptionsHaveTheirOwnLimitsAndHandles(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		opts := defaultOptions
		opts.Subscriptions = []engine.Subscription{
			{Expression: "x > 1", MaxUnconfirmedMessages: 10, MaxUnconfirmedBytes: 100, ConsumerPriority: 2, Handle: "big"},
			{MaxUnconfirmedMessages: 1, Handle: "rest"},
		}
		sc.opensWith("q", reader, opts)
		l.does(openQueue)
		req := l.request(configure)
		subs := req.Choice.ConfigureStream.StreamParameters.Subscriptions
		require.Equal(t, ctrl.Subscription{
			SID: 1, Expression: ctrl.Expression{Version: ctrl.ExpressionVersion1, Text: "x > 1"},
			Consumers: []ctrl.ConsumerInfo{{MaxUnconfirmedMessages: 10, MaxUnconfirmedBytes: 100, ConsumerPriority: 2, ConsumerPriorityCount: 1}},
		}, subs[0])
		require.Equal(t, ctrl.Expression{}, subs[1].Expression)
		l.agree(req)
		l.push(0, 1, "a", 1)
		l.push(0, 2, "b", 2)
		l.push(0, 3, "c")
		sc.expect("open q ok", "message q a big", "message q b rest", "message q c big")
	})
}

func TestIdsAreValidFromTheAnswerOn(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configures(limited(5))
		req := l.request(configure)
		l.push(0, 1, "old", 1)
		l.push(0, 2, "not yet", 2)
		l.agree(req)
		l.push(0, 3, "not any more", 1)
		l.push(0, 4, "new", 2)
		sc.expect("message q old", "configure q ok", "message q new")
	})
}

func TestConfirmationsOfOneCallTravelTogether(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		w := l.open("w", writer)
		b := l.opens("b", reader)
		l.agreeFor(l.request(openQueue), domain{flags: ctrl.RoutingAtMostOnce})
		l.does(configure)
		guids := []wire.GUID{{1}, {2}, {3}}
		require.Equal(t, "ok", codeName(c.q.ConfirmBatch(guids)))
		require.Len(t, l.confirms(), 3)
		require.Equal(t, "ok", codeName(b.q.ConfirmBatch(guids)), "locally")
		require.Equal(t, "INVALID_ARGUMENT", codeName(w.q.ConfirmBatch(guids)))
		require.Equal(t, uint64(3), sc.s.Stats().Confirms)
		l.drop()
		sc.expect("open b ok", "CONNECTION_LOST")
		require.Equal(t, "NOT_CONNECTED", codeName(c.q.ConfirmBatch(guids)))
		require.Equal(t, "NOT_CONNECTED", codeName(b.q.ConfirmBatch(guids)))
	})
}
