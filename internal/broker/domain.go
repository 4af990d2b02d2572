package broker

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// domain is a set of queues with one configuration.
type domain struct {
	broker *Broker
	name   string
	conf   atomic.Pointer[Domain]
	usage  usage

	mu       sync.Mutex
	queues   map[string]*queue // by name
	removing bool              // no queue may be opened
	removed  bool              // and there is none
	swept    time.Duration     // when unused ones were given up
	left     int               // how many there were then
}

// usage counts what is stored. A limit is checked before a message is added, so
// that each is exceeded by at most one message.
type usage struct{ messages, bytes atomic.Int64 }

func (u *usage) add(messages, bytes int64) {
	u.messages.Add(messages)
	u.bytes.Add(bytes)
}

// over tells which of the limits is exceeded, if one is.
func over(messages, bytes, maxMessages, maxBytes int64) wire.AckStatus {
	switch {
	case maxMessages > 0 && messages > maxMessages:
		return wire.AckLimitMessages
	case maxBytes > 0 && bytes > maxBytes:
		return wire.AckLimitBytes
	}
	return wire.AckSuccess
}

func newDomain(b *Broker, config Domain) *domain {
	d := &domain{broker: b, name: config.Name, queues: make(map[string]*queue)}
	d.conf.Store(&config)
	return d
}

func (d *domain) config() *Domain { return d.conf.Load() }

// open returns the queue with a URI, made if there is none.
func (d *domain) open(uri wire.URI) (*queue, *ctrl.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removing {
		return nil, status(ctrl.StatusRefused, codeRemoved, "Domain is removing or removed")
	}
	if q := d.queues[uri.Queue]; q != nil {
		return q, nil
	}
	if limit := d.config().MaxQueues; limit > 0 && len(d.queues) >= limit {
		return nil, status(ctrl.StatusRefused, codeLimit, "maximum number of queues reached")
	}
	d.sweep()
	q := newQueue(d, uri)
	q.idleSince = d.broker.now()
	d.queues[uri.Queue] = q
	return q, nil
}

// manyQueues is how many queues a domain has before it looks for those that are not
// in use. It looks every sweepInterval, or when there are twice as many.
const (
	manyQueues    = 1000
	sweepInterval = time.Minute
)

// sweep gives up the queues that nobody has open and that hold nothing, not even
// GUIDs to be recognised.
func (d *domain) sweep() {
	now := d.broker.now()
	if len(d.queues) < manyQueues || now-d.swept < sweepInterval && len(d.queues) < 2*d.left {
		return
	}
	d.collect(func(q *queue) bool {
		past := &q.store.past
		return past.head < len(past.entries) && now-q.idleSince <= past.window
	})
	d.swept, d.left = now, len(d.queues)
}

// collect gives up the queues that nobody has open, that are empty and that nothing
// else keeps.
func (d *domain) collect(keep func(*queue) bool) {
	for name, q := range d.queues {
		if q.giveUp(func() bool { return q.store.count == 0 && !keep(q) }) {
			delete(d.queues, name)
		}
	}
}

// giveUp ends a queue that nobody has open, if cond holds, and tells whether it did.
func (q *queue) giveUp(cond func() bool) bool {
	q.lock()
	defer q.unlock()
	if len(q.handles) > 0 || !cond() {
		return false
	}
	q.closed = true
	q.stopTimers()
	return true
}

// list returns the queues, sorted by name.
func (d *domain) list() []*queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]*queue, 0, len(d.queues))
	for _, q := range d.queues {
		list = append(list, q)
	}
	slices.SortFunc(list, func(a, b *queue) int { return strings.Compare(a.name, b.name) })
	return list
}

// find returns a queue by its name, nil if there is none.
func (d *domain) find(name string) *queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queues[name]
}
