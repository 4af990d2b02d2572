package broker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// queue is one queue: its messages, its applications and who opened it.
type queue struct {
	domain *domain
	uri    string // canonical
	name   string

	mu         sync.Mutex
	closed     bool // the broker stopped; nothing happens here any more
	store      *store
	cursor     position // of the next message that is new to the applications
	apps       []*app   // by the index of their views in the store
	strangers  []*app   // that sessions opened and the domain does not list
	handles    []*handle
	touched    []*handle
	properties properties
	schemas    schemaTable
	guids      *wire.GUIDGenerator
	targets    []*subscription // of the message that is being delivered
	ids        []uint32
	expiry     *Timer
	idleSince  time.Duration
	counters   Counters
	shown      Counters // when somebody asked last
}

func newQueue(d *domain, uri wire.URI) *queue {
	config := d.config()
	q := &queue{domain: d, uri: uri.Canonical(), name: uri.Queue}
	names := []string{ctrl.DefaultAppID}
	if config.Mode == Fanout {
		names = config.AppIDs
	}
	q.store = newStore(len(names), config.deduplicationTime())
	for i, id := range names {
		q.apps = append(q.apps, &app{queue: q, id: id, index: i, authorized: true, resume: none})
	}
	q.setFilters(config)
	return q
}

// setFilters gives each application the subscription that the domain has for it.
func (q *queue) setFilters(config *Domain) {
	for _, a := range q.apps {
		key := a.id
		if config.Mode != Fanout {
			key = ""
		}
		a.filter = newFilter(ctrl.Expression{Version: ctrl.ExpressionVersion1, Text: config.Subscriptions[key]})
	}
}

func (q *queue) lock() { q.mu.Lock() }

// unlock also wakes the writers of all connections that got messages.
func (q *queue) unlock() {
	for i, h := range q.touched {
		h.touched = false
		h.session.out.wake()
		q.touched[i] = nil
	}
	q.touched = q.touched[:0]
	q.mu.Unlock()
}

func (q *queue) now() time.Duration { return q.domain.broker.now() }

func (q *queue) log(level slog.Level, msg string, args ...any) {
	q.domain.broker.log.Log(context.Background(), level, msg, append(args, slog.String("queue", q.uri))...)
}

func (q *queue) app(id string) *app {
	for _, list := range [][]*app{q.apps, q.strangers} {
		if i := slices.IndexFunc(list, func(a *app) bool { return a.id == id }); i >= 0 {
			return list[i]
		}
	}
	return nil
}

// advance delivers what is new, each message to all applications at once so that a
// session that has several of them gets it once.
func (q *queue) advance() {
	for {
		p := q.store.seek(q.cursor)
		q.cursor = p
		m := q.store.at(p)
		if m == nil {
			return
		}
		progress := false
		q.targets = q.targets[:0]
		// For two and for three applications, the official broker begins with the last one.
		for i := range q.apps {
			a := q.apps[(i+len(q.apps)-1)%len(q.apps)]
			if !a.authorized {
				continue
			}
			s, stays := a.advance(p, m)
			progress = progress || !stays
			if s != nil {
				q.targets = append(q.targets, s)
			}
		}
		q.pushToTargets(m)
		if !progress {
			return
		}
		q.cursor = p + 1
	}
}

// pushToTargets sends one PUSH message to each session among the targets.
func (q *queue) pushToTargets(m *message) {
	for i, s := range q.targets {
		if s == nil {
			continue
		}
		q.ids = q.ids[:0]
		for j := i; j < len(q.targets); j++ {
			if t := q.targets[j]; t != nil && t.stream.handle == s.stream.handle {
				q.ids = append(q.ids, t.id)
				q.targets[j] = nil
			}
		}
		q.push(m, 0, s.stream, q.ids...)
	}
}

// push appends a message to what is sent to the session of a stream.
func (q *queue) push(m *message, flags uint8, st *stream, ids ...uint32) {
	h := st.handle
	header := wire.PushHeader{
		Flags: m.flags | flags, Compression: m.compression, QueueID: int32(h.id), GUID: m.guid, Schema: m.schema,
	}
	data := m.data
	if m.flags&wire.FlagProperties != 0 {
		data = h.convert(&header, m.generation, data)
	}
	h.session.out.push(&header, ids, data)
	q.counters.Pushed++
	q.counters.PushedBytes += int64(len(data))
	if flags&wire.FlagOutOfOrder != 0 {
		q.counters.Redelivered++
	}
	q.touch(h)
}

func (q *queue) touch(h *handle) {
	if !h.touched {
		h.touched = true
		q.touched = append(q.touched, h)
	}
}

// remove drops a message that nobody needs any more.
func (q *queue) remove(p position, m *message) {
	q.domain.usage.add(-1, -int64(len(m.data)))
	q.properties.done()
	q.store.remove(p)
}

// drop removes a message that applications still need, as time or an operator
// wants it. Consumers are not told; the message stays in their windows.
func (q *queue) drop(p position) {
	m := q.store.at(p)
	for _, a := range q.apps {
		if v := q.store.view(p, a.index); a.authorized && v != nil && !v.done {
			a.orphan(m, v)
			if a.confirm(p, m, v); m.refs == 0 {
				return
			}
		}
	}
}

// orphan leaves a message with the stream that holds it.
func (a *app) orphan(m *message, v *view) {
	if v.holder == nil {
		return
	}
	st := v.holder.stream
	if st.orphans == nil {
		st.orphans = make(map[wire.GUID]orphan)
	}
	st.orphans[m.guid] = orphan{v.holder, len(m.data)}
}

// expire drops the messages that are older than the domain allows, and looks again
// when the next one will be.
func (q *queue) expire() {
	q.lock()
	defer q.unlock()
	q.expiry = nil
	ttl := q.domain.config().MessageTTL
	if q.closed || ttl <= 0 {
		return
	}
	now := q.now().Truncate(time.Second)
	for p := q.store.seek(0); ; p = q.store.seek(p) {
		m := q.store.at(p)
		if m == nil {
			return
		}
		if now-m.arrived.Truncate(time.Second) <= ttl {
			q.armExpiry(m.arrived)
			return
		}
		q.drop(p)
		q.counters.Expired++
	}
}

// armExpiry makes sure that somebody looks when a message gets too old.
func (q *queue) armExpiry(arrived time.Duration) {
	ttl := q.domain.config().MessageTTL
	if ttl <= 0 || q.expiry != nil {
		return
	}
	due := arrived.Truncate(time.Second) + ttl + time.Second
	q.expiry = q.domain.broker.clock.AfterFunc(due-q.now(), q.expire)
}

func (q *queue) stopTimers() {
	q.expiry.Stop()
	q.expiry = nil
	for _, a := range q.apps {
		a.throttle.Stop()
		a.throttle = nil
	}
}
