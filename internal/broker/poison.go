package broker

import (
	"log/slog"
	"math"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// never is long before any message was sent.
const never = time.Duration(math.MinInt64 / 2)

// pause is how long a consumer has to be left alone before it gets a message that
// may have killed others.
func (a *app) pause(v *view) time.Duration {
	t := &a.queue.domain.broker.config.Throttle
	switch left := int(v.attempts); {
	case !v.poison || left > t.HighThreshold:
		return 0
	case left > t.LowThreshold:
		return t.LowInterval
	default:
		return t.HighInterval
	}
}

// afterPause finds a consumer that got nothing for at least pause. If all have to
// be waited for, *wait becomes how long at least.
func (a *app) afterPause(m *message, pause time.Duration, wait *time.Duration) *subscription {
	now := a.queue.now()
	for _, st := range a.routing.consumers {
		s := a.routing.forStream(st, m, &a.queue.properties)
		if s == nil || !s.canTake() {
			continue
		}
		left := st.lastSent + pause - now
		if left <= 0 {
			return s
		}
		if *wait == 0 || left < *wait {
			*wait = left
		}
	}
	return nil
}

// retryIn delivers again after a pause.
func (a *app) retryIn(d time.Duration) {
	a.throttle.Stop()
	q := a.queue
	a.throttle = q.domain.broker.clock.AfterFunc(d, func() {
		q.lock()
		defer q.unlock()
		if !q.closed {
			a.deliver()
		}
	})
}

// endPause ends the pause after a consumer confirmed what it got last.
func (a *app) endPause(st *stream, g wire.GUID) {
	if a.throttle == nil || st.lastGUID != g {
		return
	}
	st.lastSent = never
	if a.throttle.Stop() {
		a.throttle = nil
		a.deliver()
	}
}

// abandoned counts the vanishing of a consumer as a delivery attempt for all that
// it held, and drops what has no attempts left.
func (a *app) abandoned(st *stream) {
	q := a.queue
	limit := uint8(q.domain.config().MaxDeliveryAttempts)
	if limit == 0 {
		return
	}
	for _, p := range st.held(q.store) {
		m, v := q.store.at(p), q.store.view(p, a.index)
		v.poison = true
		if v.attempts == 0 { // posted when there was no limit
			v.attempts = limit
		}
		if v.attempts--; v.attempts > 0 {
			continue
		}
		q.log(slog.LevelWarn, "a message was dropped: no consumer survived it",
			slog.String("guid", m.guid.String()), slog.String("app", a.id))
		q.counters.Poison++
		st.release(v.holder, len(m.data))
		a.confirm(p, m, v)
	}
}
