package portable

import (
	"fmt"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// Where an event has more than this, its messages are handed out in several
	// batches, so that the handler can bound the memory of what a small event inflates to.
	maxBatchMessages = 16 << 10
	maxBatchBytes    = 8 << 20
)

// inbound takes a PUSH event apart.
type inbound struct {
	s     *Session
	c     *connection
	lent  *loan // the event's memory; nil: it is nobody's but its messages'
	batch *engine.MessageBatch

	key routeKey // of the last message, and where it went to
	sub *subscription

	unrouted   int // messages for what is not open
	unreadable int // messages that can't be handed out
	first      wire.GUID
	err        error // of the first unreadable one
}

// onPush hands out the messages of a PUSH event, whose memory may be lent. Those behind
// a malformed one are lost with it until the broker delivers them again.
func (s *Session) onPush(c *connection, body []byte, lent *loan) {
	in := inbound{s: s, c: c, lent: lent}
	var (
		m    wire.PushMessage
		room [4]wire.SubscriptionRef
	)
	r := wire.NewPushReader(body)
	for r.Next(&m) {
		refs, err := wire.AppendSubscriptions(room[:0], m.Options)
		if err != nil {
			in.fail(&m.GUID, err)
			continue
		}
		if len(refs) == 0 {
			refs = append(refs, wire.SubscriptionRef{})
		}
		in.take(&m, refs)
	}
	if err := r.Err(); err != nil {
		s.log.Error("ignored the rest of a PUSH event", "error", err)
	}
	in.flush()
	in.report()
	if lent != nil {
		lent.Return()
	}
}

// take hands out one message, once for each subscription that it is for.
func (in *inbound) take(m *wire.PushMessage, refs []wire.SubscriptionRef) {
	var first engine.Message // of several that differ in their subscriptions
	for i, ref := range refs {
		sub := in.route(routeKey{uint32(m.QueueID), ref.ID})
		if sub == nil {
			in.unrouted++
			continue
		}
		out := in.add()
		if first.Data != nil {
			*out = first
		} else if err := unpack(out, m); err != nil { // not sooner: it may be costly
			in.batch.Messages = in.batch.Messages[:len(in.batch.Messages)-1]
			in.fail(&m.GUID, err)
			return
		}
		out.Owner, out.Handle = sub.q.req.Owner, sub.handle
		if i+1 < len(refs) {
			first = *out
		}
		in.batch.Bytes += max(len(out.Data), len(m.Data))
		if len(in.batch.Messages) >= maxBatchMessages || in.batch.Bytes >= maxBatchBytes {
			in.flush()
		}
	}
}

// route returns the subscription that a message is for, which is that of the message
// before it most of the time.
func (in *inbound) route(key routeKey) *subscription {
	if in.sub == nil || in.key != key {
		in.key, in.sub = key, in.s.routes.lookup(key)
	}
	return in.sub
}

// add returns a new message of the batch, to be filled in place.
func (in *inbound) add() *engine.Message {
	if in.batch == nil {
		in.batch = engine.NewMessageBatch()
		if in.lent != nil {
			in.lent.refs.Add(1)
			in.batch.Lent = in.lent
		}
	}
	in.batch.Messages = append(in.batch.Messages, engine.Message{})
	return &in.batch.Messages[len(in.batch.Messages)-1]
}

func (in *inbound) flush() {
	if in.batch == nil {
		return
	}
	if len(in.batch.Messages) == 0 { // what it was for can't be handed out
		in.batch.Release()
		in.batch = nil
		return
	}
	in.s.stats.received.Add(uint64(len(in.batch.Messages)))
	in.c.heartbeat.hold(func() { in.s.handler.OnMessages(in.batch) })
	in.batch = nil
}

func (in *inbound) fail(guid *wire.GUID, err error) {
	if in.unreadable == 0 {
		in.first, in.err = *guid, err
	}
	in.unreadable++
}

// report tells about the messages that were not handed out, all at once: there may
// be very many.
func (in *inbound) report() {
	if in.unrouted > 0 {
		in.s.ignored(in.unrouted)
	}
	if in.unreadable == 0 {
		return
	}
	in.s.log.Error("ignored messages that can't be read", "messages", in.unreadable, "first", in.first, "error", in.err)
	in.s.event(eventError, nil, engine.Status{
		Code: engine.Unknown,
		Text: fmt.Sprintf("%d messages were not delivered, the first of them %v: %v", in.unreadable, in.first, in.err),
	})
}

// ignored tells about messages for queues that are not open. When the session is stopped
// there are some wherever the broker had more to deliver.
func (s *Session) ignored(messages int) {
	s.mu.Lock()
	stopping := s.stopping()
	s.mu.Unlock()
	if stopping {
		s.log.Debug("ignored messages that came while the session was stopped", "messages", messages)
	} else {
		s.logIgnored(s.unrouted.tell(messages))
	}
}

func (s *Session) logIgnored(messages int) {
	if messages > 0 {
		s.log.Warn("ignored messages for queues that are not open", "messages", messages)
	}
}

// unpack takes application data apart. It fails for data that can't be handed out at
// all; where only the properties can't be read, the message says so.
func unpack(out *engine.Message, m *wire.PushMessage) (err error) {
	out.GUID = m.GUID
	data, compressed := m.Data, m.Compression == wire.CompressionZlib
	if m.Flags&wire.FlagProperties != 0 {
		oldStyle := m.Schema == wire.SchemaOldStyle
		if oldStyle && compressed {
			if data, err = wire.Inflate(data, wire.MaxInflatedSize); err != nil {
				return err
			}
			compressed = false
		}
		out.Properties, data, out.PropertiesErr = wire.ParseProperties(data, oldStyle)
		if data == nil {
			return out.PropertiesErr // nobody knows where the payload starts
		}
	}
	if compressed {
		if data, err = wire.Inflate(data, wire.MaxInflatedSize); err != nil {
			return err
		}
	}
	out.Data = data[:len(data):len(data)]
	return nil
}
