package portable

import (
	"os"
	"sync"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/pace"
	"github.com/bmq-go/bmq/internal/wire"
)

// outbox is what a session sends: a stream of events to the connection there is,
// and the posts that may have to be sent again on the next one.
//
// Messages are written once, into chunks. While the state is restored ("live") a
// post is put into the stream as well, which refers to its chunk; else it waits
// for resume, which puts all pending posts into the stream.
type outbox struct {
	s *Session

	mu    sync.Mutex
	wake  sync.Cond // of the goroutine that writes
	idle  bool      // that goroutine waits
	conn  *connection
	live  bool
	ended bool // the session was stopped
	guids *wire.GUIDGenerator

	stream       eventStream
	pending      pendingPosts
	pendingBytes int64
	forgettable  int    // pending posts that nobody waits for
	written      uint64 // posts before this number were written on this connection
	everWritten  uint64 // the same on any connection
	compacted    int64  // bytes that chunks held after compact, or less if they came to less since

	pace pace.Pace

	choked bool          // unsent reached the high watermark, not the low one again yet
	room   chan struct{} // closed when posts were answered or written; made by those who wait

	stats struct{ out, posted, confirms, retransmitted uint64 }
}

// Posts fall in step with the broker when paceFrom bytes have no answer, until there are
// paceUntil.
const (
	paceFrom  = 16 << 20
	paceUntil = 12 << 20
)

func (o *outbox) init(s *Session) {
	o.s = s
	o.pace.From, o.pace.Until = paceFrom, paceUntil
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
	o.stream.drop()
	o.unchoke()
	o.pace.Release()
}

// resume puts all pending posts into the stream, with the GUIDs they have, and lets
// new ones follow. Those of a queue that is being closed are answered when it is: the
// broker has its closing already.
func (o *outbox) resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live = true
	o.written = o.pending.first
	for n, p := range o.pending.all {
		if p.q.gate.closed {
			continue
		}
		o.adaptStyle(p)
		o.stream.extend(wire.EventPut, len(p.bytes()))
		o.stream.appendPart(p.c, int(p.from), int(p.to))
		o.stream.mark(n + 1)
		if n < o.everWritten {
			o.stats.retransmitted++
		}
	}
	o.signal()
	o.choke()
}

// close answers all posts and takes no more. What is in the stream is still sent.
func (o *outbox) close() {
	o.answerWhere(engine.Success, func(*post) bool { return true }, func() { o.ended = true })
}

// fail answers the posts of one queue, and takes no more for it.
func (o *outbox) fail(q *queue) {
	o.answerWhere(engine.Success, func(p *post) bool { return p.q == q }, func() { q.gate.closed, q.gate.open = true, false })
}

// answerWhere ends the posts that match and whose outcome will not be learnt any
// more, after it made a change. Queues that deliver at most once have their own
// answer.
func (o *outbox) answerWhere(broadcast engine.Code, match func(*post) bool, change func()) {
	batch := engine.NewAckBatch()
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
	for _, p := range o.pending.all {
		if !match(p) {
			continue
		}
		if p.wantAck {
			st := engine.Unknown
			if p.q.gate.broadcast {
				st = broadcast
			}
			batch.Acks = append(batch.Acks, engine.Ack{Owner: p.q.req.Owner, Cookie: p.cookie, GUID: p.guid, Status: st})
		}
		o.forget(p)
	}
	o.answer(batch)
}

// forget ends a post; forgot has to follow.
func (o *outbox) forget(p *post) {
	if !p.wantAck {
		o.forgettable--
	}
	o.pendingBytes -= p.size()
	o.stream.arena.release(p.c)
	o.pending.remove(p)
}

// forgot tidies up after posts were forgotten.
func (o *outbox) forgot() {
	o.pending.trim()
	o.compact()
	o.wakeWaiters()
	o.pace.Answered(o.pendingBytes)
}

// compactFrom is the memory in bytes that may lie idle between pending posts.
const compactFrom = 4 << 20

// compact copies the pending posts together when they keep a multiple of their size
// in chunks: a few posts that are never answered, each in a chunk full of others
// that were.
func (o *outbox) compact() {
	a := &o.stream.arena
	o.compacted = min(o.compacted, a.held)
	if a.held <= max(4*(o.pendingBytes+o.stream.unsent)+compactFrom, 2*o.compacted) {
		return
	}
	for _, p := range o.pending.all {
		if p.size() > maxChunk {
			continue // has a chunk of its own
		}
		c := a.reserve(len(p.bytes()))
		from := len(c.buf)
		c.buf = append(c.buf, p.bytes()...)
		o.move(p, c, from)
	}
	o.compacted = a.held
}

// move has a post stand at the end of a chunk, where it was written again.
func (o *outbox) move(p *post, c *chunk, from int) {
	o.pendingBytes -= p.size()
	c.refs++
	o.stream.arena.release(p.c)
	p.c, p.from, p.to = c, uint32(from), uint32(len(c.buf))
	o.pendingBytes += p.size()
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
	if o.conn != nil {
		o.stream.event(event)
		o.signal()
	}
}

// controlOn is control for one connection only.
func (o *outbox) controlOn(c *connection, event []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn == c {
		o.stream.event(event)
		o.signal()
	}
}

// confirm puts confirmations into the stream.
func (o *outbox) confirm(q *queue, guids []wire.GUID) engine.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.conn == nil || !q.gate.open || q.gate.closed || o.ended:
		return engine.Status{Code: engine.NotConnected, Text: "the message will be delivered again"}
	case q.gate.broadcast:
		return engine.Status{}
	}
	for i := range guids {
		o.stream.extend(wire.EventConfirm, wire.RecordSize)
		c := o.stream.arena.reserve(wire.RecordSize)
		from := len(c.buf)
		c.buf = wire.AppendConfirm(c.buf, &wire.Confirm{
			QueueID: int32(q.stream.qid), GUID: guids[i], SubQueueID: q.subID,
		})
		o.stream.append(c, from)
	}
	o.stats.confirms += uint64(len(guids))
	o.signal()
	return engine.Status{}
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

// write is the goroutine that writes to a connection, until that is closed.
func (o *outbox) write(c *connection) {
	var b batch
	for o.take(c, &b) {
		n, err := b.rest.WriteTo(c.Conn)
		o.wrote(&b, n)
		if err != nil {
			c.close(err)
		}
	}
}

// take waits for something to write. It answers false when the connection is closed.
func (o *outbox) take(c *connection, b *batch) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !c.isClosed() {
		if o.stream.waiting() {
			o.stream.take(b)
			return true
		}
		o.stream.arena.rest()
		o.idle = true
		o.wake.Wait()
		o.idle = false
	}
	return false
}

// wrote gives up a batch of which n bytes were written: all, unless the connection is
// over.
func (o *outbox) wrote(b *batch, n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.out += uint64(n)
	for i := range b.segments {
		n -= int64(len(b.segments[i].bytes()))
		if n < 0 {
			break
		}
		o.forgetWritten(b.segments[i].posts)
	}
	o.stream.done(b)
	if o.stream.unsent <= channelLowWatermark {
		o.unchoke()
	}
}

// forgetWritten notes that the posts before number n were written, and ends those
// that nobody waits for.
func (o *outbox) forgetWritten(n uint64) {
	if n <= o.written {
		return
	}
	if o.forgettable > 0 {
		for i := max(o.written, o.pending.first); i < n; i++ {
			if p := o.pending.at(i); p.q != nil && !p.wantAck {
				o.forget(p)
			}
		}
		o.forgot()
	}
	o.written, o.everWritten = n, max(n, o.everWritten)
}

func (o *outbox) addStats(st *engine.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st.BytesOut, st.MessagesPosted = o.stats.out, o.stats.posted
	st.Confirms, st.Retransmitted = o.stats.confirms, o.stats.retransmitted
	st.PendingMessages = o.pending.n
	st.PendingBytes, st.UnsentBytes = o.pendingBytes, o.stream.unsent
}
