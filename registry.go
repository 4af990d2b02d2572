package bmq

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bmq-go/bmq/internal/engine"
)

// queue is the application's view of one queue.
type queue struct {
	uri         string
	read, write bool

	// Guarded by registry.mu.
	engine  engine.Queue // set once the queue is open
	options QueueOptions // complete once the queue is open
	subs    []Subscription
	busy    string      // the operation that is under way, "" for none
	closing atomic.Bool // Close was called, or the session gave the queue up
}

// registry has the queues of a session by their URIs. Looking one up takes no lock:
// posts and confirmations do it all the time.
type registry struct {
	mu      sync.Mutex
	opening map[string]*queue
	open    atomic.Pointer[map[string]*queue]
}

// lookup returns an open queue, nil if there is none of that URI.
func (r *registry) lookup(uri string) *queue {
	open := r.open.Load()
	if open == nil {
		return nil
	}
	return (*open)[uri]
}

// all returns the open queues.
func (r *registry) all() []*queue {
	open := r.open.Load()
	if open == nil {
		return nil
	}
	return slices.Collect(maps.Values(*open))
}

// reserve takes the URI for a queue that is about to be opened. It answers what
// stands in the way.
func (r *registry) reserve(q *queue) engine.Code {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.lookup(q.uri); other != nil {
		if other.closing.Load() {
			return engine.OpenAlreadyInProgress
		}
		return engine.OpenAlreadyOpened
	}
	if r.opening[q.uri] != nil {
		return engine.OpenAlreadyInProgress
	}
	if r.opening == nil {
		r.opening = make(map[string]*queue)
	}
	r.opening[q.uri] = q
	return engine.Success
}

// release gives a reserved URI back.
func (r *registry) release(q *queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.opening, q.uri)
}

// publish makes a reserved queue one that is open.
func (r *registry) publish(q *queue, eq engine.Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.opening, q.uri)
	q.engine = eq
	r.change(func(open map[string]*queue) { open[q.uri] = q })
}

// remove forgets a queue.
func (r *registry) remove(q *queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.closing.Store(true)
	if r.lookup(q.uri) == q {
		r.change(func(open map[string]*queue) { delete(open, q.uri) })
	}
}

func (r *registry) change(edit func(map[string]*queue)) {
	next := make(map[string]*queue)
	if open := r.open.Load(); open != nil {
		next = maps.Clone(*open)
	}
	edit(next)
	r.open.Store(&next)
}

// begin marks an open queue as busy with an operation. It answers false if another
// one is under way.
func (r *registry) begin(q *queue, op string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.busy != "" {
		return false
	}
	q.busy = op
	return true
}

// end takes back what begin did; change may change the queue meanwhile.
func (r *registry) end(q *queue, change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.busy = ""
	change()
}

// optionsOf returns the present options and subscriptions of an open queue.
func (r *registry) optionsOf(q *queue) (QueueOptions, []Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return q.options, q.subs
}
