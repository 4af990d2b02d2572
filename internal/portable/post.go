package portable

import (
	"context"
	"sync"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// scratch is memory for what a post has to be turned into before it is copied.
type scratch struct{ area, zip []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch is how much of it is kept for the next post.
const maxScratch = 256 << 10

func (s *scratch) free() {
	if cap(s.area) <= maxScratch && cap(s.zip) <= maxScratch {
		s.area, s.zip = s.area[:0], s.zip[:0]
		scratches.Put(s)
	}
}

// packed is a message ready to be written: area and payload together are its
// application data.
type packed struct {
	header  wire.PutHeader
	area    []byte
	payload []byte
}

func (p *packed) size() int { return wire.PutSize(len(p.area) + len(p.payload)) }

// pack encodes properties and compresses, in the style that the broker knows.
func pack(put *engine.Put, oldStyle bool, s *scratch) packed {
	p := packed{payload: put.Payload}
	if put.WantAck {
		p.header.Flags = wire.FlagAckRequested
	}
	if len(put.Properties) > 0 {
		p.header.Flags |= wire.FlagProperties
		s.area = wire.AppendProperties(s.area[:0], put.Properties, oldStyle)
		p.area = s.area
		if !oldStyle {
			p.header.Schema = wire.SchemaNone
		}
	}
	if put.Compression == wire.CompressionZlib {
		if oldStyle && len(p.area) > 0 {
			// Old style: properties and payload are compressed together.
			s.area = append(s.area, p.payload...)
			p.area, p.payload = nil, s.area
		}
		var smaller bool
		if s.zip, smaller = wire.Deflate(s.zip[:0], p.payload); smaller {
			p.payload, p.header.Compression = s.zip, wire.CompressionZlib
		}
	}
	if len(p.area) > 0 {
		p.header.CRC = wire.UpdateChecksum(wire.Checksum(p.area), p.payload)
	} else {
		p.header.CRC = wire.Checksum(p.payload)
	}
	return p
}

// post takes a message over.
func (o *outbox) post(ctx context.Context, q *queue, put *engine.Put) engine.Status {
	var p packed
	if len(put.Properties) > 0 || put.Compression != wire.CompressionNone {
		s := scratches.Get().(*scratch)
		defer s.free()
		p = pack(put, o.oldStyle(), s)
	} else {
		p = pack(put, false, nil)
	}
	if len(p.area)+len(p.payload) > wire.MaxPayloadSize {
		return engine.Status{Code: engine.PackPayloadTooBig, Packing: true}
	}
	size := int64(p.size())
	o.mu.Lock()
	defer o.mu.Unlock()
	if st := o.admit(ctx, q, size); !st.OK() {
		return st
	}
	p.header.QueueID = int32(q.stream.qid)
	p.header.GUID, _ = o.guids.Next()
	if o.live {
		o.extend(wire.EventPut, int(size))
	}
	from := o.reserve(int(size))
	b := wire.AppendPutHeader(o.current.buf, &p.header, 0, len(p.area)+len(p.payload))
	b = append(b, p.area...)
	b = append(b, p.payload...)
	o.current.buf = wire.AppendPadding(b, len(p.area)+len(p.payload))
	o.current.refs++
	o.pending.add(post{q: q, cookie: put.Cookie, c: o.current, from: from, to: len(o.current.buf), wantAck: put.WantAck})
	o.pendingBytes += size
	o.stats.posted++
	if !put.WantAck {
		o.forgettable++
	}
	if o.live {
		o.append(o.current, from, len(o.current.buf))
		o.markPosts()
		o.signal()
		if o.unsent >= o.s.cfg.ChannelHighWatermark-controlReserve && !o.choked {
			o.choked = true
			o.s.event(eventChannelHighWatermark, nil, engine.Status{})
		}
	}
	return engine.Status{}
}

// oldStyle tells how the broker wants properties. Without a connection nobody
// knows; resume adapts what was guessed wrong.
func (o *outbox) oldStyle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.conn != nil && !o.conn.propertiesEx
}

// admit waits until a post of size bytes may be taken over. It is called with the
// lock held, which it gives up while it waits.
func (o *outbox) admit(ctx context.Context, q *queue, size int64) engine.Status {
	var timeout <-chan time.Time
	for {
		switch {
		case o.ended || q.gate.closed:
			return engine.Status{Code: engine.PackQueueInvalid, Packing: true}
		case q.gate.suspended:
			return engine.Status{Code: engine.PackQueueSuspended, Packing: true}
		case o.hasRoom(size):
			return engine.Status{}
		case o.s.cfg.ChannelWriteTimeout == 0:
			return engine.Status{Code: engine.PostBWLimit}
		}
		if timeout == nil {
			timer := time.NewTimer(o.s.cfg.ChannelWriteTimeout)
			defer timer.Stop()
			timeout = timer.C
			defer o.s.handler.Awaiting()()
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		st := engine.Status{}
		select {
		case <-room:
		case <-timeout:
			st.Code = engine.PostBWLimit
		case <-ctx.Done():
			st.Code = engine.Canceled
		}
		o.mu.Lock()
		if !st.OK() {
			return st
		}
	}
}

func (o *outbox) hasRoom(size int64) bool {
	limit := o.s.cfg.MaxPendingBytes
	return !o.choked && (limit == 0 || o.pendingBytes == 0 || o.pendingBytes+size <= limit)
}

func (o *outbox) unchoke() {
	if o.choked {
		o.choked = false
		o.s.event(eventChannelLowWatermark, nil, engine.Status{})
		o.wakeWaiters()
	}
}

func (o *outbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// acked takes the posts that an ACK event answers. It returns how many were refused.
func (o *outbox) acked(r *wire.AckReader, batch *engine.AckBatch) (nacks uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var a wire.Ack
	for r.Next(&a) {
		if a.Status != wire.AckSuccess {
			nacks++
		}
		p := o.pending.find(&a.GUID)
		if p == nil {
			if a.Status != wire.AckSuccess {
				// A post that nobody waits for: only the log can tell.
				o.s.log.Warn("the broker refused a message that was posted without WithOnAck", "guid", a.GUID, "status", ackCode(a.Status))
			}
			continue
		}
		if p.wantAck {
			batch.Acks = append(batch.Acks, engine.Ack{Owner: p.q.req.Owner, Cookie: p.cookie, GUID: a.GUID, Status: ackCode(a.Status)})
		}
		o.forget(p)
	}
	o.pending.trim()
	o.wakeWaiters()
	return nacks
}

// nextExpiry is when to look for posts that waited too long.
func (o *outbox) nextExpiry() time.Duration {
	const least, most = time.Second, 10 * time.Second
	o.mu.Lock()
	defer o.mu.Unlock()
	next := most
	now := time.Since(o.guids.Epoch())
	for p := range o.pending.all {
		if d := p.q.gate.dedup; d > 0 {
			next = min(next, p.age()+d-now)
		}
	}
	return max(next, least)
}

// expire answers posts that are older than the broker remembers: it would take a
// repeat for a new message.
func (o *outbox) expire() {
	batch := engine.NewAckBatch()
	o.mu.Lock()
	now := time.Since(o.guids.Epoch())
	for p := range o.pending.all {
		if d := p.q.gate.dedup; d > 0 && now-p.age() >= d {
			o.answerLocally(p, batch)
		}
	}
	o.pending.trim()
	o.wakeWaiters()
	o.mu.Unlock()
	o.s.deliverAcks(batch)
}

// adaptStyle rewrites a post with properties of the new style for a broker that
// knows the old one only. That happens when the session meets another broker after
// a reconnection than the one it was made for.
func (o *outbox) adaptStyle(p *post) {
	if o.conn.propertiesEx {
		return
	}
	r := wire.NewPutReader(p.bytes())
	var m wire.PutMessage
	if !r.Next(&m) || m.Schema == wire.SchemaOldStyle {
		return
	}
	area, payload, err := wire.ParseProperties(m.Data, false)
	if err == nil && m.Compression == wire.CompressionZlib {
		payload, err = wire.Inflate(payload, wire.MaxInflatedSize)
	}
	if err != nil {
		o.s.log.Error("a post could not be adapted to the broker", "guid", m.GUID, "error", err)
		return
	}
	data := append(area.AppendOldStyle(nil), payload...)
	m.Schema, m.Compression, m.CRC = wire.SchemaOldStyle, wire.CompressionNone, wire.Checksum(data)
	from := o.reserve(wire.PutSize(len(data)))
	b := append(wire.AppendPutHeader(o.current.buf, &m.PutHeader, 0, len(data)), data...)
	o.current.buf = wire.AppendPadding(b, len(data))
	o.pendingBytes += int64(len(o.current.buf)-from) - int64(p.to-p.from)
	p.c.release()
	o.current.refs++
	p.c, p.from, p.to = o.current, from, len(o.current.buf)
}
