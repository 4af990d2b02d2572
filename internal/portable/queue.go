package portable

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// stream is what the queues of one canonical URI share: the number by which the
// broker knows them in this session.
type stream struct {
	qid  uint32
	subs uint32 // the last sub-queue id that was given out
	open int    // queues that the broker was not asked to close
}

// queue implements engine.Queue. Session.mu guards it, except where it says
// otherwise.
type queue struct {
	s      *Session
	req    engine.OpenRequest
	uri    string
	stream *stream
	subID  uint32 // of an application id; 0: none
	state  queueState

	parted bool // from stream: the broker was asked to close it, or never will be

	options     *engine.QueueOptions // in force, or to be when the queue is open
	agreed      *engine.QueueOptions // what the broker agreed to last; nil: to deliver nothing
	late        bool                 // it agreed to what was given up: see restore
	subs        []*subscription      // registered for messages
	request     *request             // of the operation under way
	timer       *time.Timer          // of the operation under way
	openDone    func(engine.Queue, engine.Status)
	closeDone   func(engine.Status)
	configuring *request // a Configure under way
	suspended   bool     // deconfigured, or closed for posts, for bad host health

	gate gate // guarded by outbox.mu
}

// gate is what posts and confirmations have to know about a queue.
type gate struct {
	closed    bool // gone, or going
	suspended bool
	open      bool // opened on the present connection: confirmations can be sent
	broadcast bool
	dedup     time.Duration // how long the broker recognises a repeated post
}

// OpenQueue implements engine.Engine.
func (s *Session) OpenQueue(req engine.OpenRequest, done func(engine.Queue, engine.Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateStarted && s.state != stateReconnecting {
		done(nil, engine.Status{Code: engine.NotConnected, Text: "Not connected"})
		return
	}
	q := &queue{s: s, req: req, uri: req.URI.String(), options: &req.Options, openDone: done}
	q.join()
	q.startTimer(req.Timeout)
	q.step(inOpen, engine.Status{})
}

// join gives the queue its numbers. A number is used once: a queue that is opened
// again after it was closed gets another.
func (q *queue) join() {
	s := q.s
	canonical := q.req.URI.Canonical()
	q.stream = s.streams[canonical]
	if q.stream == nil {
		q.stream = &stream{qid: s.lastQID}
		s.lastQID++
		s.streams[canonical] = q.stream
	}
	q.stream.open++
	if q.req.URI.AppID != "" {
		q.stream.subs++
		q.subID = q.stream.subs
	}
	s.queues = append(s.queues, q)
}

// leave takes the queue out of the session.
func (q *queue) leave() {
	s := q.s
	q.stopTimer()
	q.unregister()
	q.forgetRequest()
	if i := slices.Index(s.queues, q); i >= 0 {
		s.queues = slices.Delete(s.queues, i, i+1)
	}
	q.part()
	if r := q.configuring; r != nil {
		s.unkeep(r)
		r.end(engine.Status{Code: engine.ConfigureInvalidQueue, Text: "the queue was closed"})
	}
	s.health.left(s, q)
}

// part takes the queue out of its stream. It answers true for the last one, with which
// the stream's number ends.
func (q *queue) part() (last bool) {
	if q.parted {
		return false
	}
	q.parted = true
	q.stream.open--
	if q.stream.open > 0 {
		return false
	}
	delete(q.s.streams, q.req.URI.Canonical())
	return true
}

// startTimer begins an operation with a timeout, whatever steps it takes.
func (q *queue) startTimer(timeout time.Duration) {
	q.stopTimer()
	var t *time.Timer
	t = time.AfterFunc(timeout, func() {
		q.s.mu.Lock()
		defer q.s.mu.Unlock()
		if q.timer == t {
			q.step(inTimeout, engine.Status{Code: engine.Timeout, Text: fmt.Sprintf("no answer within %v", timeout)})
		}
	})
	q.timer = t
}

func (q *queue) stopTimer() {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
}

// handleParameters are how openQueue and closeQueue name the queue.
func (q *queue) handleParameters() ctrl.QueueHandleParameters {
	p := ctrl.QueueHandleParameters{URI: q.uri, QID: q.stream.qid, SubIDInfo: q.subIDInfo()}
	if q.req.Read {
		p.Flags |= ctrl.QueueFlagRead
		p.ReadCount = 1
	}
	if q.req.Write {
		p.Flags |= ctrl.QueueFlagWrite
		p.WriteCount = 1
	}
	return p
}

func (q *queue) subIDInfo() *ctrl.SubQueueIDInfo {
	if q.subID == 0 {
		return nil
	}
	return &ctrl.SubQueueIDInfo{SubID: q.subID, AppID: q.req.URI.AppID}
}

// sendOpen begins opening.
func (q *queue) sendOpen(engine.Status) {
	q.request = q.openRequest()
	if q.s.restored && q.s.state == stateStarted {
		q.s.transmit(q.request)
		return
	}
	q.s.kept = append(q.s.kept, q.request)
}

func (q *queue) openRequest() *request {
	return &request{kind: requestOpen, q: q, msg: ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: q.handleParameters()}}}
}

// keepOpening has the request sent again when the connection is back, under the
// number it had if it was not answered yet.
func (q *queue) keepOpening(engine.Status) {
	if slices.Contains(q.s.kept, q.request) {
		return
	}
	if q.request.kind != requestOpen {
		q.request = q.openRequest()
	}
	q.s.kept = append(q.s.kept, q.request)
}

func (q *queue) sendReopen(engine.Status) {
	q.startTimer(q.s.cfg.OpenQueueTimeout)
	q.request = q.openRequest()
	q.s.transmit(q.request)
}

// answeredOpen takes the broker's agreement to openQueue.
func (q *queue) answeredOpen(resp *ctrl.OpenQueueResponse) {
	broadcast := resp.RoutingConfiguration.Flags&ctrl.RoutingAtMostOnce != 0
	dedup := time.Duration(resp.DeduplicationTimeMs) * time.Millisecond
	q.s.out.changeGate(q, func(g *gate) { g.broadcast, g.dedup = broadcast, dedup })
	if q.req.Read && !q.s.health.suspends(q) {
		q.step(inOpenedToRead, engine.Status{})
		return
	}
	q.step(inOpenedToUse, engine.Status{})
}

func (q *queue) sendConfigure(engine.Status) {
	if st := q.checkSupported(q.options); !st.OK() {
		q.step(inConfigureFailed, st)
		return
	}
	q.request = q.configureRequest(requestConfigure, q.options)
	q.s.transmit(q.request)
}

func (q *queue) opened(engine.Status) {
	q.inUse()
	q.s.health.joined(q.s, q, false)
	q.openDone(q, engine.Status{})
	q.openDone = nil
}

func (q *queue) reopened(engine.Status) {
	q.inUse()
	q.s.event(eventQueueReopenResult, q.req.Owner, engine.Status{})
	q.s.health.joined(q.s, q, true)
	q.s.reopenEnded()
}

func (q *queue) inUse() {
	q.stopTimer()
	q.request = nil
	q.s.out.changeGate(q, func(g *gate) { g.open = true })
}

// openFailed reports that the queue was not opened.
func (q *queue) openFailed(st engine.Status) {
	q.s.unkeep(q.request)
	q.leave()
	q.openDone(nil, st)
	q.openDone = nil
}

// openUndone closes a queue that the broker opened but would not configure.
func (q *queue) openUndone(st engine.Status) {
	q.undo()
	q.openFailed(st)
}

func (q *queue) undo() {
	q.s.transmit(&request{kind: requestUndo, q: q, msg: ctrl.Choice{CloseQueue: q.closeMessage()}})
}

// openTimedOut gives up a queue. The broker may open it yet, unless it was not asked.
func (q *queue) openTimedOut(st engine.Status) {
	asked := q.s.requests[q.request.rid] == q.request
	q.openFailed(st)
	if asked {
		q.s.dropConnection("opening a queue timed out: " + q.uri)
	}
}

// interrupted is a queue whose connection is gone.
func (q *queue) interrupted(engine.Status) {
	q.stopTimer()
	q.unregister()
	q.request, q.agreed, q.late = nil, nil, false
	q.s.out.changeGate(q, func(g *gate) { g.open = false })
}

func (q *queue) reopenFailed(st engine.Status) {
	q.leave()
	q.s.out.fail(q)
	q.s.event(eventQueueReopenResult, q.req.Owner, st)
	q.s.reopenEnded()
}

func (q *queue) reopenUndone(st engine.Status) {
	q.undo()
	q.reopenFailed(st)
}

// reopenTimedOut tries again on another connection.
func (q *queue) reopenTimedOut(engine.Status) {
	q.stopTimer()
	q.s.dropConnection("opening a queue again timed out: " + q.uri)
}

// dropped is an open queue of a session that stops.
func (q *queue) dropped(engine.Status) { q.leave() }

// Close implements engine.Queue.
func (q *queue) Close(timeout time.Duration, done func(engine.Status)) {
	s := q.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping():
		done(stopped)
		return
	case q.state == queueClosed:
		done(engine.Status{Code: engine.CloseAlreadyClosed, Text: "the queue is closed already"})
		return
	case q.closeDone != nil:
		done(engine.Status{Code: engine.CloseAlreadyInProgress})
		return
	}
	q.closeDone = done
	s.out.changeGate(q, func(g *gate) { g.closed = true })
	reopening := q.state == queueReopening || q.state == queueReopenConfiguring
	q.startTimer(timeout)
	if q.state == queueOpened && (len(q.subs) > 0 || q.configuring != nil || s.health.pending[q] != nil) {
		q.step(inCloseDelivering, engine.Status{})
	} else {
		q.step(inClose, engine.Status{})
	}
	if reopening {
		s.reopenEnded()
	}
}

func (q *queue) sendDeconfigure(engine.Status) {
	q.request = q.configureRequest(requestDeconfigure, nil)
	q.s.transmit(q.request)
}

func (q *queue) closeMessage() *ctrl.CloseQueue {
	return &ctrl.CloseQueue{HandleParameters: q.handleParameters(), IsFinal: q.part()}
}

func (q *queue) sendClose(engine.Status) {
	q.forgetRequest()
	q.unregister()
	q.request = &request{kind: requestClose, q: q, msg: ctrl.Choice{CloseQueue: q.closeMessage()}}
	q.s.transmit(q.request)
}

// closed ends the queue; posts that have no ack get one first.
func (q *queue) closed(st engine.Status) {
	q.leave()
	q.s.out.fail(q)
	q.closeDone(st)
	q.closeDone = nil
}

func (q *queue) closeTimedOut(st engine.Status) {
	q.closed(st)
	q.s.dropConnection("closing a queue timed out: " + q.uri)
}

// closeCanceled is a close whose answer can't come any more; the queue is gone with
// its connection all the same.
func (q *queue) closeCanceled(engine.Status) {
	q.closed(engine.Status{Code: engine.Canceled, Text: "The request was canceled [reason: connection was lost]"})
}

// Post implements engine.Queue.
func (q *queue) Post(ctx context.Context, put engine.Put) engine.Status {
	return q.s.out.post(ctx, q, &put)
}

// Confirm implements engine.Queue.
func (q *queue) Confirm(guid wire.GUID) engine.Status {
	return q.ConfirmBatch([]wire.GUID{guid})
}

// ConfirmBatch implements engine.Queue.
func (q *queue) ConfirmBatch(guids []wire.GUID) engine.Status {
	if !q.req.Read {
		return engine.Status{Code: engine.InvalidArgument, Text: "the queue is not open for reading"}
	}
	return q.s.out.confirm(q, guids)
}
