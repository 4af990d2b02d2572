//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
)

// stopMargin is how long after the disconnect timeout libbmq may take to stop before
// it is left to itself.
const stopMargin = 5 * time.Second

// Stop implements engine.Engine.
func (s *nativeSession) Stop(ctx context.Context) {
	s.end(ctx)
	s.delivering.Lock()
	defer s.delivering.Unlock()
	s.detached = true
	if s.up.given() {
		s.handler.OnSessionEvent(engine.SessionEvent{Type: int(sessionevents.TypeDisconnected)})
	}
}

// end takes the session down. If that takes longer than ctx or the disconnect timeout
// allow, it goes on in the background, and nothing of it gets to the Handler.
func (s *nativeSession) end(ctx context.Context) {
	s.mu.Lock()
	s.state = nativeStopping
	s.mu.Unlock()
	s.cancel()
	s.out.close()
	s.out.failAll() // acks that still come are ignored, as upstream does it
	s.endOperations()
	if s.c == nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.calls.Wait()
		s.awaitOperations(ctx)
		s.awaitTurn()
		s.awaitOperations(ctx) // it may have had a connection again in its turn
		s.destroy()
	}()
	// Operations are awaited twice, each time for answerTime, and for two turns if the
	// connection has to be cut then; between that is a turn.
	awaiting := 2*(s.answerTime()+2*turnTime) + turnTime
	timeout := time.NewTimer(awaiting + s.cfg.DisconnectTimeout + stopMargin)
	defer timeout.Stop()
	select {
	case <-ended:
	case <-ctx.Done():
		s.detach(fmt.Sprintf("stopping: did not wait for libbmq: %v", ctx.Err()))
	case <-timeout.C:
		s.detach("stopping: libbmq did not stop in time")
	}
}

// destroy takes down the C side, and returns when nothing of it is left.
func (s *nativeSession) destroy() {
	if err := s.c.Stop(); err != nil {
		s.log.Error("libbmq could not stop", "error", err)
	}
	s.mu.Lock()
	queues := append(s.closed, slices.Collect(maps.Values(s.queues))...)
	s.queues, s.closed = nil, nil
	s.mu.Unlock()
	for _, q := range queues {
		q.forget()
	}
	if err := s.c.Destroy(); err != nil {
		s.log.Error("libbmq could not end a session", "error", err)
	}
}

// detach leaves libbmq to itself. It returns when no callback is in the Handler.
func (s *nativeSession) detach(why string) {
	s.log.Warn(why + "; it goes on in the background")
	s.delivering.Lock()
	defer s.delivering.Unlock()
	s.detached = true
}
