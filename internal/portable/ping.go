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
	pong := make(chan struct{})
	s.pings = append(s.pings, pong)
	conn := s.conn
	s.out.controlOn(conn, wire.HeartbeatReq)
	s.mu.Unlock()
	defer s.forgetPing(pong)
	select {
	case <-pong:
		return s.pingAnswered()
	case <-conn.closed:
		return engine.Status{Code: engine.NotConnected, Text: "the connection was lost", Err: conn.cause}
	case <-ctx.Done():
		return engine.Status{Code: engine.Canceled, Err: ctx.Err()}
	}
}

func (s *Session) forgetPing(pong chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pings = slices.DeleteFunc(s.pings, func(other chan struct{}) bool { return other == pong })
}

// pingAnswered tells a sign of life from the end of the session.
func (s *Session) pingAnswered() engine.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosing || s.state == stateStopped {
		return engine.Status{Code: engine.NotConnected, Text: "the session was stopped"}
	}
	return engine.Status{}
}

// ponged takes the broker's sign of life.
func (s *Session) ponged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endPings()
}

func (s *Session) endPings() {
	for _, pong := range s.pings {
		close(pong)
	}
	s.pings = nil
}
