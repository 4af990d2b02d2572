package portable

import (
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// onAck hands out the answers to posts.
func (s *Session) onAck(body []byte) {
	r, err := wire.NewAckReader(body)
	if err != nil {
		s.log.Error("ignored an ACK event", "error", err)
		return
	}
	s.stats.acks.Add(uint64(r.Len()))
	refused := s.out.acked(&r)
	s.stats.nacks.Add(refused.all)
	if refused.unheard > 0 {
		s.unheardAck = refused.first
		s.logRefused(s.unheard.tell(refused.unheard))
	}
}

func (s *Session) logRefused(messages int) {
	if messages > 0 {
		s.log.Warn("the broker refused messages whose acks nobody waits for", "messages", messages,
			"one of them", s.unheardAck.GUID, "its status", ackCode(s.unheardAck.Status))
	}
}

// refusals are what an ACK event says of posts that the broker did not take.
type refusals struct {
	all     uint64
	unheard int      // of posts that nobody waits for: only the log can tell
	first   wire.Ack // of those
}

// acked takes the posts that an ACK event answers.
func (o *outbox) acked(r *wire.AckReader) (refused refusals) {
	batch := engine.NewAckBatch()
	o.mu.Lock()
	defer o.mu.Unlock()
	var a wire.Ack
	for r.Next(&a) {
		p := o.pending.find(&a.GUID)
		if a.Status != wire.AckSuccess {
			refused.all++
			if p == nil || !p.wantAck {
				if refused.unheard == 0 {
					refused.first = a
				}
				refused.unheard++
			}
		}
		if p == nil {
			continue
		}
		if p.wantAck {
			batch.Acks = append(batch.Acks, engine.Ack{Owner: p.q.req.Owner, Cookie: p.cookie, GUID: a.GUID, Status: ackCode(a.Status)})
		}
		o.forget(p)
	}
	o.answer(batch)
	return refused
}

// answer hands acks of posts that were forgotten to the handler, before those who wait
// for that learn of it.
func (o *outbox) answer(batch *engine.AckBatch) {
	if len(batch.Acks) > 0 {
		o.s.handler.OnAcks(batch)
	} else {
		batch.Release()
	}
	o.forgot()
}

// ackCode is the SDK's number for a status on the wire.
func ackCode(st wire.AckStatus) engine.Code {
	switch st {
	case wire.AckSuccess:
		return engine.Success
	case wire.AckLimitMessages:
		return engine.AckLimitMessages
	case wire.AckLimitBytes:
		return engine.AckLimitBytes
	case wire.AckStorageFailure:
		return engine.AckStorageFailure
	case wire.AckNotReady:
		return engine.NotReady
	}
	return engine.Unknown
}
