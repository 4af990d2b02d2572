package portable

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// maxBatch is about how many bytes are handed to the connection at a time, and how
	// large an event grows that gathers messages.
	maxBatch = 1 << 20
	// maxSegments is how many pieces they may be in.
	maxSegments = 256

	controlReserve      = 4 << 20   // of the channel high watermark, for what is no post
	channelLowWatermark = 512 << 10 // upstream's
)

// outbox is what a session sends: a stream of events to the connection there is,
// and the posts that may have to be sent again on the next one.
//
// Messages are written once, into chunks. While the state is restored ("live") a
// post is put into the stream as well, which refers to its chunk; else it waits
// for resume, which puts all pending posts into the stream.
type outbox struct {
	s *Session

	mu      sync.Mutex
	wake    sync.Cond // of the goroutine that writes
	conn    *connection
	live    bool
	ended   bool // the session was stopped
	guids   *wire.GUIDGenerator
	current *chunk // that is written into; nil: none yet
	size    int    // of the next chunk

	segments []segment // that wait to be written
	open     openEvent // at the end of the stream, still growing
	unsent   int64     // bytes in the stream that were not written
	idle     bool      // the goroutine that writes waits

	pending      pendingPosts
	pendingBytes int64
	forgettable  int    // pending posts that nobody waits for
	written      uint64 // posts before this number were written on this connection

	choked bool          // unsent reached the high watermark, not the low one again yet
	room   chan struct{} // closed when there may be room again; made by those who wait

	stats struct{ out, posted, confirms, retransmitted uint64 }
}

// openEvent is an event that messages can be added to until it is handed over.
type openEvent struct {
	typ    wire.EventType // EventUndefined: there is none
	c      *chunk         // where its header is
	at     int
	length int
}

func (o *outbox) init(s *Session) {
	o.s = s
	o.wake.L = &o.mu
	host, _ := os.Hostname() // without a name the time and the process tell sessions apart
	o.guids = wire.NewGUIDGenerator(host, time.Now(), os.Getpid(), int(s.id))
}

// attach begins the stream to a new connection. Posts follow later: see resume.
func (o *outbox) attach(c *connection) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conn, o.live = c, false
}

// detach ends the stream; what was not written stays in it no longer. Posts stay
// pending.
func (o *outbox) detach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conn, o.live = nil, false
	o.seal()
	for i := range o.segments {
		o.segments[i].c.release()
	}
	o.segments = nil
	o.unsent = 0
	o.unchoke()
}

// resume puts all pending posts into the stream, with the GUIDs they have, and lets
// new ones follow.
func (o *outbox) resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live = true
	o.written = o.pending.first
	for p := range o.pending.all {
		o.adaptStyle(p)
		o.extend(wire.EventPut, p.to-p.from)
		o.append(p.c, p.from, p.to)
		o.stats.retransmitted++
	}
	o.markPosts()
	o.signal()
}

// close answers all posts and takes no more. What is in the stream is still sent.
func (o *outbox) close() {
	batch := engine.NewAckBatch()
	o.mu.Lock()
	o.ended = true
	for p := range o.pending.all {
		o.answerLocally(p, batch)
	}
	o.pending.trim()
	o.wakeWaiters()
	o.mu.Unlock()
	o.s.deliverAcks(batch)
}

// fail answers the posts of one queue.
func (o *outbox) fail(q *queue) {
	batch := engine.NewAckBatch()
	o.mu.Lock()
	q.gate.closed, q.gate.open = true, false
	for p := range o.pending.all {
		if p.q == q {
			o.answerLocally(p, batch)
		}
	}
	o.pending.trim()
	o.wakeWaiters()
	o.mu.Unlock()
	o.s.deliverAcks(batch)
}

// answerLocally ends a post whose outcome will not be learnt any more.
func (o *outbox) answerLocally(p *post, batch *engine.AckBatch) {
	if p.wantAck {
		st := engine.Unknown
		if p.q.gate.broadcast {
			st = engine.Success
		}
		batch.Acks = append(batch.Acks, engine.Ack{Owner: p.q.req.Owner, Cookie: p.cookie, GUID: p.guid(), Status: st})
	}
	o.forget(p)
}

// forget ends a post.
func (o *outbox) forget(p *post) {
	if !p.wantAck {
		o.forgettable--
	}
	o.pendingBytes -= int64(p.to - p.from)
	p.c.release()
	*p = post{}
}

// changeGate changes what posts and confirmations of a queue meet.
func (o *outbox) changeGate(q *queue, change func(*gate)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&q.gate)
	o.wakeWaiters()
}

// control puts a whole event into the stream. Without a connection it is lost: those
// who send one know that they have to send it again.
func (o *outbox) control(event []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.event(event)
}

// controlOn is control for one connection only.
func (o *outbox) controlOn(c *connection, event []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn == c {
		o.event(event)
	}
}

func (o *outbox) event(event []byte) {
	if o.conn == nil {
		return
	}
	o.seal()
	from := o.reserve(len(event))
	o.current.buf = append(o.current.buf, event...)
	o.append(o.current, from, len(o.current.buf))
	o.signal()
}

// confirm puts confirmations into the stream.
func (o *outbox) confirm(q *queue, guids []wire.GUID) engine.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.conn == nil || !q.gate.open || o.ended:
		return engine.Status{Code: engine.NotConnected, Text: "the message will be delivered again"}
	case q.gate.broadcast:
		return engine.Status{}
	}
	for i := range guids {
		o.extend(wire.EventConfirm, wire.RecordSize)
		from := o.reserve(wire.RecordSize)
		o.current.buf = wire.AppendConfirm(o.current.buf, &wire.Confirm{
			QueueID: int32(q.stream.qid), GUID: guids[i], SubQueueID: q.subID,
		})
		o.append(o.current, from, len(o.current.buf))
	}
	o.stats.confirms += uint64(len(guids))
	o.signal()
	return engine.Status{}
}

// reserve makes room for n bytes in the current chunk and returns where they start.
func (o *outbox) reserve(n int) int {
	if o.current == nil || o.current.room() < n {
		if o.current != nil {
			o.size = min(2*o.size, maxChunk)
			o.current.release()
		}
		o.size = max(o.size, minChunk)
		o.current = newChunk(n, o.size)
		o.current.refs = 1
	} else if o.current.refs == 1 {
		o.current.buf = o.current.buf[:0] // nobody else needs what is in it
	}
	return len(o.current.buf)
}

// append puts written bytes at the end of the stream.
func (o *outbox) append(c *chunk, from, to int) {
	if n := len(o.segments); n > 0 && o.segments[n-1].c == c && o.segments[n-1].to == from {
		o.segments[n-1].to = to
	} else {
		o.segments = append(o.segments, segment{c: c, from: from, to: to})
		c.refs++
	}
	o.unsent += int64(to - from)
	if o.open.typ != wire.EventUndefined {
		o.open.length += to - from
	}
}

// extend has the stream end with an event of the given type that can take n bytes
// more.
func (o *outbox) extend(typ wire.EventType, n int) {
	if o.open.typ == typ && o.open.length+n <= maxBatch {
		return
	}
	o.seal()
	const headers = 16 // more than an event header and a record header
	from := o.reserve(headers)
	o.current.buf = wire.AppendEventHeader(o.current.buf, typ, 0)
	if typ != wire.EventPut {
		o.current.buf = wire.AppendRecordHeader(o.current.buf)
	}
	o.open = openEvent{typ: typ, c: o.current, at: from}
	o.append(o.current, from, len(o.current.buf))
}

// seal writes the length of the event that was growing.
func (o *outbox) seal() {
	if o.open.typ != wire.EventUndefined {
		wire.PutEventHeader(o.open.c.buf[o.open.at:], o.open.typ, o.open.length, 0)
		o.open = openEvent{}
	}
}

// markPosts notes that all posts are in the stream.
func (o *outbox) markPosts() {
	if n := len(o.segments); n > 0 {
		o.segments[n-1].posts = o.pending.next
	}
}

func (o *outbox) signal() {
	if o.idle {
		o.wake.Signal()
	}
}

// interrupt wakes the goroutine that writes to a connection that is closed.
func (o *outbox) interrupt() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake.Broadcast()
}

// batch is what is written at a time.
type batch struct {
	segments []segment
	buffers  net.Buffers // their bytes
	size     int64
}

// write is the goroutine that writes to a connection, until that is closed.
func (o *outbox) write(c *connection) {
	var b batch
	for o.take(c, &b) {
		buffers := b.buffers // WriteTo consumes it
		_, err := buffers.WriteTo(c.Conn)
		o.wrote(c, &b)
		if err != nil {
			c.close(err)
		}
	}
}

// take waits for something to write. It answers false when the connection is closed.
func (o *outbox) take(c *connection, b *batch) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		select {
		case <-c.closed:
			return false
		default:
		}
		if len(o.segments) > 0 && o.conn == c {
			break
		}
		if o.current != nil && o.current.refs == 1 {
			o.current.release() // nothing of it is needed: a quiet session keeps no memory
			o.current = nil
		}
		o.idle = true
		o.wake.Wait()
		o.idle = false
	}
	o.seal()
	n := 0
	for n < len(o.segments) && n < maxSegments && b.size < maxBatch {
		b.buffers = append(b.buffers, o.segments[n].bytes())
		b.size += int64(len(b.buffers[n]))
		n++
	}
	b.segments = append(b.segments, o.segments[:n]...)
	o.segments = o.segments[:copy(o.segments, o.segments[n:])]
	return true
}

// wrote gives up what was written, or was being written when the connection went.
func (o *outbox) wrote(c *connection, b *batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.out += uint64(b.size)
	for i := range b.segments {
		if posts := b.segments[i].posts; posts > o.written {
			o.forgetWritten(posts)
		}
		b.segments[i].c.release()
	}
	if o.conn == c {
		o.unsent -= b.size
		if o.unsent <= channelLowWatermark {
			o.unchoke()
		}
	}
	clear(b.segments)
	clear(b.buffers)
	*b = batch{segments: b.segments[:0], buffers: b.buffers[:0]}
}

// forgetWritten ends the posts before number n that nobody waits for.
func (o *outbox) forgetWritten(n uint64) {
	if o.forgettable > 0 {
		for i := max(o.written, o.pending.first); i < n; i++ {
			if p := o.pending.at(i); p.q != nil && !p.wantAck {
				o.forget(p)
			}
		}
		o.pending.trim()
		o.wakeWaiters()
	}
	o.written = n
}

func (o *outbox) addStats(st *engine.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st.BytesOut, st.MessagesPosted = o.stats.out, o.stats.posted
	st.Confirms, st.Retransmitted = o.stats.confirms, o.stats.retransmitted
	st.PendingMessages = int(o.pending.next - o.pending.first)
	st.PendingBytes, st.UnsentBytes = o.pendingBytes, o.unsent
}
