package broker

import (
	"slices"

	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// closeQueue handles closeQueue.
func (s *session) closeQueue(id int32, req *ctrl.CloseQueue) {
	p := &req.HandleParameters
	h := s.handles[p.QID]
	switch {
	case p.ReadCount <= 0 && p.WriteCount <= 0 && p.AdminCount <= 0:
		s.refuse(id, status(ctrl.StatusInvalidArgument, 0, "At least one of [read|write|admin]Count must be > 0"))
		return
	case h == nil:
		s.refuse(id, status(ctrl.StatusUnknown, 0, "No queue with specified Id"))
		return
	}
	h.queue.lock()
	defer h.queue.unlock()
	st := h.streamByID(subStream(p).SubID)
	if st == nil {
		s.refuse(id, status(ctrl.StatusUnknown, 0, "No subStream of the queue with specified subId"))
		return
	}
	consistent := (p.Flags&ctrl.QueueFlagRead != 0) == (p.ReadCount > 0) &&
		(p.Flags&ctrl.QueueFlagWrite != 0) == (p.WriteCount > 0) &&
		p.ReadCount >= 0 && p.WriteCount >= 0 && p.AdminCount == 0 &&
		p.ReadCount <= st.reads && p.WriteCount <= st.writes
	if !consistent && !req.IsFinal {
		s.refuse(id, status(ctrl.StatusUnknown, 0, "Failed to release handle."))
		return
	}
	switch {
	case req.IsFinal || h.reads == p.ReadCount && h.writes == p.WriteCount:
		h.queue.releaseAll(h, false)
		s.mu.Lock()
		delete(s.handles, p.QID)
		s.mu.Unlock()
	default:
		h.queue.release(st, p.ReadCount, p.WriteCount)
	}
	s.reply(id, ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}})
}

// release gives back a part of what a stream opened. With its last reader it gives
// back its messages.
func (q *queue) release(st *stream, reads, writes int32) {
	h := st.handle
	st.reads, st.writes = st.reads-reads, st.writes-writes
	h.reads, h.writes = h.reads-reads, h.writes-writes
	if reads > 0 && (st.reads == 0 || len(st.subscriptions) == 0) {
		q.detach(st)
	}
	if st.reads == 0 && st.writes == 0 {
		h.streams = slices.DeleteFunc(h.streams, func(other *stream) bool { return other == st })
	}
}

// releaseAll gives back a handle. Lost says that the client vanished.
func (q *queue) releaseAll(h *handle, lost bool) {
	q.handles = slices.DeleteFunc(q.handles, func(other *handle) bool { return other == h })
	streams := h.streams
	h.streams, h.reads, h.writes = nil, 0, 0
	for _, st := range streams {
		if st.reads == 0 {
			continue
		}
		if lost && st.app.index >= 0 {
			st.app.abandoned(st)
		}
		q.detach(st)
	}
	if len(q.handles) == 0 {
		q.idleSince = q.now()
	}
}

// detach ends a stream as a consumer. What it held goes to the others.
func (q *queue) detach(st *stream) {
	a := st.app
	configured := len(st.subscriptions) > 0
	if a.index >= 0 {
		a.lost(st)
	}
	if st.reads == 0 || !slices.Contains(q.handles, st.handle) {
		st.subscriptions = nil
	}
	if configured {
		a.reconfigure()
	}
	a.deliver()
	q.forget(a)
}

// forget drops an application that the domain does not list when nobody reads it.
func (q *queue) forget(a *app) {
	if a.index >= 0 {
		return
	}
	for _, h := range q.handles {
		if st := h.stream(a.id); st != nil && st.reads > 0 {
			return
		}
	}
	q.strangers = slices.DeleteFunc(q.strangers, func(other *app) bool { return other == a })
}
