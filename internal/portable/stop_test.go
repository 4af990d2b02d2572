package portable

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestStopAnswersEverybodyThenSaysGoodbye(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		w := l.open("w", writer)
		b := l.openIn("b", writer, domain{ctrl.RoutingAtMostOnce, time.Minute})
		r := l.open("r", reader)
		w.posts("1")
		list := l.puts()
		b.posts("2")
		l.puts()
		r.configures(limited(5))
		l.request(configure)
		sc.opens("o", writer)
		l.request(openQueue)
		go func() { sc.rec.note("ping " + codeName(sc.s.Ping(t.Context()))) }()
		l.next(wire.EventHeartbeatReq)
		sc.stops()
		sc.expectAll("ack 1 UNKNOWN", "ack 2 ok", "configure r NOT_CONNECTED", "open o NOT_CONNECTED", "ping NOT_CONNECTED")
		l.ack(wire.AckSuccess, list...) // too late
		require.Equal(t, "QUEUE_INVALID", codeName(w.post("late")))
		require.Equal(t, "NOT_CONNECTED", r.confirm(1))
		l.does(disconnect)
		l.gone()
		sc.expect("DISCONNECTED", "stop ok")
	})
}

func TestStopSendsWhatWasPosted(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.tells("1", "2")
		sc.stops()
		l.messages(2)
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok")
	})
}

func TestStopGivesASilentBrokerUpAfterItsTimeout(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.DisconnectTimeout = 7 * time.Second
		l := sc.up()
		l.open("q", writer).posts("m")
		l.puts()
		sc.stops()
		sc.expect("ack m UNKNOWN")
		began := time.Now()
		l.request(disconnect)
		l.gone()
		require.Equal(t, 7*time.Second, time.Since(began))
		sc.expect("DISCONNECTED", "stop ok")
	})
}

func TestStopCutsTheConnectionWhenItsContextEnds(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		sc.s.Stop(ctx) // the peer does not even read
		require.Equal(t, time.Second, time.Since(began))
		sc.expect("DISCONNECTED")
	})
}

func TestStopTwiceAndAtOnce(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.stops()
		sc.stops()
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok", "stop ok")
		sc.stops()
		sc.expect("stop ok")
	})
}

func TestStopOfASessionThatWasNotStarted(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.s = New(sc.cfg)
		sc.stops()
		sc.expect("stop ok")
	})
}

func TestStopWhileTheHandlerHoldsReadingUp(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		sc.rec.hold = make(chan struct{})
		l.push(0, 1, "m", 1)
		sc.stops()
		l.request(disconnect)
		sc.expect()
		close(sc.rec.hold) // the handler's part of the bargain
		l.drop()
		sc.expect("message q m", "DISCONNECTED", "stop ok")
	})
}

func TestStartWithAContextThatEnded(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.s = New(sc.cfg)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		st := sc.s.Start(ctx)
		require.Equal(t, engine.Canceled, st.Code)
		require.Equal(t, "there was no connection to tcp://broker:30114 yet", st.Text)
		sc.expect()
	})
}

func TestStartEndsWithItsContext(t *testing.T) {
	for name, stage := range map[string]func(*scene){
		"while dialing":     func(*scene) {},
		"while negotiating": func(sc *scene) { sc.accept().identity() },
		"between attempts":  func(sc *scene) { sc.refuse.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				sc.s = New(sc.cfg)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				done := make(chan engine.Status, 1)
				go func() { done <- sc.s.Start(ctx) }()
				stage(sc)
				st := <-done
				require.Equal(t, engine.Canceled, st.Code)
				require.Contains(t, []string{"there was no connection to tcp://broker:30114 yet", "the last attempt failed: " + errRefused.Error()}, st.Text)
				sc.expect()
			})
		})
	}
}

func TestStartTimesOutAndSaysWhy(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.refuse.Store(true)
		sc.s = New(sc.cfg)
		began := time.Now()
		st := sc.s.Start(t.Context())
		require.Equal(t, engine.Timeout, st.Code)
		require.ErrorIs(t, st.Err, errRefused)
		require.Contains(t, st.Text, "connection refused")
		require.Equal(t, time.Minute, time.Since(began))
		sc.expect()
	})
}

func TestASessionThatEndedLeavesNothingBehind(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.StatsDumpInterval = time.Minute
		sc.response.HeartbeatIntervalMs, sc.response.MaxMissedHeartbeats = 1000, 10
		l := sc.up()
		c := l.open("q", reader|writer)
		c.posts("m")
		l.puts()
		sc.stops()
		l.does(disconnect)
		sc.expect("ack m UNKNOWN", "DISCONNECTED", "stop ok")
		logged := sc.logs.Len()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, logged, sc.logs.Len(), "no timer runs on")
		o := &sc.s.out
		require.Zero(t, o.pending.n)
		require.Zero(t, o.pendingBytes)
		require.Zero(t, o.stream.unsent)
		require.Empty(t, sc.s.routes.table)
		require.Empty(t, sc.s.streams)
		require.Empty(t, sc.s.requests)
	})
}

func TestAConnectionTakesTwoGoroutines(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.response.HeartbeatIntervalMs, sc.response.MaxMissedHeartbeats = 1000, 10
		l := sc.up()
		l.open("q", reader|writer)
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		require.Equal(t, 2, bytes.Count(stacks, []byte("created by github.com/bmq-go/bmq/internal/portable.(*Session)")))
	})
}

func TestOperationsThatComeBehindTheStopSayThatItWasStopped(t *testing.T) {
	play(t, func(_ *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		go sc.s.Stop(context.Background())
		goodbye := l.request(disconnect)
		operations := func() {
			c.configures(limited(5))
			c.closes()
			sc.opens("other", writer)
		}
		operations()
		sc.expect("configure q NOT_CONNECTED", "close q NOT_CONNECTED", "open other NOT_CONNECTED")
		l.agree(goodbye)
		sc.expect("DISCONNECTED")
		operations()
		sc.expect("configure q NOT_CONNECTED", "close q NOT_CONNECTED", "open other NOT_CONNECTED")
	})
}
