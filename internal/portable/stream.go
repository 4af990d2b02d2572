package portable

import (
	"net"

	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// maxBatch is about how many bytes are handed to the connection at a time, and how
	// large an event grows that gathers messages.
	maxBatch = 1 << 20
	// maxSegments is how many pieces they may be in.
	maxSegments = 256
)

// eventStream is a sequence of events that wait to be written to the connection. It
// refers to chunks of its arena. outbox.mu guards it.
type eventStream struct {
	arena    arena
	segments []segment
	head     int       // segments before it were taken
	open     openEvent // at the end of the stream, still growing
	unsent   int64     // bytes that were not written, those that are being written included
}

// segment is a part of a chunk that is to be sent.
type segment struct {
	c        *chunk
	from, to int
	posts    uint64 // posts up to this number are in the stream with it, exclusive; 0: none
}

func (s *segment) bytes() []byte { return s.c.buf[s.from:s.to:s.to] }

// openEvent is an event that messages can be added to until it is handed over.
type openEvent struct {
	typ    wire.EventType // EventUndefined: there is none
	c      *chunk         // where its header is
	at     int
	length int
}

// event puts a whole event into the stream.
func (s *eventStream) event(event []byte) {
	s.seal()
	c := s.arena.reserve(len(event))
	from := len(c.buf)
	c.buf = append(c.buf, event...)
	s.append(c, from)
}

// append puts the bytes of a chunk from from on at the end of the stream.
func (s *eventStream) append(c *chunk, from int) { s.appendPart(c, from, len(c.buf)) }

func (s *eventStream) appendPart(c *chunk, from, to int) {
	if n := len(s.segments); n > s.head && s.segments[n-1].c == c && s.segments[n-1].to == from {
		s.segments[n-1].to = to
	} else {
		s.makeRoom()
		s.segments = append(s.segments, segment{c: c, from: from, to: to})
		c.refs++
	}
	s.unsent += int64(to - from)
	if s.open.typ != wire.EventUndefined {
		s.open.length += to - from
	}
}

// makeRoom moves the segments to the front of their array where much of that is free.
func (s *eventStream) makeRoom() {
	if len(s.segments) == cap(s.segments) && s.head > len(s.segments)/2 {
		n := copy(s.segments, s.segments[s.head:])
		clear(s.segments[n:])
		s.segments, s.head = s.segments[:n], 0
	}
}

// mark notes that posts up to number n, exclusive, end where the stream ends now.
func (s *eventStream) mark(n uint64) { s.segments[len(s.segments)-1].posts = n }

// extend has the stream end with an event of the given type that can take n bytes
// more.
func (s *eventStream) extend(typ wire.EventType, n int) {
	if s.open.typ == typ && s.open.length+n <= maxBatch {
		return
	}
	s.seal()
	const headers = 16 // more than an event header and a record header
	c := s.arena.reserve(headers)
	from := len(c.buf)
	c.buf = wire.AppendEventHeader(c.buf, typ, 0)
	if typ != wire.EventPut {
		c.buf = wire.AppendRecordHeader(c.buf)
	}
	s.open = openEvent{typ: typ, c: c, at: from}
	s.append(c, from)
}

// seal writes the length of the event that was growing.
func (s *eventStream) seal() {
	if s.open.typ != wire.EventUndefined {
		wire.PutEventHeader(s.open.c.buf[s.open.at:], s.open.typ, s.open.length, 0)
		s.open = openEvent{}
	}
}

// waiting tells whether there is something to write.
func (s *eventStream) waiting() bool { return s.head < len(s.segments) }

// batch is what is written at a time.
type batch struct {
	segments []segment
	buffers  net.Buffers // their bytes
	rest     net.Buffers // those that were not written yet
	size     int64
}

// take moves what is to be written next into b.
func (s *eventStream) take(b *batch) {
	s.seal()
	for s.waiting() && len(b.segments) < maxSegments && b.size < maxBatch {
		seg := &s.segments[s.head]
		b.segments = append(b.segments, *seg)
		b.buffers = append(b.buffers, seg.bytes())
		b.size += int64(seg.to - seg.from)
		*seg = segment{}
		s.head++
	}
	b.rest = b.buffers
	if !s.waiting() {
		s.segments, s.head = s.segments[:0], 0
	}
}

// done gives up a batch that was written, or failed to be.
func (s *eventStream) done(b *batch) {
	for i := range b.segments {
		s.arena.release(b.segments[i].c)
	}
	s.unsent -= b.size
	clear(b.segments)
	clear(b.buffers)
	*b = batch{segments: b.segments[:0], buffers: b.buffers[:0]}
}

// drop empties the stream.
func (s *eventStream) drop() {
	s.open = openEvent{}
	for _, seg := range s.segments[s.head:] {
		s.arena.release(seg.c)
	}
	s.segments, s.head, s.unsent = nil, 0, 0
}
