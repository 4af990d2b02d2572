package portable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
)

func beating(sc *scene) *link {
	sc.response.HeartbeatIntervalMs, sc.response.MaxMissedHeartbeats = 1000, 3
	return sc.up()
}

func TestADeadBrokerIsNoticed(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		began := time.Now()
		l := beating(sc)
		for range 3 {
			l.next(wire.EventHeartbeatReq)
		}
		l.gone()
		require.Equal(t, 4*time.Second, time.Since(began), "three intervals that are allowed, one more")
		sc.back()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
	})
}

func TestABrokerThatAnswersIsAlive(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := beating(sc)
		for range 20 {
			l.next(wire.EventHeartbeatReq)
			l.send(wire.HeartbeatRsp)
		}
		sc.expect()
	})
}

func TestAnyEventIsASignOfLife(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := beating(sc)
		l.open("q", reader)
		for i := range 40 {
			l.push(0, byte(i), "m", 1)
			l.silent(500 * time.Millisecond)
		}
	})
}

func TestHeartbeatRequestsAreAnswered(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.send(wire.HeartbeatReq)
		l.next(wire.EventHeartbeatRsp)
		l.silent(time.Hour) // no heartbeats of the session's own unless the broker wants them
		sc.expect()
	})
}

func TestWhileReadingIsHeldUpTheSessionShowsThatItIsAlive(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := beating(sc)
		l.open("q", reader)
		sc.rec.hold = make(chan struct{})
		l.push(0, 1, "m", 1)
		for range 10 {
			l.next(wire.EventHeartbeatRsp)
		}
		close(sc.rec.hold)
		sc.expect("message q m")
		l.next(wire.EventHeartbeatReq)
	})
}

func TestABrokerThatDoesNotReadIsNoticed(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := beating(sc)
		c := l.open("q", writer)
		c.posts("stuck")
		sc.pass(6 * time.Second)
		sc.expect("CONNECTION_LOST")
		l.drop()
	})
}

func TestOddHeartbeatValuesMeanNone(t *testing.T) {
	for _, values := range [][2]int32{{0, 10}, {-5, 10}, {1000, 0}, {1000, -1}} {
		play(t, func(t *testing.T, sc *scene) {
			sc.response.HeartbeatIntervalMs, sc.response.MaxMissedHeartbeats = values[0], values[1]
			l := sc.up()
			l.silent(time.Hour)
			sc.expect()
		})
	}
}

func TestALargeEventMayArriveSlowly(t *testing.T) {
	play(t, func(_ *testing.T, sc *scene) {
		l := beating(sc)
		l.open("q", reader)
		body := appendPush(nil, 0, 1, "large", 1)
		event := append(eventHeader(wire.EventPush, len(body)), body...)
		l.next(wire.EventHeartbeatReq) // the interval begins
		for i := range event[1:] {
			l.send(event[i : i+1])
			l.next(wire.EventHeartbeatRsp) // the broker's requests are behind the event
		}
		l.send(event[len(event)-1:])
		sc.expect("message q large")
		for range 3 {
			l.next(wire.EventHeartbeatReq)
		}
		l.gone()
	})
}
