package broker

import (
	"log/slog"
	"sync"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// graceMs is how long a client may be silent before its first event, in
// milliseconds.
const graceMs = 180_000

// heartbeat looks for silence on a connection.
type heartbeat struct {
	conn *conn

	mu     sync.Mutex
	timer  *Timer
	missed int
	ended  bool
}

// startHeartbeat begins to look, unless heartbeats are off or the client is one
// that can't read them.
func (c *conn) startHeartbeat(id *ctrl.ClientIdentity) *heartbeat {
	config := &c.broker.config.Heartbeats
	if config.MaxMissed <= 0 || id.SDKLanguage == ctrl.LanguageJava {
		return nil
	}
	h := &heartbeat{conn: c, missed: -int(graceMs / max(1, config.Interval.Milliseconds()))}
	c.received.Store(false)
	h.arm()
	return h
}

func (h *heartbeat) arm() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.timer = h.conn.broker.clock.AfterFunc(h.conn.broker.config.Heartbeats.Interval, h.tick)
	}
}

// tick runs once per interval. It asks a silent client for a sign of life, and
// closes the connection of one that gave none for too long.
func (h *heartbeat) tick() {
	c := h.conn
	switch limit := c.broker.config.Heartbeats.MaxMissed; {
	case c.received.Swap(false):
		h.missed = 0
	case h.missed < limit:
		h.missed++
		c.out.raw(wire.HeartbeatReq)
	default:
		c.log(slog.LevelWarn, "connection closed: the client is silent", slog.Int("missed", h.missed))
		c.close()
		return
	}
	h.arm()
}

// stop ends it. A nil heartbeat never began.
func (h *heartbeat) stop() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.timer.Stop()
}
