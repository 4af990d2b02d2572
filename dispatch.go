package bmq

import (
	"bytes"
	"context"
	"runtime"
	"strconv"
	"sync"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
)

// item is something for the handlers: one network event, or one session event.
type item struct {
	messages *engine.MessageBatch
	acks     *engine.AckBatch
	event    sessionevents.SessionEvent
}

// dispatcher hands items to the application's handlers, in order, on goroutines of
// its own, so that the engine never waits for the application. With several
// goroutines items are taken in order and handled at the same time.
type dispatcher struct {
	handle func(item)

	mu       sync.Mutex
	work     sync.Cond // there are items, or closed
	items    []item    // a ring: n items from index first on
	first, n int
	bytes    int64 // of messages in items
	messages int   // in items
	taken    uint64
	workers  []*worker
	barriers []barrier // in the order of their positions
	marks    Watermarks
	slow     bool // the high watermark was reached, the low one not yet again
	closed   bool
	running  int           // workers
	ended    chan struct{} // closed when the last worker has ended

	maxBytes int64         // of messages and what each of them costs; 0: no bound
	room     chan struct{} // closed when bytes fall, made by those who wait
	waiters  int           // calls that wait for the broker, for whom reading must go on
}

type worker struct {
	goroutine uint64
	busy      uint64 // number of the item in hand, counted from 1; 0: none
}

// barrier is closed when the first position items were handled.
type barrier struct {
	position uint64
	done     chan struct{}
}

func newDispatcher(workers int, marks Watermarks, maxBytes int64, handle func(item)) *dispatcher {
	d := &dispatcher{
		handle: handle, marks: marks, maxBytes: maxBytes,
		running: workers, ended: make(chan struct{}),
	}
	d.work.L = &d.mu
	for range workers {
		w := new(worker)
		d.workers = append(d.workers, w)
		go d.run(w)
	}
	return d
}

// push appends an item. Once the dispatcher is closed there is nobody to handle it.
func (d *dispatcher) push(it item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		it.release()
		return
	}
	d.append(it)
	if !d.slow && d.n >= d.marks.High {
		d.slow = true
		d.prepend(item{event: sessionevents.New(sessionevents.TypeSlowConsumerHighMark, "", 0, "")})
	}
	d.work.Signal()
}

func (d *dispatcher) append(it item) {
	d.grow()
	d.items[(d.first+d.n)%len(d.items)] = it
	d.n++
	d.account(it.size())
}

// account notes messages that came to wait, or wait no more.
func (d *dispatcher) account(messages int, bytes int64) {
	d.messages += messages
	d.bytes += bytes
	if messages < 0 || bytes < 0 {
		d.signalRoom()
	}
}

func (d *dispatcher) prepend(it item) {
	d.grow()
	d.first = (d.first + len(d.items) - 1) % len(d.items)
	d.items[d.first] = it
	d.n++
	// What waited comes one place later, and so do the barriers behind it.
	for i := range d.barriers {
		d.barriers[i].position++
	}
}

func (d *dispatcher) grow() {
	if d.n < len(d.items) {
		return
	}
	items := make([]item, max(16, 2*len(d.items)))
	for i := range d.n {
		items[i] = d.items[(d.first+i)%len(d.items)]
	}
	d.items, d.first = items, 0
}

// run is the life of one worker.
func (d *dispatcher) run(w *worker) {
	d.mu.Lock()
	w.goroutine = goroutineID()
	d.mu.Unlock()
	finished := false
	defer func() {
		// A handler that ends its goroutine (as testing.T.FailNow does) takes the worker
		// with it: another one has to go on.
		if !finished {
			d.done(w)
			go d.run(w)
			return
		}
		d.end()
	}()
	for {
		it, ok := d.next(w)
		if !ok {
			finished = true
			return
		}
		d.handle(it)
		d.done(w)
	}
}

// end notes that a worker ended.
func (d *dispatcher) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running--; d.running == 0 {
		close(d.ended)
	}
}

// keptItems is the room for what waits that is kept when nothing does. A backlog may have
// taken much more.
const keptItems = 1 << 10

func (d *dispatcher) next(w *worker) (item, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.n == 0 {
		if d.closed {
			return item{}, false
		}
		d.work.Wait()
	}
	it := d.items[d.first]
	d.items[d.first] = item{}
	d.first = (d.first + 1) % len(d.items)
	d.n--
	d.taken++
	w.busy = d.taken
	if d.slow && d.n <= d.marks.Low {
		d.slow = false
		d.append(item{event: sessionevents.New(sessionevents.TypeSlowConsumerNormal, "", 0, "")})
		d.work.Signal()
	}
	if it.messages != nil {
		messages, bytes := it.size()
		d.account(-messages, -bytes)
	}
	if d.n == 0 && len(d.items) > keptItems {
		d.items, d.first = nil, 0
	}
	return it, true
}

func (d *dispatcher) done(w *worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.busy = 0
	finished := d.finished()
	for len(d.barriers) > 0 && d.barriers[0].position <= finished {
		close(d.barriers[0].done)
		d.barriers = d.barriers[1:]
	}
}

// finished is how many items, from the first on, have been handled.
func (d *dispatcher) finished() uint64 {
	finished := d.taken
	for _, w := range d.workers {
		if w.busy != 0 {
			finished = min(finished, w.busy-1)
		}
	}
	return finished
}

// barrier returns a channel that is closed when all items that are there now have
// been handled.
func (d *dispatcher) barrier() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := make(chan struct{})
	position := d.taken + uint64(d.n)
	if position <= d.finished() {
		close(done)
	} else {
		d.barriers = append(d.barriers, barrier{position, done})
	}
	return done
}

// messageCost is about how much memory a message takes besides its bytes while it waits:
// of small ones that is most of it.
const messageCost = 256

// throttle waits until messages may be pushed again, as far as memory goes, or
// until somebody needs what comes behind them.
func (d *dispatcher) throttle() {
	for {
		d.mu.Lock()
		if d.maxBytes == 0 || d.bytes+int64(d.messages)*messageCost <= d.maxBytes || d.waiters > 0 || d.closed {
			d.mu.Unlock()
			return
		}
		if d.room == nil {
			d.room = make(chan struct{})
		}
		room := d.room
		d.mu.Unlock()
		<-room
	}
}

// hold accounts for messages that wait elsewhere.
func (d *dispatcher) hold(messages int, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.account(messages, bytes)
}

// waiting tells what waits for handlers.
func (d *dispatcher) waiting() (items int, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n, d.bytes
}

func (d *dispatcher) signalRoom() {
	if d.room != nil {
		close(d.room)
		d.room = nil
	}
}

// awaiting says that somebody waits for an answer of the broker; the function that
// it returns takes that back.
func (d *dispatcher) awaiting() (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiters++
	d.signalRoom()
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.waiters--
	}
}

// close lets the workers end when all items have been handled, and waits for that
// as long as ctx allows. It may be called again.
func (d *dispatcher) close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	d.signalRoom()
	d.work.Broadcast()
	d.mu.Unlock()
	select {
	case <-d.ended:
		return nil
	default:
	}
	select {
	case <-d.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onWorker tells whether the caller is a handler.
func (d *dispatcher) onWorker() bool {
	id := goroutineID()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		if w.goroutine == id {
			return true
		}
	}
	return false
}

// goroutineID reads the number of the calling goroutine off its stack trace, the
// only place where it is to be had. It costs about a microsecond.
func goroutineID() uint64 {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(digits), 10, 64)
	return id
}

// size tells how many messages there are, and their bytes.
func (it *item) size() (messages int, bytes int64) {
	if it.messages == nil {
		return 0, 0
	}
	return len(it.messages.Messages), int64(it.messages.Bytes)
}

func (it *item) release() {
	if it.messages != nil {
		it.messages.Release()
	}
	if it.acks != nil {
		it.acks.Release()
	}
}
