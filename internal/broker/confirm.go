package broker

import "github.com/bmq-go/bmq/internal/wire"

// confirmEvent handles a CONFIRM event. What can't be confirmed is ignored.
func (s *session) confirmEvent(body []byte) {
	reader, err := wire.NewConfirmReader(body)
	if err != nil {
		s.warn("a CONFIRM event was dropped", err)
		return
	}
	var c wire.Confirm
	var h *handle // whose queue is locked
	for reader.Next(&c) {
		to := s.handles[uint32(c.QueueID)]
		if to == nil {
			continue
		}
		if to != h {
			if h != nil {
				h.queue.unlock()
			}
			h = to
			h.queue.lock()
		}
		h.confirm(c.GUID, c.SubQueueID)
	}
	if h != nil {
		h.queue.unlock()
	}
}

// confirm is done with a message for the application that has subID. A message
// that was never delivered to this client is confirmed as well: it may have been
// before the broker restarted.
func (h *handle) confirm(g wire.GUID, subID uint32) {
	q, st := h.queue, h.streamByID(subID)
	if st == nil || st.app == nil || q.domain.config().Mode == Broadcast {
		return
	}
	a := st.app
	m, v, p := q.lookup(g, a)
	if v == nil {
		if o, ok := st.orphans[g]; ok {
			delete(st.orphans, g)
			st.finish(o.holder, o.size, g)
		}
		return
	}
	q.counters.Confirmed++
	holder, size := v.holder, len(m.data)
	if holder != nil && holder.stream != st {
		// Its client may confirm it as well; until then it stays in that one's window.
		a.orphan(m, v)
		holder = nil
	}
	a.confirm(p, m, v)
	if holder != nil {
		st.trim(q.store)
		st.finish(holder, size, g)
	}
}

// finish takes a confirmed message from its window, and goes on delivering where
// that opened it or ended a pause.
func (st *stream) finish(s *subscription, size int, g wire.GUID) {
	if st.release(s, size) {
		st.app.deliver()
	}
	st.app.endPause(st, g)
}

// lookup finds a message that an application has yet to confirm. It answers a nil
// view if there is none.
func (q *queue) lookup(g wire.GUID, a *app) (*message, *view, position) {
	p := q.store.find(g)
	if p == none {
		return nil, nil, none
	}
	v := q.store.view(p, a.index)
	if v == nil || v.done {
		return nil, nil, none
	}
	return q.store.at(p), v, p
}
