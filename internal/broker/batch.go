package broker

import (
	"net"
	"sync"

	"github.com/bmq-go/bmq/internal/wire"
)

// blockSize is the size in bytes of the pieces that output is kept in, and of the
// largest event that aggregates messages. What is larger travels alone.
const blockSize = 256 << 10

// blocks are pieces that are not in use.
var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// batch is one round of a writer: ACKs, and all other events in their order. ACKs
// are not bound to that order, except that a control message comes behind those
// before it.
type batch struct {
	acks    events
	events  events
	answers int64 // bytes that are not messages
}

func newBatch(memory *budget) batch {
	return batch{acks: events{memory: memory}, events: events{memory: memory}}
}

func (b *batch) size() int { return b.acks.size + b.events.size }

func (b *batch) end() {
	b.acks.end()
	b.events.end()
}

func (b *batch) reset() {
	b.answers = 0
	b.acks.reset()
	b.events.reset()
}

// buffers returns the batch as it goes onto the wire.
func (b *batch) buffers() net.Buffers {
	list := make(net.Buffers, 0, len(b.acks.full)+len(b.events.full)+2)
	return b.events.appendTo(b.acks.appendTo(list))
}

// events is a run of events in blocks. The last event may grow.
type events struct {
	full  [][]byte // blocks that are done
	buf   []byte   // the block that is being filled
	start int      // of the event in it that may grow
	open  bool     // there is one
	kind  wire.EventType
	size  int
	// memory is what all connections use; taken is what the run's blocks are of it.
	memory *budget
	taken  int64
}

// begin makes room for a message of size bytes, in the event that grows or in a new
// one, and answers by how much the run gets larger.
func (e *events) begin(t wire.EventType, size int) (grows int) {
	if e.open && e.kind == t && len(e.buf)+size <= cap(e.buf) {
		e.size += size
		return size
	}
	e.end()
	head := wire.EventHeaderSize
	if t == wire.EventAck {
		head = wire.RecordEventSize(0)
	}
	e.reserve(head + size)
	e.start, e.open, e.kind = len(e.buf), true, t
	e.buf = wire.AppendEventHeader(e.buf, t, 0)
	if t == wire.EventAck {
		e.buf = wire.AppendRecordHeader(e.buf)
	}
	e.size += head + size
	return head + size
}

// event appends a whole event.
func (e *events) event(raw []byte) {
	e.end()
	e.reserve(len(raw))
	e.buf = append(e.buf, raw...)
	e.size += len(raw)
}

// reserve makes sure that the block has room for size bytes.
func (e *events) reserve(size int) {
	if len(e.buf)+size <= cap(e.buf) {
		return
	}
	if len(e.buf) > 0 {
		e.full = append(e.full, e.buf)
	}
	if size > blockSize {
		e.buf = make([]byte, 0, size)
	} else {
		e.buf = blocks.Get().(*[blockSize]byte)[:0]
	}
	e.taken += int64(cap(e.buf))
	e.memory.used.Add(int64(cap(e.buf)))
}

// end finishes the event that grows.
func (e *events) end() {
	if e.open {
		wire.FinishEvent(e.buf, e.start)
		e.open = false
	}
}

// take appends the events of another run, which is empty then.
func (e *events) take(other *events) {
	e.end()
	other.end()
	for _, part := range other.appendTo(nil) {
		e.event(part)
	}
	other.reset()
}

func (e *events) appendTo(list net.Buffers) net.Buffers {
	list = append(list, e.full...)
	if len(e.buf) > 0 {
		list = append(list, e.buf)
	}
	return list
}

// reset empties the run and gives its blocks back.
func (e *events) reset() {
	for i, b := range e.full {
		recycle(b)
		e.full[i] = nil
	}
	recycle(e.buf)
	e.memory.used.Add(-e.taken)
	*e = events{full: e.full[:0], memory: e.memory}
}

func recycle(b []byte) {
	if cap(b) == blockSize {
		blocks.Put((*[blockSize]byte)(b[:blockSize]))
	}
}
