//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"time"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
)

// nativeOperation is an operation of a queue that libbmq was asked for.
type nativeOperation struct {
	q   *nativeQueue
	end func(engine.Status) // nil: nobody waits any more
}

// begin registers an operation, which end is called for when its result comes, and
// returns its id.
func (s *nativeSession) begin(q *nativeQueue, end func(engine.Status)) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastNumber++
	s.operations[s.lastNumber] = &nativeOperation{q, end}
	return s.lastNumber
}

// finish ends an operation. A result that nobody waits for is ignored.
func (s *nativeSession) finish(id uint64, st engine.Status) {
	s.mu.Lock()
	o := s.operations[id]
	delete(s.operations, id)
	if len(s.operations) == 0 && !s.reopening {
		s.noAnswers()
	}
	s.mu.Unlock()
	if o != nil && o.end != nil {
		o.end(st)
	}
}

// noAnswers ends awaitOperations: there is nothing to wait for. It is called with the
// lock held.
func (s *nativeSession) noAnswers() {
	if s.answered != nil {
		close(s.answered)
		s.answered = nil
	}
}

// nativeStopped is the answer to operations of a session that was stopped.
var nativeStopped = engine.Status{Code: engine.NotConnected, Text: "the session was stopped"}

// endOperations answers those who wait for operations. libbmq goes on with them.
func (s *nativeSession) endOperations() {
	s.mu.Lock()
	var waiting []func(engine.Status)
	for _, o := range s.operations {
		if o.end != nil {
			waiting = append(waiting, o.end)
			o.end = nil
		}
	}
	s.mu.Unlock()
	for _, end := range waiting {
		end(nativeStopped)
	}
}

// maxAnswerTime bounds answerTime.
const maxAnswerTime = 10 * time.Second

// answerTime is how long Stop waits for operations that are under way. libbmq does not
// expect an answer of the broker between being told to stop and stopping: it may end
// the process.
func (s *nativeSession) answerTime() time.Duration {
	return min(s.cfg.DisconnectTimeout/2, maxAnswerTime)
}

// awaitOperations waits until libbmq has answered all operations, and has opened its
// queues again after a reconnection, as long as ctx and answerTime allow; then it cuts
// the connection. While there is none there is nothing to wait for.
func (s *nativeSession) awaitOperations(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.answerTime())
	defer cancel()
	answered := s.allAnswered()
	select {
	case <-answered:
		return
	case <-ctx.Done():
	}
	select {
	case <-answered: // all the same
		return
	default:
	}
	s.cut()
	timeout := time.NewTimer(turnTime)
	defer timeout.Stop()
	select {
	case <-s.allAnswered():
	case <-timeout.C:
	}
}

// allAnswered returns a channel that is closed when there is nothing to wait for.
func (s *nativeSession) allAnswered() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	answered := make(chan struct{})
	if len(s.operations) == 0 && !s.reopening || !s.connected {
		close(answered)
	} else {
		s.answered = answered
	}
	return answered
}

// cutURI is of a queue that no broker has.
const cutURI = "bmq://bmq.no.such.domain/no-such-queue"

// cut has libbmq give the connection up. It has no function for that, but does it when
// the broker lets the opening of a queue time out, as one that does not answer will.
func (s *nativeSession) cut() {
	s.mu.Lock()
	s.lastNumber++
	number := s.lastNumber
	s.mu.Unlock()
	s.ask(&nativeQueue{number: number}, cutURI, time.Millisecond)
}

// turnTime bounds awaitTurn.
const turnTime = time.Second

// awaitTurn waits until libbmq has begun with everything it was asked for. It does so
// on a thread of its own, which must not be at that when it is told to stop: it may
// end the process. What it answers at once in its turn is a second request to open a
// queue that it has.
func (s *nativeSession) awaitTurn() {
	if q := s.anyQueue(); q != nil {
		s.ask(q, q.req.URI.String(), turnTime)
	}
}

// ask asks libbmq to open a queue that nobody wants, and waits for the result.
func (s *nativeSession) ask(q *nativeQueue, uri string, timeout time.Duration) {
	c, err := s.c.NewQueue(q.number)
	if err != nil {
		return
	}
	defer c.Free()
	result := make(chan struct{})
	id := s.begin(q, func(engine.Status) { close(result) })
	if err := c.Open(&cbridge.OpenRequest{Operation: id, URI: uri, Read: true, Timeout: timeout}); err != nil {
		s.finish(id, nativeFailure(err))
	}
	limit := time.NewTimer(turnTime)
	defer limit.Stop()
	select {
	case <-result:
	case <-limit.C:
	}
}

// anyQueue returns a queue that libbmq has, or will have in its turn, nil if there is
// none.
func (s *nativeSession) anyQueue() *nativeQueue {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.operations {
		return o.q
	}
	for _, q := range s.queues {
		if q.opened {
			return q
		}
	}
	return nil
}
