package broker

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/bmq-go/bmq/internal/wire"
)

// ConnectionInfo is a connection as it was at one moment.
type ConnectionInfo struct {
	ID          int
	Peer        string // address of the client
	Negotiated  bool   // it introduced itself; what follows is empty before
	Admin       bool
	ProcessName string
	UserAgent   string
	Features    string
	PID         int
	Queues      []string // URIs of the queues it has open, sorted
	UnsentBytes int64    // what it has yet to read
}

// QueueInfo is a queue as it was at one moment.
type QueueInfo struct {
	URI       string
	Domain    string
	Mode      Mode
	Messages  int64 // stored
	Bytes     int64 // of application data
	Producers int
	Consumers int
	Apps      []AppInfo
	Counters  Counters
}

// AppInfo is one application of a queue; the queues that have none have one by the
// name of __default.
type AppInfo struct {
	ID          string
	Authorized  bool  // the domain lists it
	Messages    int64 // that it has yet to confirm
	Bytes       int64
	Unconfirmed int // of them delivered
	Redelivery  int // of them taken back from consumers that are gone
	Aside       int // of them left aside: no consumer could take them in turn
	Consumers   []ConsumerInfo
}

// ConsumerInfo is a client that reads an application.
type ConsumerInfo struct {
	Connection    int
	ProcessName   string
	QueueID       uint32
	SubQueueID    uint32
	Unconfirmed   int
	Subscriptions []SubscriptionInfo
}

// SubscriptionInfo is one subscription of a consumer, with its window.
type SubscriptionInfo struct {
	ID                     uint32
	Expression             string
	Priority               int32
	MaxUnconfirmedMessages int64
	MaxUnconfirmedBytes    int64
	Messages               int64 // unconfirmed
	Bytes                  int64
	Open                   bool // it may get more
}

// Counters count what happened at a queue since it was made.
type Counters struct {
	Posted, PostedBytes   int64 // accepted, duplicates not counted
	Duplicates            int64
	Refused               int64 // not accepted
	Pushed, PushedBytes   int64 // PUSH messages
	Redelivered           int64 // of them, those that were out of order
	Confirmed             int64
	Expired, Poison, Lost int64 // dropped for age; for killing consumers; broadcasts to slow consumers
}

// MessageInfo is a stored message.
type MessageInfo struct {
	GUID        wire.GUID
	Flags       uint8
	Compression wire.Compression
	Schema      wire.SchemaID
	Data        []byte
	Age         int64 // milliseconds
}

// Connections returns the connections, in order of connecting.
func (b *Broker) Connections() []ConnectionInfo {
	b.mu.Lock()
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	b.mu.Unlock()
	slices.SortFunc(conns, func(x, y *conn) int { return cmp.Compare(x.id, y.id) })
	list := make([]ConnectionInfo, 0, len(conns))
	for _, c := range conns {
		list = append(list, c.info())
	}
	return list
}

func (c *conn) info() ConnectionInfo {
	info := ConnectionInfo{ID: c.id, Peer: c.peer, UnsentBytes: c.out.queued.Load()}
	if who := c.who.Load(); who != nil {
		info.Negotiated, info.Admin = true, c.session.Load() == nil
		info.ProcessName, info.UserAgent, info.Features = who.ProcessName, who.UserAgent, who.Features
		info.PID = int(who.PID)
	}
	if s := c.session.Load(); s != nil {
		for _, h := range s.list() {
			info.Queues = append(info.Queues, h.queue.uri)
		}
		slices.Sort(info.Queues)
	}
	return info
}

// Queues returns the queues of all domains, sorted by URI.
func (b *Broker) Queues() (list []QueueInfo) {
	for _, d := range b.allDomains() {
		for _, q := range d.list() {
			list = append(list, q.info())
		}
	}
	slices.SortFunc(list, func(x, y QueueInfo) int { return cmp.Compare(x.URI, y.URI) })
	return list
}

// Queue returns a queue by its URI.
func (b *Broker) Queue(uri string) (QueueInfo, bool) {
	q := b.findQueue(uri)
	if q == nil {
		return QueueInfo{}, false
	}
	return q.info(), true
}

func (b *Broker) findQueue(uri string) *queue {
	u, err := wire.ParseURI(uri)
	if err != nil {
		return nil
	}
	d, failed := b.domainFor(u.QualifiedDomain())
	if failed != nil {
		return nil
	}
	return d.find(u.Queue)
}

func (q *queue) info() QueueInfo {
	q.lock()
	defer q.unlock()
	info := QueueInfo{
		URI: q.uri, Domain: q.domain.name, Mode: q.domain.config().Mode,
		Messages: q.store.count, Bytes: q.store.bytes, Counters: q.counters,
	}
	for _, h := range q.handles {
		info.Producers += int(h.writes)
		info.Consumers += int(h.reads)
	}
	for _, a := range slices.Concat(q.apps, q.strangers) {
		info.Apps = append(info.Apps, a.info())
	}
	return info
}

func (a *app) info() AppInfo {
	info := AppInfo{
		ID: a.id, Authorized: a.authorized, Messages: a.messages, Bytes: a.bytes,
		Redelivery: a.redelivery.len(), Aside: a.aside.len(),
	}
	for _, h := range a.queue.handles {
		for _, st := range h.streams {
			if st.app == a && st.reads > 0 {
				info.Unconfirmed += st.count
				info.Consumers = append(info.Consumers, st.info())
			}
		}
	}
	return info
}

func (st *stream) info() ConsumerInfo {
	info := ConsumerInfo{
		Connection: st.handle.session.conn.id, ProcessName: st.handle.session.identity.ProcessName,
		QueueID: st.handle.id, SubQueueID: st.subID, Unconfirmed: st.count,
	}
	for _, s := range st.subscriptions {
		info.Subscriptions = append(info.Subscriptions, SubscriptionInfo{
			ID: s.id, Expression: s.expression.Text, Priority: s.priority,
			MaxUnconfirmedMessages: s.window.maxMessages, MaxUnconfirmedBytes: s.window.maxBytes,
			Messages: s.window.messages, Bytes: s.window.bytes, Open: s.window.open(),
		})
	}
	return info
}

// Messages returns up to count messages of a queue that an application has yet to
// confirm, oldest first, after leaving out the first offset. An empty application
// id means any.
func (b *Broker) Messages(uri, appID string, offset, count int) (list []MessageInfo) {
	q := b.findQueue(uri)
	if q == nil {
		return nil
	}
	q.lock()
	defer q.unlock()
	a := q.app(appID)
	if appID != "" && a == nil {
		return nil
	}
	for p := q.store.seek(0); p < q.store.next && len(list) < count; p = q.store.seek(p + 1) {
		if a != nil {
			if v := q.store.view(p, a.index); v == nil || v.done {
				continue
			}
		}
		if offset--; offset < 0 {
			list = append(list, q.store.at(p).info(q))
		}
	}
	return list
}

func (m *message) info(q *queue) MessageInfo {
	return MessageInfo{
		GUID: m.guid, Flags: m.flags, Compression: m.compression, Schema: m.schema, Data: bytes.Clone(m.data),
		Age: (q.now() - m.arrived).Milliseconds(),
	}
}
