package portable

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// configuresFor is configures with another timeout than the usual one.
func (c *client) configuresFor(opts engine.QueueOptions, timeout time.Duration) {
	c.q.Configure(opts, timeout, func(st engine.Status) { c.rec.note("configure " + c.name + " " + codeName(st)) })
}

func messages(m *ctrl.ControlMessage) int64 {
	return m.Choice.ConfigureStream.StreamParameters.Subscriptions[0].Consumers[0].MaxUnconfirmedMessages
}

func TestAConfigureThatTimesOutKeepsTheConnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configuresFor(limited(5), time.Second)
		req := l.request(configure)
		sc.pass(time.Second)
		sc.expect("configure q TIMEOUT")
		l.push(0, 1, "the old id is still in force", 1)
		sc.expect("message q the old id is still in force")

		// The late answer says that the new options are in force, which is not wanted.
		l.agree(req)
		back := l.request(configure)
		require.Equal(t, int64(1000), messages(back))
		l.push(0, 2, "the new id is in force", sIDs(req)...)
		l.agree(back)
		l.push(0, 3, "back to what was", sIDs(back)...)
		l.push(0, 4, "lost", sIDs(req)...)
		sc.expect("message q the new id is in force", "message q back to what was")
		l.silent(time.Second)
	})
}

func TestALateRefusalOfAConfigureChangesNothing(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configuresFor(limited(5), time.Second)
		req := l.request(configure)
		sc.pass(time.Second)
		sc.expect("configure q TIMEOUT")
		l.deny(req, ctrl.StatusUnknown, "no")
		l.silent(time.Second)
	})
}

func TestALateConfigureIsOverriddenByTheNextOne(t *testing.T) {
	for _, agrees := range []bool{true, false} {
		play(t, func(t *testing.T, sc *scene) {
			l := sc.up()
			c := l.open("q", reader)
			c.configuresFor(limited(5), time.Second)
			late := l.request(configure)
			sc.pass(time.Second)
			c.configures(limited(7))
			next := l.request(configure)
			l.agree(late)
			l.silent(time.Second) // the next one is under way
			if agrees {
				l.agree(next)
				sc.expect("configure q TIMEOUT", "configure q ok")
				l.silent(time.Second)
				return
			}
			l.deny(next, ctrl.StatusUnknown, "no")
			sc.expect("configure q TIMEOUT", "configure q UNKNOWN")
			require.Equal(t, int64(1000), messages(l.request(configure)))
		})
	}
}

func TestALateConfigureIsTakenBackWhenTheNextOneIsGivenUpToo(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configuresFor(limited(5), time.Second)
		first := l.request(configure)
		sc.pass(time.Second)
		c.configuresFor(limited(7), time.Second)
		second := l.request(configure)
		l.agree(first)
		sc.pass(time.Second)
		sc.expect("configure q TIMEOUT", "configure q TIMEOUT")
		back := l.request(configure)
		require.Equal(t, int64(1000), messages(back))
		l.agree(second) // of which the broker had known before
		again := l.request(configure)
		require.Equal(t, int64(1000), messages(again))
		l.agree(back)
		l.agree(again)
		l.silent(time.Second)
	})
}

func TestAConfigureThatTimedOutDuringAnOutageIsNotSent(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		c := pending(sc, reader)
		sc.refuse.Store(true)
		c.configuresFor(limited(5), time.Second)
		sc.pass(time.Second)
		sc.expect("configure q TIMEOUT")
		sc.refuse.Store(false)
		l := sc.back()
		l.does(openQueue, configure)
		l.silent(time.Second)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	})
}

func TestTheSameOptionsAgreedToLateNeedNotBeTakenBack(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configuresFor(defaultOptions, time.Second)
		late := l.request(configure)
		sc.pass(time.Second)
		l.agree(late)
		l.silent(time.Second)
		l.push(0, 1, "m", sIDs(late)...)
		sc.expect("configure q TIMEOUT", "message q m")
	})
}

func TestAConfigureIsRefused(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configures(limited(5))
		l.deny(l.request(configure), ctrl.StatusNotReady, "no")
		sc.expect("configure q NOT_READY")
		l.push(0, 1, "m", 1)
		sc.expect("message q m")
		l.drop()
		l = sc.back()
		l.does(openQueue)
		require.Equal(t, int64(1000), messages(l.request(configure)), "the old options")
	})
}

func TestAWriterIsConfiguredWithoutTheBroker(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", writer).configures(limited(5))
		sc.expect("configure q ok")
		l.silent(time.Second)
	})
}

func TestAnAnswerOfTheWrongKindIsAFailure(t *testing.T) {
	wrong := ctrl.Choice{DisconnectResponse: &ctrl.Empty{}}
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.control(&ctrl.ControlMessage{RID: l.request(openQueue).RID, Choice: wrong})
		sc.expect("open q UNKNOWN")
		c := l.open("q", reader)
		c.configures(limited(5))
		l.control(&ctrl.ControlMessage{RID: l.request(configure).RID, Choice: wrong})
		sc.expect("configure q UNKNOWN")
		c.closes()
		l.control(&ctrl.ControlMessage{RID: l.request(deconfig).RID, Choice: wrong})
		l.control(&ctrl.ControlMessage{RID: l.request(closeQueue).RID, Choice: wrong})
		sc.expect("close q UNKNOWN")
	})
}

func TestACloseThatIsRefusedEndsTheQueueAllTheSame(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.posts("m")
		l.puts()
		c.closes()
		c.closes()
		l.deny(l.request(closeQueue), ctrl.StatusRefused, "no")
		c.closes()
		sc.expect("close q 101", "ack m UNKNOWN", "close q REFUSED", "close q 100")
	})
}

func TestAQueueThatIsClosingTakesNothingMore(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|writer)
		c.closes()
		req := l.request(deconfig)
		require.Equal(t, "QUEUE_INVALID", codeName(c.post("m")))
		require.Equal(t, "NOT_CONNECTED", c.confirm(1))
		c.configures(limited(5))
		sc.expect("configure q -101")
		l.push(0, 1, "still here", 1)
		sc.expect("message q still here")
		l.agree(req)
		l.push(0, 1, "lost", 1)
		l.does(closeQueue)
		sc.expect("close q ok")
	})
}

func TestClosingWhileAConfigureIsUnderWay(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configures(limited(5))
		conf := l.request(configure)
		c.closes()
		deconf := l.request(deconfig)
		l.agree(conf)
		l.agree(deconf)
		l.does(closeQueue)
		sc.expect("configure q ok", "close q ok")
	})
}

func TestStatusesAreReadAsUpstreamDoes(t *testing.T) {
	for _, test := range []struct {
		kind     requestKind
		category ctrl.StatusCategory
		code     int32
		want     engine.Code
	}{
		{requestOpen, ctrl.StatusRefused, -2, engine.Timeout},
		{requestOpen, ctrl.StatusRefused, -1000, engine.Refused},
		{requestOpen, ctrl.StatusUnknown, -101, engine.OpenInvalidFlags},
		{requestOpen, ctrl.StatusUnknown, 100, engine.OpenAlreadyOpened},
		{requestConfigure, ctrl.StatusUnknown, 101, engine.Unknown},
		{requestConfigure, ctrl.StatusUnknown, -101, engine.ConfigureInvalidQueue},
		{requestClose, ctrl.StatusUnknown, -100, engine.CloseUnknownQueue},
		{requestClose, ctrl.StatusNotConnected, -102, engine.NotConnected},
		{requestClose, ctrl.StatusSuccess, -102, engine.Unknown}, // no failure at all
	} {
		st := requestStatus(test.kind, &ctrl.Status{Category: test.category, Code: test.code, Message: "text"})
		require.Equal(t, test.want, st.Code, "%+v", test)
	}
}

func TestOperationsBeforeTheStartAreRefused(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.s = New(sc.cfg)
		sc.opens("q", writer)
		sc.expect("open q NOT_CONNECTED")
		require.Equal(t, "NOT_CONNECTED", codeName(sc.s.Ping(t.Context())))
	})
}

func TestFlushWaitsForAcksAndWrites(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.posts("1")
		c.tells("2")
		go func() { sc.rec.note("flush " + codeName(sc.s.Flush(t.Context()))) }()
		sc.expect()
		list := l.messages(2)
		c.posts("3") // not waited for
		l.puts()
		l.ack(wire.AckSuccess, list[0])
		sc.expect("ack 1 ok", "flush ok")
	})
}

func TestPingIsAnsweredByAHeartbeat(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		ping := func() { go func() { sc.rec.note("ping " + codeName(sc.s.Ping(t.Context()))) }() }
		ping()
		l.next(wire.EventHeartbeatReq)
		sc.expect()
		l.send(wire.HeartbeatRsp)
		sc.expect("ping ok")
		ping()
		l.next(wire.EventHeartbeatReq)
		l.drop()
		sc.expectAll("ping NOT_CONNECTED", "CONNECTION_LOST")
		require.Empty(t, sc.s.pings)
	})
}

func TestFlushAndPingEndWithTheirContexts(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", writer).posts("m")
		l.puts()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, "CANCELED", codeName(sc.s.Flush(ctx)))
		require.Equal(t, "CANCELED", codeName(sc.s.Ping(ctx)))
		require.Empty(t, sc.s.pings)
		l.drop()
		require.Equal(t, "NOT_CONNECTED", codeName(sc.s.Ping(ctx)))
	})
}
