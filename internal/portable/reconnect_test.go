package portable

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestReconnectionReopensInOrderThenRetransmits(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		w, r := l.open("w", writer), l.open("r", reader)
		w.posts("1", "2")
		before := l.messages(2)
		l.drop()
		sc.expect("CONNECTION_LOST")
		w.posts("3")

		l = sc.back()
		sc.expect("RECONNECTED")
		openW, openR := l.request(openQueue), l.request(openQueue)
		require.Equal(t, "bmq://bmq.test/w", openW.Choice.OpenQueue.HandleParameters.URI)
		l.agree(openR) // answers in any order
		l.agree(openW)
		sc.expect("QUEUE_REOPEN_RESULT w")
		require.Equal(t, "NOT_CONNECTED", r.confirm(1))
		l.does(configure)
		sc.expect("QUEUE_REOPEN_RESULT r", "STATE_RESTORED")
		after := l.puts()
		require.Len(t, after, 3)
		require.Equal(t, before, after[:2], "repeats are identical, checksum and all")
		l.ack(wire.AckSuccess, after...)
		sc.expect("ack 1 ok", "ack 2 ok", "ack 3 ok")
		require.Equal(t, uint64(2), sc.s.Stats().Retransmitted)
		l.silent(time.Second)
	})
}

func TestWithoutQueuesTheStateIsRestoredAtOnce(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up().drop()
		sc.back()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
	})
}

func TestReopeningKeepsTheNumbersOfQueuesAndTakesNewOnesForTheRest(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.opens("q?id=foo", reader)
		open := l.request(openQueue)
		l.agree(open)
		conf := l.request(configure)
		l.agree(conf)
		l.drop()
		l = sc.back()
		again := l.request(openQueue)
		require.Equal(t, open.Choice, again.Choice)
		require.Greater(t, *again.RID, *conf.RID)
		l.agree(again)
		confAgain := l.request(configure)
		require.NotEqual(t, sIDs(conf), sIDs(confAgain))
		require.Greater(t, *confAgain.RID, *again.RID)
	})
}

func sIDs(m *ctrl.ControlMessage) (ids []uint32) {
	for _, s := range m.Choice.ConfigureStream.StreamParameters.Subscriptions {
		ids = append(ids, s.SID)
	}
	return ids
}

func TestAPendingOpenIsSentAgainAsItWas(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		first := l.request(openQueue)
		for range 2 {
			l.drop()
			l = sc.back()
			require.Equal(t, first, l.request(openQueue))
		}
		l.agree(first)
		require.Equal(t, []uint32{1}, sIDs(l.request(configure)))
	})
}

func TestAnOpenMadeDuringAnOutageWaitsForTheReopening(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("old", writer)
		l.drop()
		sc.opens("new", writer)
		l = sc.back()
		reopen := l.request(openQueue)
		sc.opens("newer", writer)
		l.silent(time.Second)
		l.agree(reopen)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT old", "STATE_RESTORED")
		l.does(openQueue, openQueue)
		sc.expect("open new ok", "open newer ok")
	})
}

func TestAnOpenThatWaitsIsSentOnce(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("old", writer)
		l.drop()
		sc.opens("new", writer)
		for range 3 {
			l = sc.back()
			l.request(openQueue) // of the old one
			l.drop()
		}
		sc.rec.take()
		sc.back().does(openQueue, openQueue)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT old", "STATE_RESTORED", "open new ok")
		require.Empty(t, sc.s.kept)
	})
}

func TestAnOpenThatWasNeverSentTimesOutWithoutCostingTheConnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("old", writer)
		l.drop()
		sc.cfg.OpenQueueTimeout = time.Hour
		sc.s.OpenQueue(engine.OpenRequest{URI: uri("new"), Write: true, Timeout: time.Minute, Owner: "new"},
			func(_ engine.Queue, st engine.Status) { sc.rec.note("open new " + codeName(st)) })
		l = sc.back()
		req := l.request(openQueue)
		sc.expect("CONNECTION_LOST", "RECONNECTED")
		sc.pass(time.Minute)
		sc.expect("open new TIMEOUT")
		l.agree(req)
		sc.expect("QUEUE_REOPEN_RESULT old", "STATE_RESTORED")
		l.silent(time.Second)
	})
}

func TestAnOpenTimesOutDuringAnOutage(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up().drop()
		sc.refuse.Store(true)
		sc.opens("q", writer)
		sc.pass(5 * time.Minute)
		sc.expect("CONNECTION_LOST", "open q TIMEOUT")
		sc.refuse.Store(false)
		sc.accept().negotiate()
		sc.expect("RECONNECTED", "STATE_RESTORED")
	})
}

func TestAPendingConfigureIsSentAgainUnchangedBehindTheReopening(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configures(limited(5))
		first := l.request(configure)
		l.drop()
		l = sc.back()
		l.does(openQueue, configure)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
		again := l.request(configure)
		require.Equal(t, first, again)
		l.agree(again)
		sc.expect("configure q ok")
		l.push(0, 1, "under the new id", sIDs(again)...)
		sc.expect("message q under the new id")
	})
}

func TestAConfigureMadeDuringAnOutageFollowsTheReopening(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		c := pending(sc, reader)
		c.configures(limited(5))
		c.configures(limited(6))
		sc.expect("configure q 100")
		l := sc.back()
		l.does(openQueue, configure)
		l.does(configure)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED", "configure q ok")
	})
}

func TestAConfigureFailsWithItsQueue(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*scene, *client)
		want []string
	}{
		"reopening refused": {func(sc *scene, _ *client) {
			l := sc.back()
			l.deny(l.request(openQueue), ctrl.StatusRefused, "no")
		}, []string{"RECONNECTED", "configure q -101", "QUEUE_REOPEN_RESULT q REFUSED", "STATE_RESTORED"}},
		"closed": {func(_ *scene, c *client) { c.closes() }, []string{"configure q -101", "close q ok"}},
		"stop":   {func(sc *scene, _ *client) { sc.stops() }, []string{"configure q NOT_CONNECTED", "DISCONNECTED", "stop ok"}},
		"timeout": {func(sc *scene, _ *client) {
			sc.refuse.Store(true)
			sc.pass(5 * time.Minute)
		}, []string{"configure q TIMEOUT"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				c := pending(sc, reader)
				c.configures(limited(5))
				test.end(sc, c)
				sc.expect(test.want...)
			})
		})
	}
}

func TestAConnectionLostWhileReopeningStartsReopeningAgain(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		w := l.open("w", writer)
		l.open("r", reader)
		l.drop()
		w.posts("m")
		l = sc.back()
		l.does(openQueue)
		l.drop()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT w", "CONNECTION_LOST")
		l = sc.back()
		l.does(openQueue, openQueue, configure)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT w", "QUEUE_REOPEN_RESULT r", "STATE_RESTORED")
		require.Len(t, l.puts(), 1)
		require.Zero(t, sc.s.Stats().Retransmitted)
	})
}

func TestPostsOfQueuesThatAreReopenedWaitForTheOthers(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		a := l.open("a", writer)
		l.open("b", writer)
		l.drop()
		l = sc.back()
		l.does(openQueue)
		second := l.request(openQueue)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT a")
		a.posts("m")
		l.silent(time.Second)
		l.deny(second, ctrl.StatusRefused, "no")
		sc.expect("QUEUE_REOPEN_RESULT b REFUSED", "STATE_RESTORED")
		require.Len(t, l.puts(), 1)
	})
}

func TestRetransmissionIsPackedAgainInOrder(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		a, b := l.open("a", writer), l.open("b", writer)
		var sent []put
		for i := range 20 {
			[]*client{a, b}[i%2].posts(fmt.Sprint(i))
			sent = append(sent, l.puts()...)
		}
		l.ack(wire.AckSuccess, sent[3], sent[17])
		sc.expect("ack 3 ok", "ack 17 ok")
		want := append(append(append([]put(nil), sent[:3]...), sent[4:17]...), sent[18:]...)
		for range 2 {
			l.drop()
			sc.expect("CONNECTION_LOST")
			l = sc.back()
			l.does(openQueue, openQueue)
			sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT a", "QUEUE_REOPEN_RESULT b", "STATE_RESTORED")
			require.Equal(t, want, l.puts(), "in one event")
			l.silent(time.Second)
		}
	})
}

func TestPostsWithoutAckAreKeptOnlyUntilTheyAreWritten(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.tells("written")
		require.Len(t, l.puts(), 1)
		synctest.Wait()
		require.Zero(t, sc.s.Stats().PendingMessages)
		c.tells("stuck") // the peer does not read any more
		c.posts("with ack")
		require.Equal(t, 2, sc.s.Stats().PendingMessages)
		l.drop()
		c.tells("during the outage")
		l = sc.back()
		l.does(openQueue)
		list := l.puts()
		require.Equal(t, []string{"stuck", "with ack", "during the outage"}, []string{list[0].data, list[1].data, list[2].data})
		synctest.Wait()
		require.Equal(t, 1, sc.s.Stats().PendingMessages)
		require.Zero(t, sc.s.Stats().Retransmitted, "none was written before")
	})
}

func TestPostsExpireDuringAnOutage(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		short := l.openIn("short", writer, domain{0, 20 * time.Second})
		broadcast := l.openIn("broadcast", writer, domain{ctrl.RoutingAtMostOnce, 30 * time.Second})
		endless := l.openIn("endless", writer, domain{0, 0})
		short.posts("old")
		l.puts()
		sc.pass(time.Hour)
		sc.expect() // nothing expires while connected
		sc.refuse.Store(true)
		l.drop()
		sc.pass(0)
		sc.expect("CONNECTION_LOST")
		short.posts("new")
		endless.posts("kept")
		broadcast.posts("broadcast")
		sc.pass(200 * time.Millisecond)
		sc.expect("ack old UNKNOWN")
		sc.pass(19 * time.Second)
		sc.expect()
		sc.pass(time.Second)
		sc.expect("ack new UNKNOWN")
		short.tells("nobody waits")
		require.Equal(t, 3, sc.s.Stats().PendingMessages)
		sc.pass(10 * time.Second)
		sc.expect("ack broadcast UNKNOWN")
		sc.pass(10*time.Second + 200*time.Millisecond)
		require.Equal(t, 1, sc.s.Stats().PendingMessages)
		sc.pass(24 * time.Hour)
		sc.expect()
	})
}

func TestAPostThatExpiredIsNotSentEvenIfTheConnectionComesBackInThatMoment(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.openIn("q", writer, domain{0, 20 * time.Second})
		l.drop()
		c.posts("m")
		l = sc.back()
		req := l.request(openQueue)
		sc.expect("CONNECTION_LOST", "RECONNECTED")
		sc.pass(20 * time.Second)
		sc.expect()
		l.agreeFor(req, domain{0, 20 * time.Second})
		sc.expect("QUEUE_REOPEN_RESULT q", "ack m UNKNOWN", "STATE_RESTORED")
		l.silent(time.Second)
	})
}

func TestAcksOfQueuesThatWereClosedDoNotCome(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		b := l.openIn("b", writer, domain{ctrl.RoutingAtMostOnce, time.Minute})
		c.posts("1", "2")
		list := l.messages(2)
		b.posts("3")
		l.puts()
		c.closes()
		req := l.request(closeQueue)
		l.ack(wire.AckSuccess, list[0])
		l.agree(req)
		sc.expect("ack 1 ok", "ack 2 UNKNOWN", "close q ok")
		l.ack(wire.AckSuccess, list...)
		b.closes()
		l.does(closeQueue)
		sc.expect("ack 3 ok", "close b ok")
	})
}

func TestTheReconnectionPauseGrowsAndIsForgottenAfterTwoQuietMinutes(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		previous := time.Duration(0)
		for range 4 {
			l.drop()
			lost := time.Now()
			l = sc.back()
			pause := time.Since(lost)
			require.Greater(t, pause, previous)
			require.LessOrEqual(t, pause, max(750*time.Millisecond, 2*previous))
			previous = pause
		}
		sc.pass(2 * time.Minute)
		l.drop()
		lost := time.Now()
		l = sc.back()
		require.Zero(t, time.Since(lost))
		l.drop()
		lost = time.Now()
		sc.back()
		require.LessOrEqual(t, time.Since(lost), 750*time.Millisecond)
	})
}

func TestThePauseIsAMinuteAtMost(t *testing.T) {
	var b backoff
	b.attempted()
	for range 100 {
		require.LessOrEqual(t, b.next(), time.Minute)
	}
	require.Equal(t, time.Minute, b.next())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.wait(ctx) // does not take a minute
}

func TestNumbersAreUsedOnce(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		seen := make(map[string]bool)
		note := func(kind string, n int) {
			name := fmt.Sprint(kind, n)
			require.False(t, seen[name], name)
			seen[name] = true
		}
		for i := range 20 {
			sc.opens("q", reader)
			req := l.request(openQueue)
			note("rid", int(*req.RID))
			note("qid", int(req.Choice.OpenQueue.HandleParameters.QID))
			if i%3 == 0 {
				l.deny(req, ctrl.StatusRefused, "no")
				continue
			}
			l.agree(req)
			conf := l.request(configure)
			note("rid", int(*conf.RID))
			note("sid", int(sIDs(conf)[0]))
			if i%3 == 1 {
				l.deny(conf, ctrl.StatusRefused, "no")
			} else {
				l.agree(conf)
				c := sc.s.queues[0]
				c.Close(time.Minute, func(engine.Status) {})
				req := l.request(deconfig)
				note("rid", int(*req.RID))
				l.agree(req)
			}
			end := l.request(closeQueue)
			note("rid", int(*end.RID))
			l.agree(end)
		}
	})
}

func TestPostsDoNotFollowTheClosingOfTheirQueue(t *testing.T) {
	play(t, func(_ *testing.T, sc *scene) {
		l := sc.up()
		a, b := l.open("a", writer), l.open("b", writer)
		a.posts("sent")
		l.messages(1)
		l.drop()
		a.posts("kept")
		a.tells("told")
		b.posts("other")
		l = sc.back()
		openA, openB := l.request(openQueue), l.request(openQueue)
		l.agree(openA)
		a.closes()
		closeA := l.request(closeQueue)
		l.agree(openB)
		for _, p := range l.messages(1) {
			l.ack(wire.AckSuccess, p)
		}
		l.silent(time.Second)
		l.agree(closeA)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT a", "QUEUE_REOPEN_RESULT b", "STATE_RESTORED",
			"ack other ok", "ack sent UNKNOWN", "ack kept UNKNOWN", "close a ok")
	})
}

// early is a handler to which events take their time.
type early struct{ *recorder }

func (h early) OnSessionEvent(e engine.SessionEvent) {
	if e.Type == eventStateRestored {
		time.Sleep(time.Second) // what is sent would be answered meanwhile
	}
	h.recorder.OnSessionEvent(e)
}

func TestStateRestoredComesAheadOfAcksWhoeverEndsTheReopening(t *testing.T) {
	play(t, func(_ *testing.T, sc *scene) {
		sc.cfg.Handler = early{sc.rec}
		l := sc.up()
		a, b := l.open("a", writer), l.open("b", writer)
		l.drop()
		b.posts("kept")
		l = sc.back()
		l.request(openQueue)
		l.does(openQueue)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT b")
		go a.q.Close(time.Minute, func(engine.Status) {}) // and with it the reopening
		l.request(closeQueue)
		l.ack(wire.AckSuccess, l.messages(1)...)
		sc.pass(time.Second)
		sc.expect("STATE_RESTORED", "ack kept ok")
	})
}
