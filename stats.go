package bmq

import (
	"context"
	"runtime"
	"time"
)

// Stats is a snapshot of what a session did and of what it holds. Numbers count from
// the start of the session.
type Stats struct {
	Engine           EngineKind
	Connected        bool   // the connection is up and the state restored
	Connects         uint64 // connections that came up
	BytesIn          uint64
	BytesOut         uint64
	EventsIn         uint64 // network events
	MessagesPosted   uint64
	MessagesReceived uint64
	Acks             uint64 // answers of the broker, of any kind
	Nacks            uint64 // those with another status than success
	Confirms         uint64
	Retransmitted    uint64 // posts that were sent again

	OpenQueues      int
	PendingMessages int   // posts without an answer, or not yet written
	PendingBytes    int64 // what they count for: see WithMaxPendingBytes
	UnsentBytes     int64 // bytes that wait to be written
	WaitingEvents   int   // network and session events that wait for handlers
	WaitingBytes    int64 // bytes of the messages among them, and of those that wait for Messages
}

// Stats returns a snapshot of the session's counters. It may be called at any time,
// also after Stop.
func (s *Session) Stats() Stats {
	c := s.core
	e := c.engine.Stats()
	st := Stats{
		Engine: c.engineKind, Connected: e.Connected, Connects: e.Connects,
		BytesIn: e.BytesIn, BytesOut: e.BytesOut, EventsIn: e.EventsIn,
		MessagesPosted: e.MessagesPosted, MessagesReceived: e.MessagesReceived,
		Acks: e.Acks, Nacks: e.Nacks, Confirms: e.Confirms, Retransmitted: e.Retransmitted,
		OpenQueues:      len(c.queues.all()),
		PendingMessages: e.PendingMessages, PendingBytes: e.PendingBytes, UnsentBytes: e.UnsentBytes,
	}
	st.WaitingEvents, st.WaitingBytes = c.dispatch.waiting()
	return st
}

// healthPoll is how often Health looks whether the connection is back.
const healthPoll = 50 * time.Millisecond

// Health returns nil if the broker answers. It asks it for a sign of life; while the
// connection is down it waits, as long as ctx allows, for it to come back. It is
// meant for readiness checks, with a short context.
func (s *Session) Health(ctx context.Context) error {
	defer runtime.KeepAlive(s)
	c := s.core
	defer c.dispatch.awaiting()()
	tick := time.NewTicker(healthPoll)
	defer tick.Stop()
	for {
		if c.stopped.Load() {
			return errStopped(opHealth, "")
		}
		st := c.engine.Ping(ctx)
		if st.OK() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			err := contextError(opHealth, "", ctx.Err())
			err.Desc = st.Text
			return err
		}
	}
}
