package broker

import (
	"log/slog"

	"github.com/bmq-go/bmq/internal/wire"
)

// putEvent handles a PUT event. Messages for one queue that follow each other are
// posted under one lock of it, and their ACKs go out together, ahead of what the
// posts make deliverable.
func (s *session) putEvent(body []byte) {
	var m wire.PutMessage
	var h *handle // whose queue is locked
	reader := wire.NewPutReader(body)
	done := func() {
		s.flushAcks()
		if h != nil {
			h.queue.deliverNew()
			h.queue.unlock()
			h = nil
		}
	}
	for reader.Next(&m) {
		data, err := normalize(&m)
		if err != nil {
			s.warn("the rest of a PUT event was dropped", err)
			break
		}
		to := s.handles[uint32(m.QueueID)]
		if to != h || h == nil {
			done()
			if h = to; h != nil {
				h.queue.lock()
			}
		}
		s.post(h, &m, data)
	}
	done()
	if err := reader.Err(); err != nil {
		s.warn("the rest of a PUT event was dropped", err)
	}
}

// flushAcks sends the ACKs that the event has brought so far.
func (s *session) flushAcks() {
	if len(s.acks) > 0 {
		s.out.acks(s.acks)
		s.acks = s.acks[:0]
	}
}

// post handles one message for a queue that is locked, or for none if h is nil.
func (s *session) post(h *handle, m *wire.PutMessage, data []byte) {
	ack := wire.Ack{GUID: m.GUID, QueueID: m.QueueID}
	wanted := m.Flags&wire.FlagAckRequested != 0
	if !s.ownGUIDs {
		ack.CorrelationID, ack.GUID = m.CorrelationID(), wire.GUID{}
		wanted = ack.CorrelationID != 0
	}
	if s.broker.faults.any() {
		if failed, settled := s.postFault(h); settled {
			if ack.Status = failed; failed != wire.AckSuccess {
				s.acks = append(s.acks, ack)
			}
			return
		}
	}
	switch {
	case h == nil || s.ownGUIDs && m.GUID.IsZero():
		ack.Status = wire.AckUnknown
	case h.writes == 0:
		// A broadcast is ACKed before anybody asks whether it may be posted.
		if h.queue.domain.config().Mode != Broadcast {
			ack.Status = wire.AckUnknown
		}
	default:
		if !s.ownGUIDs {
			m.GUID = h.queue.newGUID()
			ack.GUID = m.GUID
		}
		ack.Status = h.queue.post(h, m, data)
	}
	if ack.Status != wire.AckSuccess || wanted {
		s.acks = append(s.acks, ack)
	}
}

// newGUID makes a GUID for a message whose producer makes none.
func (q *queue) newGUID() wire.GUID {
	if q.guids == nil {
		q.guids = q.domain.broker.newGUIDs()
	}
	g, _ := q.guids.Next()
	return g
}

// post stores a message, or hands it to all consumers of a broadcast queue. It
// does not keep data.
func (q *queue) post(h *handle, in *wire.PutMessage, data []byte) wire.AckStatus {
	config := q.domain.config()
	m := message{guid: in.GUID, data: data, flags: in.Flags & wire.FlagProperties, compression: in.Compression}
	m.schema, m.generation = h.producer.translate(&q.schemas, in.Schema)
	if config.Mode == Broadcast {
		q.posted(len(data))
		q.broadcast(&m)
		return wire.AckSuccess
	}
	m.arrived = q.now()
	if q.store.seen(m.guid, m.arrived) {
		q.counters.Duplicates++
		return wire.AckSuccess
	}
	skipped := q.unwanted(&m)
	if len(skipped) == len(q.apps) {
		q.posted(len(data))
		return wire.AckSuccess
	}
	if failed := q.overLimit(config); failed != wire.AckSuccess {
		q.log(slog.LevelDebug, "a post was refused: the queue or its domain is full", slog.Int("status", int(failed)))
		q.counters.Refused++
		return failed
	}
	q.posted(len(data))
	p := q.store.add(m, uint8(config.MaxDeliveryAttempts))
	q.domain.usage.add(1, int64(len(data)))
	for _, a := range q.apps {
		a.messages++
		a.bytes += int64(len(data))
	}
	for _, a := range skipped {
		a.confirm(p, q.store.at(p), q.store.view(p, a.index))
	}
	q.armExpiry(m.arrived)
	return wire.AckSuccess
}

func (q *queue) posted(size int) {
	q.counters.Posted++
	q.counters.PostedBytes += int64(size)
}

// unwanted lists the applications that get no copy of a message: those that the
// domain lists no more, and those whose subscription in the domain does not match.
func (q *queue) unwanted(m *message) (list []*app) {
	for _, a := range q.apps {
		if !a.authorized || !a.filter.match(m, &q.properties) {
			list = append(list, a)
		}
	}
	q.properties.done()
	return list
}

// overLimit tells which limit the queue or its domain already exceeds.
func (q *queue) overLimit(c *Domain) wire.AckStatus {
	if s := over(q.store.count, q.store.bytes, c.QueueMessages, c.QueueBytes); s != wire.AckSuccess {
		return s
	}
	u := &q.domain.usage
	return over(u.messages.Load(), u.bytes.Load(), c.DomainMessages, c.DomainBytes)
}

// deliverNew gives out what was posted.
func (q *queue) deliverNew() {
	if q.cursor < q.store.next {
		q.advance()
	}
}

// broadcast hands a message to every consumer that is there. Nothing is kept, and
// what a consumer is too slow for is lost to it.
func (q *queue) broadcast(m *message) {
	a := q.apps[0]
	if !a.filter.match(m, &q.properties) {
		q.properties.done()
		return
	}
	for _, st := range a.routing.consumers {
		out := st.handle.session.out
		if out.exceeds(out.queued.Load(), q.domain.broker.maxBroadcast) {
			q.log(slog.LevelWarn, "a consumer is too slow: it lost a broadcast message",
				slog.String("client", st.handle.session.name))
			q.counters.Lost++
			continue
		}
		if s := a.routing.forStream(st, m, &q.properties); s != nil {
			q.push(m, 0, st, s.id)
		}
	}
	q.properties.done()
}
