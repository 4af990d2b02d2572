package broker

import (
	"cmp"
	"slices"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// What observers return has tags for those who show it as JSON.

// ConnectionInfo is a connection as it was at one moment.
type ConnectionInfo struct {
	ID          int      `json:"id"`
	Peer        string   `json:"peer"`       // address of the client
	Negotiated  bool     `json:"negotiated"` // it introduced itself; what follows is empty before
	Admin       bool     `json:"admin"`
	ProcessName string   `json:"processName"`
	UserAgent   string   `json:"userAgent"`
	Features    string   `json:"features"`
	PID         int      `json:"pid"`
	Queues      []string `json:"queues"`      // URIs of the queues it has open, sorted
	UnsentBytes int64    `json:"unsentBytes"` // what it has yet to read
}

// QueueInfo is a queue as it was at one moment.
type QueueInfo struct {
	URI       string    `json:"uri"`
	Domain    string    `json:"domain"`
	Mode      Mode      `json:"mode"`
	Messages  int64     `json:"messages"` // stored
	Bytes     int64     `json:"bytes"`    // of application data
	Producers int       `json:"producers"`
	Consumers int       `json:"consumers"`
	Apps      []AppInfo `json:"apps"`
	Counters  Counters  `json:"counters"`
}

// AppInfo is one application of a queue; the queues that have none have one by the
// name of __default.
type AppInfo struct {
	ID          string         `json:"id"`
	Authorized  bool           `json:"authorized"` // the domain lists it
	Messages    int64          `json:"messages"`   // that it has yet to confirm
	Bytes       int64          `json:"bytes"`
	Unconfirmed int            `json:"unconfirmed"` // of them delivered
	Redelivery  int            `json:"redelivery"`  // of them taken back from consumers that are gone
	Aside       int            `json:"aside"`       // of them left aside: no consumer could take them in turn
	Consumers   []ConsumerInfo `json:"consumers"`
}

// ConsumerInfo is a client that reads an application.
type ConsumerInfo struct {
	Connection    int                `json:"connection"`
	ProcessName   string             `json:"processName"`
	QueueID       uint32             `json:"queueId"`
	SubQueueID    uint32             `json:"subQueueId"`
	Unconfirmed   int                `json:"unconfirmed"`
	Subscriptions []SubscriptionInfo `json:"subscriptions"`
}

// SubscriptionInfo is one subscription of a consumer, with its window.
type SubscriptionInfo struct {
	ID                     uint32 `json:"id"`
	Expression             string `json:"expression"`
	Priority               int32  `json:"priority"`
	MaxUnconfirmedMessages int64  `json:"maxUnconfirmedMessages"`
	MaxUnconfirmedBytes    int64  `json:"maxUnconfirmedBytes"`
	Messages               int64  `json:"messages"` // unconfirmed
	Bytes                  int64  `json:"bytes"`
	Open                   bool   `json:"open"` // it may get more
}

// Counters count what happened at a queue since it was made.
type Counters struct {
	Posted      int64 `json:"posted"` // accepted, duplicates not counted
	PostedBytes int64 `json:"postedBytes"`
	Duplicates  int64 `json:"duplicates"` // accepted and not stored again
	Refused     int64 `json:"refused"`    // over a limit
	Pushed      int64 `json:"pushed"`     // PUSH messages
	PushedBytes int64 `json:"pushedBytes"`
	Redelivered int64 `json:"redelivered"` // of them, those that were out of order
	Confirmed   int64 `json:"confirmed"`
	Expired     int64 `json:"expired"` // dropped for their age
	Poison      int64 `json:"poison"`  // dropped for the consumers that vanished with them
	Lost        int64 `json:"lost"`    // broadcasts to consumers that did not read
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
	info := ConnectionInfo{ID: c.id, Peer: c.peer, UnsentBytes: c.out.queued.Load(), Queues: []string{}}
	if who := c.who.Load(); who != nil {
		info.Negotiated, info.Admin = true, who.ClientType == ctrl.ClientTCPAdmin
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

// DomainInfo is a domain as it was at one moment.
type DomainInfo struct {
	Config   Domain
	Queues   int
	Messages int64 // stored in all of its queues
	Bytes    int64 // of application data
}

// Domains returns the domains, sorted by name.
func (b *Broker) Domains() (list []DomainInfo) {
	for _, d := range b.allDomains() {
		d.mu.Lock()
		queues := len(d.queues)
		d.mu.Unlock()
		list = append(list, DomainInfo{
			Config: *d.config(), Queues: queues, Messages: d.usage.messages.Load(), Bytes: d.usage.bytes.Load(),
		})
	}
	return list
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
		Redelivery: a.redelivery.len(), Aside: a.aside.len(), Consumers: []ConsumerInfo{},
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
		QueueID: st.handle.id, SubQueueID: st.subID, Unconfirmed: st.count, Subscriptions: []SubscriptionInfo{},
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
