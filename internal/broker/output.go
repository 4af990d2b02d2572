package broker

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const (
	// maxBatch is how large an event of several messages may get, in bytes.
	maxBatch = 1 << 20
	// highMark is how many unsent bytes keep a connection from getting more
	// messages, resumeAt when it gets some again.
	highMark = 8 << 20
	resumeAt = 4 << 20
	// maxAnswers is how many unsent bytes of answers to a client keep the broker from
	// reading more of what it sends. Messages do not count: a client that is slow to
	// read them has to be heard, it may be about to confirm some.
	maxAnswers = 32 << 20
	// maxBroadcast is how many unsent bytes broadcasts may pile up: what comes
	// then is lost for that consumer, who has no claim to it.
	maxBroadcast = 256 << 20
	// keepBuffer is the largest buffer that is kept for the next batch.
	keepBuffer = 2 << 20
)

// output is what waits to be written to a connection. Anyone may append to it;
// one goroutine, run, writes. ACK and PUSH messages aggregate until it comes round.
type output struct {
	mu        sync.Mutex
	wakeup    *sync.Cond // run waits here
	roomy     *sync.Cond // the connection's reader waits here
	batch     batch
	spare     batch
	held      []wire.Ack   // ACKs that a test holds back
	queued    atomic.Int64 // bytes that are not written
	answers   atomic.Int64 // of them, those that are not messages
	congested bool         // somebody was refused room
	finishing bool         // write what is there, then stop
	closed    bool         // write nothing more
	holdAcks  bool
}

// batch is one round of the writer: finished events, then an unfinished run of ACK
// events and one of PUSH events.
type batch struct {
	ready        []byte
	acks, pushes events
	answers      int64 // bytes that are not messages
}

func newOutput() *output {
	o := &output{}
	o.wakeup, o.roomy = sync.NewCond(&o.mu), sync.NewCond(&o.mu)
	return o
}

// wake lets the writer look at what was appended. The caller holds no output.
func (o *output) wake() { o.wakeup.Signal() }

// hasRoom tells whether a message should be appended; if not, the connection
// reports when it should.
func (o *output) hasRoom() bool {
	if o.queued.Load() < highMark {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.congested = o.queued.Load() >= highMark
	return !o.congested
}

// waitForReader blocks until the peer has read enough of the answers it was sent,
// or the connection ends.
func (o *output) waitForReader() {
	if o.answers.Load() < maxAnswers {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.answers.Load() >= maxAnswers && !o.closed {
		o.roomy.Wait()
	}
}

// answered counts bytes that were appended as answers.
func (o *output) answered(n int) {
	o.batch.answers += int64(n)
	o.answers.Add(int64(n))
	o.queued.Add(int64(n))
	o.wakeup.Signal()
}

// control appends a control message behind everything that was appended before.
func (o *output) control(e wire.Encoding, m ctrl.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.batch.flush()
	before := len(o.batch.ready)
	o.batch.ready = ctrl.AppendEvent(o.batch.ready, e, m)
	o.answered(len(o.batch.ready) - before)
}

// raw appends a whole event.
func (o *output) raw(event []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.batch.flush()
	o.batch.ready = append(o.batch.ready, event...)
	o.answered(len(event))
}

// acks appends ACK records.
func (o *output) acks(list []wire.Ack) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case o.holdAcks:
		o.held = append(o.held, list...)
	default:
		o.appendAcks(list)
	}
}

func (o *output) appendAcks(list []wire.Ack) {
	e := &o.batch.acks
	before := len(e.buf)
	for i := range list {
		e.begin(wire.EventAck, wire.RecordSize)
		e.buf = wire.AppendAck(e.buf, &list[i])
	}
	o.answered(len(e.buf) - before)
}

// hold keeps ACKs back, or sends those that were kept.
func (o *output) hold(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holdAcks = on; !on && len(o.held) > 0 {
		o.appendAcks(o.held)
		o.held = nil
	}
}

// push appends a message for the given subscriptions. The caller wakes the writer
// when it is done appending.
func (o *output) push(h *wire.PushHeader, ids []uint32, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	e := &o.batch.pushes
	before := len(e.buf)
	options := wire.SubQueueIDsSize(len(ids))
	e.begin(wire.EventPush, wire.PushSize(options, len(data)))
	e.buf = wire.AppendPushHeader(e.buf, h, options, len(data))
	e.buf = wire.AppendSubQueueIDs(e.buf, ids...)
	e.buf = append(e.buf, data...)
	e.buf = wire.AppendPadding(e.buf, len(data))
	o.queued.Add(int64(len(e.buf) - before))
}

// finish lets the writer write what there is and end.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finishing = true
	o.wakeup.Signal()
}

// close ends the writer and whoever waits for room.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.batch, o.held = batch{}, nil
	o.wakeup.Signal()
	o.roomy.Broadcast()
}

// run writes until the output is finished or closed, or write fails. drained is
// called when a connection that was refused messages may have them again.
func (o *output) run(write func(*batch) error, drained func()) error {
	for {
		b, size := o.take()
		if size == 0 {
			return nil
		}
		err := write(b)
		if o.written(b, size) {
			drained()
		}
		if err != nil {
			return err
		}
	}
}

// take waits for something to write. It answers size 0 at the end.
func (o *output) take() (*batch, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.batch.size() == 0 && !o.finishing && !o.closed {
		o.wakeup.Wait()
	}
	if o.closed || o.batch.size() == 0 {
		return nil, 0
	}
	o.batch.end()
	o.batch, o.spare = o.spare, o.batch
	return &o.spare, o.spare.size()
}

func (o *output) written(b *batch, size int) (drained bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers.Add(-b.answers)
	b.reset()
	o.roomy.Broadcast()
	if o.queued.Add(-int64(size)) >= resumeAt {
		return false
	}
	drained, o.congested = o.congested, false
	return drained && !o.closed
}

func (b *batch) size() int { return len(b.ready) + len(b.acks.buf) + len(b.pushes.buf) }

// flush moves what is aggregated to the finished events.
func (b *batch) flush() {
	b.end()
	b.ready = append(append(b.ready, b.acks.buf...), b.pushes.buf...)
	b.acks.reset()
	b.pushes.reset()
}

func (b *batch) end() {
	b.acks.end()
	b.pushes.end()
}

func (b *batch) reset() {
	b.answers = 0
	if b.ready = b.ready[:0]; cap(b.ready) > keepBuffer {
		b.ready = nil
	}
	b.acks.reset()
	b.pushes.reset()
}

// buffers returns the batch as it goes onto the wire.
func (b *batch) buffers() net.Buffers {
	list := make(net.Buffers, 0, 3)
	for _, part := range [][]byte{b.ready, b.acks.buf, b.pushes.buf} {
		if len(part) > 0 {
			list = append(list, part)
		}
	}
	return list
}

// events is a run of events of one type, the last of which may grow.
type events struct {
	buf   []byte
	start int // of the event that is growing
	open  bool
}

// begin makes room for a message of size bytes, in the event that is growing or in
// a new one.
func (e *events) begin(t wire.EventType, size int) {
	if e.open && len(e.buf)-e.start+size <= maxBatch {
		return
	}
	e.end()
	e.start, e.open = len(e.buf), true
	e.buf = wire.AppendEventHeader(e.buf, t, 0)
	if t == wire.EventAck {
		e.buf = wire.AppendRecordHeader(e.buf)
	}
}

func (e *events) end() {
	if e.open {
		wire.FinishEvent(e.buf, e.start)
		e.open = false
	}
}

func (e *events) reset() {
	e.buf, e.start, e.open = e.buf[:0], 0, false
	if cap(e.buf) > keepBuffer {
		e.buf = nil
	}
}
