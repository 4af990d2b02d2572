package portable

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

type requestKind uint8

const (
	requestOpen        requestKind = iota // of opening and reopening
	requestConfigure                      // of opening and reopening
	requestReconfigure                    // of Configure
	requestRestore                        // after a Configure that was given up
	requestDeconfigure                    // of closing
	requestClose                          // of closing
	requestUndo                           // closes what was opened in vain
	requestSuspend
	requestResume
	requestDisconnect
)

// request is a control message that the broker answers.
type request struct {
	kind    requestKind
	rid     int32 // 0: not sent yet
	q       *queue
	msg     ctrl.Choice
	options *engine.QueueOptions // what the broker is to deliver; nil: nothing
	subs    []*subscription      // to be registered when the broker agrees
	done    func(engine.Status)  // of requestReconfigure
	timer   *time.Timer
	expired bool // nobody waits any more
}

// transmit sends a request, again under the number it had.
func (s *Session) transmit(r *request) {
	if r.rid == 0 {
		s.lastRID++
		r.rid = s.lastRID
	}
	s.requests[r.rid] = r
	s.out.control(ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.ControlMessage{RID: &r.rid, Choice: r.msg}))
}

// end ends a request that was answered, or will not be any more, and tells whoever
// waits for it.
func (r *request) end(st engine.Status) {
	if r.q != nil && r.q.configuring == r {
		r.q.configuring = nil
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	if done := r.done; done != nil {
		r.done = nil
		done(st)
	}
}

// forgetRequest has the answer to the request under way ignored.
func (q *queue) forgetRequest() {
	if q.request != nil {
		delete(q.s.requests, q.request.rid)
		q.request = nil
	}
}

// unkeep takes a request off those that wait for a connection.
func (s *Session) unkeep(r *request) {
	s.kept = slices.DeleteFunc(s.kept, func(other *request) bool { return other == r })
}

// sortedRequests returns requests in the order in which they were made.
func sortedRequests(m map[int32]*request) []*request {
	list := make([]*request, 0, len(m))
	for _, r := range m {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *request) int { return int(a.rid - b.rid) })
	return list
}

// onControl takes a control message of the broker. Only answers are expected.
func (s *Session) onControl(body []byte, e wire.Encoding) {
	var msg ctrl.ControlMessage
	if err := ctrl.Decode(body, e, &msg); err != nil {
		s.log.Error("ignored a control message", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if msg.RID == nil || s.requests[*msg.RID] == nil {
		level := slog.LevelWarn
		if s.stopping() { // Stop forgot the requests that were under way
			level = slog.LevelDebug
		}
		s.log.Log(context.Background(), level, "ignored a control message that answers no request")
		return
	}
	r := s.requests[*msg.RID]
	delete(s.requests, r.rid)
	s.answered(r, &msg.Choice)
}

// answered takes the answer to a request, which is a failure, or the response of
// the request's kind.
func (s *Session) answered(r *request, c *ctrl.Choice) {
	st := engine.Status{}
	if c.Status != nil {
		st = requestStatus(r.kind, c.Status)
	}
	q := r.q
	switch r.kind {
	case requestOpen:
		switch {
		case c.OpenQueueResponse != nil:
			q.answeredOpen(c.OpenQueueResponse)
		default:
			q.step(inOpenFailed, orUnexpected(st))
		}
	case requestConfigure, requestDeconfigure, requestReconfigure, requestRestore, requestSuspend, requestResume:
		s.answeredConfigure(r, c, st)
	case requestClose:
		if c.CloseQueueResponse == nil {
			st = orUnexpected(st)
		}
		q.step(inCloseAnswered, st)
	case requestUndo:
	case requestDisconnect:
		s.cutShort(engine.Status{})
	}
}

func (s *Session) answeredConfigure(r *request, c *ctrl.Choice, st engine.Status) {
	q := r.q
	if c.ConfigureStreamResponse == nil && c.ConfigureQueueStreamResponse == nil {
		st = orUnexpected(st)
	}
	if st.OK() && q.state != queueClosed && q.state != queueClosing {
		q.register(r.subs)
		q.agreed = r.options
	}
	switch r.kind {
	case requestReconfigure:
		q.answeredReconfigure(r, st)
	case requestRestore:
	case requestSuspend, requestResume:
		s.health.answered(s, r, st)
	default:
		on := inConfigured
		if !st.OK() {
			on = inConfigureFailed
		}
		q.step(on, st)
	}
	q.restore()
}

// orUnexpected makes a failure of an answer that is neither.
func orUnexpected(st engine.Status) engine.Status {
	if st.OK() {
		return engine.Status{Code: engine.Unknown, Text: "the broker's answer is not one to the request"}
	}
	return st
}

// requestStatus reads the broker's failure as upstream's client does: the code if
// the operation knows it, else the category.
func requestStatus(kind requestKind, s *ctrl.Status) engine.Status {
	code := engine.Code(s.Code)
	known := code <= engine.Timeout && code >= engine.NotReady
	switch kind {
	case requestOpen:
		known = known || code == engine.OpenAlreadyOpened || code == engine.OpenAlreadyInProgress ||
			code <= engine.OpenInvalidURI && code >= engine.OpenCorrelationIDNotUnique
	case requestClose, requestUndo:
		known = known || code == engine.CloseAlreadyClosed || code == engine.CloseAlreadyInProgress ||
			code == engine.CloseUnknownQueue || code == engine.CloseInvalidQueue
	default:
		known = known || code == engine.ConfigureAlreadyInProgress || code == engine.ConfigureInvalidQueue
	}
	if !known {
		code = engine.Code(s.Category)
	}
	return orUnexpected(engine.Status{Code: code, Text: s.Message})
}
