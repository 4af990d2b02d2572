package portable

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// serve reads from a connection until it is over, and says why it is.
func (s *Session) serve(c *connection) error {
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.out.write(c)
	}()
	h := startHeartbeat(s, c)
	s.scheduleReauthentication(c)
	err := s.read(c, h)
	c.close(err)
	h.stop()
	if c.reauthentication != nil {
		c.reauthentication.Stop()
	}
	s.out.interrupt()
	<-written
	return c.cause
}

func (s *Session) read(c *connection, h *heartbeat) error {
	for {
		frame, err := c.reader.Next()
		if err != nil {
			return err
		}
		h.received.Store(true)
		s.stats.eventsIn.Add(1)
		ev, err := wire.ParseEvent(frame)
		if err != nil {
			s.log.Error("ignored an event", "error", err)
			continue
		}
		switch ev.Type {
		case wire.EventPush:
			c.reader.Keep()
			s.onPush(ev.Body)
		case wire.EventAck:
			s.onAck(ev.Body)
		case wire.EventControl:
			s.onControl(ev.Body, ev.Encoding)
		case wire.EventAuthentication:
			s.onAuthentication(c, ev.Body, ev.Encoding)
		case wire.EventHeartbeatReq:
			s.out.controlOn(c, wire.HeartbeatRsp)
		case wire.EventHeartbeatRsp:
			s.ponged()
		default:
			s.log.Error("ignored an event of a type that is not for clients", "type", ev.Type)
		}
	}
}

// onPush hands out the messages of a PUSH event. Those behind a malformed one are
// lost with it until the broker delivers them again.
func (s *Session) onPush(body []byte) {
	batch := engine.NewMessageBatch()
	var (
		m    wire.PushMessage
		refs []wire.SubscriptionRef
		room [4]wire.SubscriptionRef
	)
	r := wire.NewPushReader(body)
	for r.Next(&m) {
		var err error
		if refs, err = wire.AppendSubscriptions(room[:0], m.Options); err != nil {
			s.log.Error("ignored a message", "guid", m.GUID, "error", err)
			continue
		}
		if len(refs) == 0 {
			refs = append(refs, wire.SubscriptionRef{})
		}
		out := engine.Message{GUID: m.GUID}
		if !s.unpack(&out, &m) {
			continue
		}
		for _, ref := range refs {
			sub := s.routes.lookup(uint32(m.QueueID), ref.ID)
			if sub == nil {
				s.log.Warn("ignored a message for a queue that is not open", "guid", m.GUID, "queue", m.QueueID, "subscription", ref.ID)
				continue
			}
			out.Owner, out.Handle = sub.q.req.Owner, sub.handle
			batch.Messages = append(batch.Messages, out)
			batch.Bytes += len(m.Data)
		}
	}
	if err := r.Err(); err != nil {
		s.log.Error("ignored the rest of a PUSH event", "error", err)
	}
	if len(batch.Messages) == 0 {
		batch.Release()
		return
	}
	s.stats.received.Add(uint64(len(batch.Messages)))
	s.handler.OnMessages(batch)
}

// unpack takes application data apart. It answers false for data that can't be
// handed out at all.
func (s *Session) unpack(out *engine.Message, m *wire.PushMessage) bool {
	data, compressed := m.Data, m.Compression == wire.CompressionZlib
	var err error
	if m.Flags&wire.FlagProperties != 0 {
		oldStyle := m.Schema == wire.SchemaOldStyle
		if oldStyle && compressed {
			if data, err = wire.Inflate(data, wire.MaxInflatedSize); err != nil {
				return s.unreadable(m, err)
			}
			compressed = false
		}
		var payload []byte
		out.Properties, payload, out.PropertiesErr = wire.ParseProperties(data, oldStyle)
		data = payload
	}
	if compressed {
		if data, err = wire.Inflate(data, wire.MaxInflatedSize); err != nil {
			return s.unreadable(m, err)
		}
	}
	out.Data = data[:len(data):len(data)]
	return true
}

func (s *Session) unreadable(m *wire.PushMessage, err error) bool {
	s.log.Error("ignored a message that can't be decompressed", "guid", m.GUID, "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.event(eventError, nil, engine.Status{
		Code: engine.Unknown, Text: "message " + m.GUID.String() + " was not delivered: " + err.Error(),
	})
	return false
}

// onAck hands out the answers to posts.
func (s *Session) onAck(body []byte) {
	r, err := wire.NewAckReader(body)
	if err != nil {
		s.log.Error("ignored an ACK event", "error", err)
		return
	}
	s.stats.acks.Add(uint64(r.Len()))
	batch := engine.NewAckBatch()
	s.stats.nacks.Add(s.out.acked(&r, batch))
	s.deliverAcks(batch)
}

func (s *Session) deliverAcks(batch *engine.AckBatch) {
	if len(batch.Acks) == 0 {
		batch.Release()
		return
	}
	s.handler.OnAcks(batch)
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

// heartbeat notices that nothing comes from the broker any more: an interval without
// an event has it asked for a sign of life, one more than the broker allows ends
// the connection.
type heartbeat struct {
	s        *Session
	c        *connection
	received atomic.Bool
	missed   int
	ticker   *time.Ticker
	done     chan struct{}
}

func startHeartbeat(s *Session, c *connection) *heartbeat {
	h := &heartbeat{s: s, c: c}
	if c.maxMissedHeartbeats <= 0 || c.heartbeatInterval <= 0 {
		return h
	}
	h.ticker = time.NewTicker(c.heartbeatInterval)
	h.done = make(chan struct{})
	go h.run()
	return h
}

func (h *heartbeat) run() {
	defer close(h.done)
	for {
		select {
		case <-h.ticker.C:
			h.tick()
		case <-h.c.closed:
			return
		}
	}
}

func (h *heartbeat) tick() {
	switch {
	case h.received.Swap(false):
		h.missed = 0
	case h.missed < h.c.maxMissedHeartbeats:
		h.missed++
		h.s.out.controlOn(h.c, wire.HeartbeatReq)
	default:
		h.c.close(errors.New("the broker sends nothing any more"))
	}
}

// stop ends the heartbeat of a connection that is closed.
func (h *heartbeat) stop() {
	if h.ticker != nil {
		h.ticker.Stop()
		<-h.done
	}
}
