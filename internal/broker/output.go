package broker

import (
	"sync"
	"sync/atomic"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const (
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
	// maxUnsent is the memory for what all connections have yet to read. When it is
	// spent, each of the bounds above is scarceMark.
	maxUnsent  = 1 << 30
	scarceMark = blockSize
)

// budget is memory that all connections of a broker share, in bytes.
type budget struct {
	used  atomic.Int64
	limit int64
}

func (b *budget) spent() bool { return b.used.Load() > b.limit }

// output is what waits to be written to a connection. Anyone may append to it;
// one goroutine, run, writes. ACK and PUSH messages aggregate until it comes round.
type output struct {
	mu        sync.Mutex
	wakeup    *sync.Cond // run waits here
	roomy     *sync.Cond // the connection's reader waits here
	memory    *budget
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

func newOutput(memory *budget) *output {
	o := &output{memory: memory, batch: newBatch(memory), spare: newBatch(memory)}
	o.wakeup, o.roomy = sync.NewCond(&o.mu), sync.NewCond(&o.mu)
	return o
}

// wake lets the writer look at what was appended. The caller holds no output.
func (o *output) wake() { o.wakeup.Signal() }

// exceeds tells whether n unsent bytes are more than there may be: limit, or less
// where memory is scarce.
func (o *output) exceeds(n, limit int64) bool {
	return n >= limit || n >= scarceMark && o.memory.spent()
}

// hasRoom tells whether a message should be appended; if not, the connection
// reports when it should.
func (o *output) hasRoom() bool {
	if !o.exceeds(o.queued.Load(), highMark) {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.congested = o.exceeds(o.queued.Load(), highMark)
	return !o.congested
}

// waitForReader blocks until the peer has read enough of the answers it was sent,
// or the connection ends.
func (o *output) waitForReader() {
	if !o.exceeds(o.answers.Load(), maxAnswers) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.exceeds(o.answers.Load(), maxAnswers) && !o.closed {
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
	o.raw(ctrl.AppendEvent(nil, e, m))
}

// raw appends a whole event, behind everything that was appended before.
func (o *output) raw(event []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.batch.events.take(&o.batch.acks)
	o.batch.events.event(event)
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
	b, n := &o.batch.acks, 0
	for i := range list {
		n += b.begin(wire.EventAck, wire.RecordSize)
		b.buf = wire.AppendAck(b.buf, &list[i])
	}
	o.answered(n)
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
	options := wire.SubQueueIDsSize(len(ids))
	b := &o.batch.events
	n := b.begin(wire.EventPush, wire.PushSize(options, len(data)))
	b.buf = wire.AppendPushHeader(b.buf, h, options, len(data))
	b.buf = wire.AppendSubQueueIDs(b.buf, ids...)
	b.buf = append(b.buf, data...)
	b.buf = wire.AppendPadding(b.buf, len(data))
	o.queued.Add(int64(n))
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
	o.batch.reset()
	o.held = nil
	o.wakeup.Signal()
	o.roomy.Broadcast()
}

// run writes until the output is finished or closed, or write fails. drained is
// called when a connection that was refused messages may have them again.
func (o *output) run(write func(*batch) error, drained func()) error {
	for {
		b := o.take()
		if b == nil {
			return nil
		}
		err := write(b)
		if o.written(b) {
			drained()
		}
		if err != nil {
			return err
		}
	}
}

// take waits for something to write. It answers nil at the end.
func (o *output) take() *batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.batch.size() == 0 && !o.finishing && !o.closed {
		o.wakeup.Wait()
	}
	if o.closed || o.batch.size() == 0 {
		return nil
	}
	o.batch.end()
	o.batch, o.spare = o.spare, o.batch
	return &o.spare
}

func (o *output) written(b *batch) (drained bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers.Add(-b.answers)
	left := o.queued.Add(-int64(b.size()))
	b.reset()
	o.roomy.Broadcast()
	if left >= resumeAt {
		return false
	}
	drained, o.congested = o.congested, false
	return drained && !o.closed
}
