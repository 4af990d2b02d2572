package portable

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// heartbeat notices that nothing comes from the broker any more: an interval without
// an event has it asked for a sign of life, one more than the broker allows ends
// the connection.
//
// While the handler holds up reading, nothing can be noticed, and no request of the
// broker be answered; while a large event arrives, they come behind it. The broker is
// told then that the client is alive, for it ends connections in the same way.
type heartbeat struct {
	out      *outbox
	c        *connection
	interval time.Duration // 0: there are no heartbeats
	max      int           // silent intervals that are allowed
	missed   int           // silent intervals up to now; of tick only
	timer    *time.Timer
	received atomic.Bool // an event, in the present interval
	arriving atomic.Bool // some of one
	held     atomic.Bool // reading is held up
}

func (h *heartbeat) start() {
	if h.interval <= 0 || h.max <= 0 {
		return
	}
	h.arriving.Store(false) // that was the negotiation
	h.timer = time.AfterFunc(math.MaxInt64, h.tick)
	h.timer.Reset(h.interval)
}

// stop ends the heartbeat of a connection that is closed.
func (h *heartbeat) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
}

func (h *heartbeat) tick() {
	arriving := h.arriving.Swap(false)
	switch {
	case h.c.isClosed():
		return
	case h.received.Swap(false):
		h.missed = 0
	case arriving || h.held.Load():
		h.missed = 0
		h.out.controlOn(h.c, wire.HeartbeatRsp)
	case h.missed < h.max:
		h.missed++
		h.out.controlOn(h.c, wire.HeartbeatReq)
	default:
		h.c.close(errors.New("the broker sends nothing any more"))
		return
	}
	h.timer.Reset(h.interval)
}

// hold runs what may hold up reading.
func (h *heartbeat) hold(f func()) {
	h.held.Store(true)
	f()
	h.received.Store(true) // what came meanwhile is not read yet
	h.held.Store(false)
}
