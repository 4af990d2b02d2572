package portable

import (
	"context"
	"sync"

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

// appendTo appends the encoded message.
func (p *packed) appendTo(dst []byte) []byte {
	n := len(p.area) + len(p.payload)
	dst = wire.AppendPutHeader(dst, &p.header, 0, n)
	dst = append(dst, p.area...)
	dst = append(dst, p.payload...)
	return wire.AppendPadding(dst, n)
}

// pack encodes properties and compresses, in the style that the broker knows. A
// message that needs neither needs no scratch.
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
		s.zip = p.compress(s.zip[:0])
	}
	p.checksum()
	return p
}

// compress compresses the payload where that pays, into zip, which it returns.
func (p *packed) compress(zip []byte) []byte {
	zip, smaller := wire.Deflate(zip, p.payload)
	p.header.Compression = wire.CompressionNone
	if smaller {
		p.payload, p.header.Compression = zip, wire.CompressionZlib
	}
	return zip
}

func (p *packed) checksum() {
	p.header.CRC = wire.UpdateChecksum(wire.Checksum(p.area), p.payload)
}

// post takes a message over.
func (o *outbox) post(ctx context.Context, q *queue, put *engine.Put) engine.Status {
	if len(put.Properties) == 0 && put.Compression == wire.CompressionNone {
		p := pack(put, false, nil)
		_, st := o.admitAndQueue(ctx, q, put, &p, false)
		return st
	}
	s := scratches.Get().(*scratch)
	defer s.free()
	oldStyle := o.oldStyle()
	for {
		p := pack(put, oldStyle, s)
		again, st := o.admitAndQueue(ctx, q, put, &p, oldStyle)
		if !again {
			return st
		}
		oldStyle = true // the connection is another one now, to another broker
	}
}

// oldStyle tells how the broker wants properties. Without a connection nobody
// knows; resume adapts what was guessed wrong.
func (o *outbox) oldStyle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.conn != nil && !o.conn.propertiesEx
}

// admitAndQueue waits for room and takes the message over. It answers true if the
// message has to be packed again, in old style.
func (o *outbox) admitAndQueue(ctx context.Context, q *queue, put *engine.Put, p *packed, oldStyle bool) (again bool, st engine.Status) {
	if len(p.area)+len(p.payload) > wire.MaxPayloadSize {
		return false, engine.Status{Code: engine.PackPayloadTooBig, Packing: true}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.live && o.s.cfg.ChannelWriteTimeout != 0 {
		o.pace.Wait(ctx, &o.mu, o.pendingBytes)
	}
	if st := o.admit(ctx, q, int64(p.size())); !st.OK() {
		return false, st
	}
	if len(put.Properties) > 0 && !oldStyle && o.live && !o.conn.propertiesEx {
		return true, engine.Status{}
	}
	o.queue(q, put, p)
	return false, engine.Status{}
}

// queue writes a message and has it sent, now or when the outbox is live.
func (o *outbox) queue(q *queue, put *engine.Put, p *packed) {
	size := p.size()
	p.header.QueueID = int32(q.stream.qid)
	p.header.GUID, _ = o.guids.Next()
	if o.live {
		o.stream.extend(wire.EventPut, size)
	}
	c := o.stream.arena.reserve(size)
	from := len(c.buf)
	c.buf = p.appendTo(c.buf)
	c.refs++
	o.pending.add(post{
		q: q, cookie: put.Cookie, c: c, from: uint32(from), to: uint32(len(c.buf)), guid: p.header.GUID, wantAck: put.WantAck,
	})
	o.pendingBytes += int64(size)
	o.stats.posted++
	if !put.WantAck {
		o.forgettable++
	}
	if o.live {
		o.stream.append(c, from)
		o.stream.mark(o.pending.next)
		o.signal()
		o.choke()
	}
}

// adaptStyle rewrites a post with properties of the new style for a broker that
// knows the old one only. That happens when the session meets another broker after
// a reconnection than the one it was made for.
func (o *outbox) adaptStyle(e *post) {
	if o.conn.propertiesEx {
		return
	}
	r := wire.NewPutReader(e.bytes())
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
	p := packed{header: m.PutHeader, payload: append(area.AppendOldStyle(nil), payload...)}
	p.header.Schema = wire.SchemaOldStyle
	if m.Compression == wire.CompressionZlib {
		p.compress(nil)
	}
	p.checksum()
	c := o.stream.arena.reserve(p.size())
	from := len(c.buf)
	c.buf = p.appendTo(c.buf)
	o.move(e, c, from)
}
