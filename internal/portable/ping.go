package portable

import (
	"context"
	"slices"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// Ping implements engine.Engine: it sends a heartbeat request, which brokers answer
// at once.
func (s *Session) Ping(ctx context.Context) engine.Status {
	s.mu.Lock()
	if s.state != stateStarted {
		defer s.mu.Unlock()
		return engine.Status{Code: engine.NotConnected, Text: "Not connected", Err: s.lastErr}
	}
	pong := make(chan engine.Status, 1)
	s.pings = append(s.pings, pong)
	conn := s.conn
	s.out.controlOn(conn, wire.HeartbeatReq)
	s.mu.Unlock()
	defer s.forgetPing(pong)
	select {
	case st := <-pong:
		return st
	case <-conn.closed:
		return engine.Status{Code: engine.NotConnected, Text: "the connection was lost", Err: conn.cause}
	case <-ctx.Done():
		return engine.Status{Code: engine.Canceled, Err: ctx.Err()}
	}
}

func (s *Session) forgetPing(pong chan engine.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pings = slices.DeleteFunc(s.pings, func(other chan engine.Status) bool { return other == pong })
}

// ponged takes the broker's sign of life.
func (s *Session) ponged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endPings(engine.Status{})
}

func (s *Session) endPings(st engine.Status) {
	for _, pong := range s.pings {
		pong <- st
	}
	s.pings = nil
}
