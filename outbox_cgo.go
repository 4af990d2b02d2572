//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"sync"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/pace"
	"github.com/bmq-go/bmq/internal/slab"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// gatherBytes and gatherPosts are how much is gathered before a post waits for the
	// goroutine that sends to take it.
	gatherBytes = 512 << 10
	gatherPosts = 4096
	// keptBytes is how large gathering memory may have grown and still be kept.
	keptBytes = 8 << 20
	// Posts fall in step with the broker when paceFrom bytes have no answer, until there
	// are paceUntil.
	paceFrom  = 8 << 20
	paceUntil = 6 << 20
	// pacedSize is what a post counts for at least in that.
	pacedSize = 1 << 10
	// maxConfirms is how many confirmations may wait.
	maxConfirms = 1 << 20
	// eventPosts is how many posts go into an event while there is no connection.
	eventPosts = 64
	// maxResent is how large posts that libbmq has, without an answer, may be together.
	// After a reconnection it sends all of them in one event, and for good leaves out what
	// is beyond 66 MiB. It may also have some that nobody waits for: those that it gets
	// between the loss of the connection and its event.
	maxResent = 48 << 20
)

// nativeOutbox gathers messages and confirmations and hands them to libbmq, many at a
// time: what comes while one event is handed over goes into the next. It keeps
// account of posts until they are answered.
type nativeOutbox struct {
	s *nativeSession

	mu      sync.Mutex
	wake    sync.Cond // of the goroutine that sends
	idle    bool      // it waits
	running bool      // it was started
	front   nativeBatch
	done    chan struct{} // closed when the goroutine that sends has ended
	ended   bool
	live    bool // connected, and the state restored
	room    chan struct{}

	choked    bool   // libbmq takes no messages at present
	lows      uint64 // how often it said that it does again
	repacks   uint64 // how often an event that waits for that had to be made anew
	reopening bool   // queues are being opened again
	held      bool   // posts wait until libbmq has less than maxResent

	pace pace.Pace

	posts        slab.Slab[nativePost] // that wait for their ack
	epochs       []*postEpoch          // that posts without an answer belong to, and the present one
	kept         []nativePost          // posts that nobody waits for, and libbmq keeps until it is connected
	pending      int                   // posts without an answer, or not handed over
	pendingBytes int64                 // what they count for
	givenSize    int64                 // the size of those that libbmq has
	pacedBytes   int64                 // their size as pace counts it
	unsentSize   int64                 // the size of those that are not handed over

	stats struct{ out, posted, confirms, retransmitted uint64 }
}

// nativePost is a post that was accepted.
type nativePost struct {
	q      *nativeQueue
	cookie any
	epoch  *postEpoch
	size   int32 // in an event
	counts int32 // for so many bytes of memory
	given  bool  // libbmq has it
}

// recordBytes is about what libbmq and this package note about a post.
const recordBytes = 1 << 10

// memoryOf is what a post of that size in an event takes at most until its answer. libbmq
// has a buffer for its header, which is let go when it is written. Payloads that it
// compresses or copies begin a buffer of their own, and so do properties.
func (o *nativeOutbox) memoryOf(put *engine.Put, size int) int32 {
	buffers := 1
	if len(put.Payload) < cbridge.ReferredSize || put.Compression != wire.CompressionNone {
		buffers++
	}
	if len(put.Properties) > 0 {
		buffers++
	}
	return int32(size + recordBytes + buffers*o.s.cfg.BlobBufferSize)
}

// paced is what the post counts for in what falls in step.
func (p *nativePost) paced() int64 { return int64(max(p.size, pacedSize)) }

// postEpoch counts posts between two flushes.
type postEpoch struct{ pending int }

// nativeBatch is what is handed over at a time.
type nativeBatch struct {
	data     []byte
	records  []cbridge.PostRecord
	posts    []nativePost // of records; those with an ack have no cookie here
	confirms []cbridge.ConfirmRecord
	after    []func() // to be called when the rest is handed over
}

func (b *nativeBatch) empty() bool {
	return len(b.records) == 0 && len(b.confirms) == 0 && len(b.after) == 0
}

func (b *nativeBatch) reset() {
	if cap(b.data) > keptBytes {
		b.data = nil
	}
	clear(b.posts)
	clear(b.after)
	b.data, b.records, b.posts = b.data[:0], b.records[:0], b.posts[:0]
	b.confirms, b.after = b.confirms[:0], b.after[:0]
}

func (o *nativeOutbox) init(s *nativeSession) {
	o.s = s
	o.wake.L = &o.mu
	o.done = make(chan struct{})
	o.epochs = []*postEpoch{new(postEpoch)}
	o.pace.From, o.pace.Until = paceFrom, paceUntil
}

func (o *nativeOutbox) signal() {
	if o.idle {
		o.wake.Signal()
	}
}

func (o *nativeOutbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// changeGates changes what posts and confirmations of queues meet.
func (o *nativeOutbox) changeGates(queues []*nativeQueue, change func(*nativeQueue)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range queues {
		change(q)
	}
	o.wakeWaiters()
}

// after has fn called when everything that was accepted before is handed over. It
// answers false if nothing is taken any more.
func (o *nativeOutbox) after(fn func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	o.front.after = append(o.front.after, fn)
	o.signal()
	return true
}

// writable takes the news that libbmq has room again.
func (o *nativeOutbox) writable() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lows++
	o.choked = false
	o.wakeWaiters()
	o.signal()
}

// repack has an event that libbmq had no room for made anew before it is sent: a queue
// that it is for may have gone.
func (o *nativeOutbox) repack() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.repacks++
}

// connectionLost takes note that libbmq keeps what it is given.
func (o *nativeOutbox) connectionLost() {
	o.repack()
	o.mu.Lock()
	o.live, o.reopening = false, false
	o.pace.Release()
	o.mu.Unlock()
	o.writable() // it takes messages while there is no connection
}

// reconnected takes note that queues are being opened again. If one of them can't be,
// libbmq forgets it, and must not be given posts to it at that moment.
func (o *nativeOutbox) reconnected() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reopening = true
}

// restored takes note that libbmq sends what it is given, and has sent what it kept.
func (o *nativeOutbox) restored() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live, o.reopening = true, false
	o.stats.retransmitted += uint64(o.posts.Len() + len(o.kept))
	for i := range o.kept {
		o.forget(&o.kept[i])
	}
	o.kept = nil
	o.wakeWaiters()
	o.signal()
}

// start begins to send.
func (o *nativeOutbox) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running = true
	go o.run()
}

// close takes nothing any more, hands over what it can, and returns when the
// goroutine that sends has ended.
func (o *nativeOutbox) close() {
	o.mu.Lock()
	if !o.ended {
		o.ended = true
		if !o.running {
			close(o.done)
		}
	}
	o.pace.Release()
	o.wakeWaiters()
	o.wake.Broadcast()
	o.mu.Unlock()
	<-o.done
}

// run is the goroutine that sends, until the outbox is closed.
func (o *nativeOutbox) run() {
	defer close(o.done)
	var b nativeBatch
	for o.take(&b) {
		o.sendConfirms(b.confirms)
		o.sendPosts(&b)
		for _, fn := range b.after {
			fn()
		}
		b.reset()
	}
}

// take waits for something to send. It answers false when the outbox is closed and
// empty.
func (o *nativeOutbox) take(b *nativeBatch) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.front.empty() {
		if o.ended {
			return false
		}
		o.wait()
	}
	o.front, *b = *b, o.front
	o.wakeWaiters()
	return true
}

// wait is how the goroutine that sends waits for news. It is called with the lock held.
func (o *nativeOutbox) wait() {
	o.idle = true
	o.wake.Wait()
	o.idle = false
}

// sendPosts hands the posts of a batch over, in as few events as possible.
func (o *nativeOutbox) sendPosts(b *nativeBatch) {
	for from := 0; from < len(b.records); {
		to := min(len(b.records), from+o.eventRoom(int64(b.posts[from].size)))
		var n int
		st := o.trying(engine.PostBWLimit, func(first bool) (err error) {
			if first {
				n, err = o.s.c.Post(b.records[from:to], b.data)
			} else {
				_, err = o.s.c.Post(nil, nil)
			}
			return err
		})
		n = max(n, 1) // it looks at one at least
		switch {
		case st.OK():
			o.handedOver(b, from, from+n)
		case o.stopping():
			o.giveUp(b, from)
			return
		case n > 1:
			// One that can't be posted has all refused: its queue has just gone.
			o.sendEach(b, from, from+n)
		default:
			o.refuse(b, from, st.Text)
		}
		from += n
	}
}

// eventRoom tells how many posts may go into the next event, when there may be one; size
// is that of the first. It waits until queues are opened again, and as long as libbmq has
// too much. Meanwhile confirmations are sent.
func (o *nativeOutbox) eventRoom(size int64) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended && (o.reopening || o.tooMuch(size)) {
		if confirms := o.front.confirms; len(confirms) > 0 && !o.reopening {
			o.front.confirms = nil
			o.mu.Unlock()
			o.sendConfirms(confirms)
			o.mu.Lock()
			continue
		}
		if held := o.tooMuch(size); held != o.held {
			o.held = held
			o.wakeWaiters() // there are other rules for those who wait to post
		}
		o.wait()
	}
	o.held = false
	if o.live {
		return gatherPosts
	}
	return eventPosts
}

// tooMuch tells whether libbmq must not be given a post of size bytes yet.
func (o *nativeOutbox) tooMuch(size int64) bool {
	return o.givenSize > 0 && o.givenSize+size > maxResent
}

func (o *nativeOutbox) stopping() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

func (o *nativeOutbox) sendEach(b *nativeBatch, from, to int) {
	for i := from; i < to; i++ {
		if b.records[i].Result != 0 {
			o.refuse(b, i, "")
			continue
		}
		st := o.trying(engine.PostBWLimit, func(first bool) (err error) {
			if first {
				_, err = o.s.c.Post(b.records[i:i+1], b.data)
			} else {
				_, err = o.s.c.Post(nil, nil)
			}
			return err
		})
		if st.OK() {
			o.handedOver(b, i, i+1)
		} else {
			o.refuse(b, i, st.Text)
		}
	}
}

// sendConfirms hands confirmations over. Those that can't be sent are lost: their
// messages come again.
func (o *nativeOutbox) sendConfirms(records []cbridge.ConfirmRecord) {
	for len(records) > 0 {
		var n int
		st := o.trying(engine.Timeout, func(first bool) error {
			var err error
			if first {
				n, err = o.s.c.Confirm(records)
			} else {
				_, err = o.s.c.Confirm(nil)
			}
			return err
		})
		n = max(n, 1)
		if !st.OK() {
			o.s.log.Debug("confirmations were not sent; the messages will be delivered again", "messages", n, "code", int(st.Code), "reason", st.Text)
		}
		records = records[n:]
	}
}

// trying calls send until libbmq has room, which it has not when it answers full, or
// until the session ends. send is told whether it has to make the event first.
func (o *nativeOutbox) trying(full engine.Code, send func(first bool) error) engine.Status {
	first := true
	for {
		o.mu.Lock()
		lows, repacks := o.lows, o.repacks
		o.mu.Unlock()
		err := send(first)
		if err == nil {
			o.unchoke()
			return engine.Status{}
		}
		st := nativeFailure(err)
		if st.Code != full {
			o.unchoke()
			return st
		}
		o.mu.Lock()
		if o.choked = o.lows == lows; o.choked {
			o.wakeWaiters() // there may be those who do not wait for that
		}
		for o.lows == lows && !o.ended {
			o.wait()
		}
		first = o.repacks != repacks
		ended := o.ended
		o.mu.Unlock()
		if ended {
			return nativeStopped
		}
	}
}

func (o *nativeOutbox) unchoke() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.choked {
		o.choked = false
		o.wakeWaiters()
	}
}

func (o *nativeOutbox) addStats(st *engine.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st.Connected = o.live && !o.ended
	st.BytesOut, st.MessagesPosted = o.stats.out, o.stats.posted
	st.Confirms, st.Retransmitted = o.stats.confirms, o.stats.retransmitted
	st.PendingMessages, st.PendingBytes, st.UnsentBytes = o.pending, o.pendingBytes, o.unsentSize
}
