package broker

import (
	"slices"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// handle is a queue that a session opened. The queue's lock guards it, except for
// what never changes.
type handle struct {
	session       *session
	queue         *queue
	id            uint32
	reads, writes int32
	flags         uint64 // of all openings
	streams       []*stream
	schemas       schemaReader
	producer      schemaWriter
	touched       bool // the writer of its session has something new to write
}

// stream is one application of a handle, as the session opened it.
type stream struct {
	handle        *handle
	app           *app // nil for a writer
	appID         string
	subID         uint32
	reads, writes int32
	subscriptions []*subscription

	// delivered are the messages that were given to the stream, in order. Those that
	// are not outstanding any more are skipped, and dropped as they come to the front
	// or make up most of the list.
	delivered []position
	head      int
	count     int // of outstanding ones
	// orphans are outstanding messages that the queue dropped. They occupy the
	// window until the client confirms them.
	orphans map[wire.GUID]orphan

	lastSent time.Duration // when it got a message out of order, for throttling
	lastGUID wire.GUID
}

type orphan struct {
	holder *subscription
	size   int
}

func (h *handle) stream(appID string) *stream {
	i := slices.IndexFunc(h.streams, func(st *stream) bool { return st.appID == appID })
	if i < 0 {
		return nil
	}
	return h.streams[i]
}

func (h *handle) streamByID(subID uint32) *stream {
	i := slices.IndexFunc(h.streams, func(st *stream) bool { return st.subID == subID })
	if i < 0 {
		return nil
	}
	return h.streams[i]
}

// assigned notes that the message at p was given to the stream.
func (st *stream) assigned(s *store, p position) {
	if unused := len(st.delivered) - st.count; unused > 64 && unused > st.count {
		st.delivered = append(st.delivered[:0], st.held(s)...)
		st.head = 0
	}
	st.delivered = append(st.delivered, p)
	st.count++
}

// release takes a message of the given size from a window of the stream, and
// answers whether that opened the window.
func (st *stream) release(s *subscription, size int) (opened bool) {
	st.count--
	return s.window.remove(size)
}

// held returns the positions of what the stream holds, in order of delivery.
func (st *stream) held(s *store) []position {
	list := make([]position, 0, st.count)
	for _, p := range st.delivered[st.head:] {
		if v := s.view(p, st.app.index); s.at(p) != nil && v.holder != nil && v.holder.stream == st {
			list = append(list, p)
		}
	}
	return list
}

// takeAll returns what the stream holds and leaves it with nothing.
func (st *stream) takeAll() []position {
	list := st.held(st.handle.queue.store)
	st.delivered, st.head, st.count, st.orphans = nil, 0, 0, nil
	for _, s := range st.subscriptions {
		s.window.messages, s.window.bytes = 0, 0
		s.window.resize(s.window.maxMessages, s.window.maxBytes)
	}
	return list
}

// trim drops what is not outstanding from the front of the list.
func (st *stream) trim(s *store) {
	for st.head < len(st.delivered) {
		p := st.delivered[st.head]
		if v := s.view(p, st.app.index); s.at(p) != nil && v.holder != nil && v.holder.stream == st {
			break
		}
		st.head++
	}
	if st.head == len(st.delivered) {
		st.delivered, st.head = st.delivered[:0], 0
	}
}

// configure replaces the subscriptions. One whose id stays keeps its window.
func (st *stream) configure(list []ctrl.Subscription) {
	before := st.withWindows()
	st.subscriptions = nil
	for _, in := range list {
		for _, c := range in.Consumers {
			if c.ConsumerPriority == ctrl.InvalidPriority {
				continue
			}
			s := &subscription{stream: st, id: in.SID}
			if i := slices.IndexFunc(before, func(b *subscription) bool { return b.id == in.SID }); i >= 0 {
				s = before[i]
			}
			s.expression, s.priority, s.count = in.Expression, c.ConsumerPriority, max(1, c.ConsumerPriorityCount)
			s.window.resize(c.MaxUnconfirmedMessages, c.MaxUnconfirmedBytes)
			st.subscriptions = append(st.subscriptions, s)
		}
	}
}

// withWindows returns the subscriptions that count messages: the present ones, and
// earlier ones that still hold some.
func (st *stream) withWindows() []*subscription {
	list := slices.Clone(st.subscriptions)
	add := func(s *subscription) {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	q := st.handle.queue
	for _, p := range st.held(q.store) {
		add(q.store.view(p, st.app.index).holder)
	}
	for _, o := range st.orphans {
		add(o.holder)
	}
	return list
}
