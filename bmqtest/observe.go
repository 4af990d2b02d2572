package bmqtest

import "github.com/bmq-go/bmq/internal/broker"

// Connection is a connection as it was at one moment.
type Connection struct {
	ID          int
	Peer        string // address of the client
	Negotiated  bool   // it introduced itself; what follows is empty before
	Admin       bool   // it sends commands
	ProcessName string
	UserAgent   string
	Features    string
	PID         int
	Queues      []string // URIs of the queues it has open, sorted
	UnsentBytes int64    // what it has yet to read
}

// Queue is a queue as it was at one moment.
type Queue struct {
	URI       string
	Domain    string
	Mode      Mode
	Messages  int64 // stored
	Bytes     int64 // of application data
	Producers int
	Consumers int
	Apps      []App
	Counters  Counters
}

// App is one application of a queue. A queue without applications has one by the
// name of __default.
type App struct {
	ID          string
	Authorized  bool  // the domain lists it
	Messages    int64 // that it has yet to confirm
	Bytes       int64
	Unconfirmed int // of them delivered
	Redelivery  int // of them taken back from consumers that are gone
	Aside       int // of them left aside: no consumer could take them in turn
	Consumers   []Consumer
}

// Consumer is a client that reads an application.
type Consumer struct {
	Connection    int // see Connection.ID
	ProcessName   string
	QueueID       uint32
	SubQueueID    uint32
	Unconfirmed   int
	Subscriptions []Subscription
}

// Subscription is one subscription of a consumer, with its window.
type Subscription struct {
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
	Posted      int64 // accepted, duplicates not counted
	PostedBytes int64
	Duplicates  int64 // accepted and not stored again
	Refused     int64 // over a limit
	Pushed      int64 // PUSH messages
	PushedBytes int64
	Redelivered int64 // of them, those that were out of order
	Confirmed   int64
	Expired     int64 // dropped for their age
	Poison      int64 // dropped for the consumers that vanished with them
	Lost        int64 // broadcasts to consumers that did not read
}

// Connections returns the connections there are, in order of connecting.
func (b *Broker) Connections() []Connection {
	return convert(b.core.Connections(), func(c broker.ConnectionInfo) Connection { return Connection(c) })
}

// Queues returns the queues of all domains, sorted by URI.
func (b *Broker) Queues() []Queue { return convert(b.core.Queues(), newQueue) }

// Queue returns a queue by its URI without application id.
func (b *Broker) Queue(uri string) (Queue, bool) {
	q, ok := b.core.Queue(uri)
	return newQueue(q), ok
}

func newQueue(q broker.QueueInfo) Queue {
	return Queue{
		URI: q.URI, Domain: q.Domain, Mode: q.Mode, Messages: q.Messages, Bytes: q.Bytes,
		Producers: q.Producers, Consumers: q.Consumers, Apps: convert(q.Apps, newApp), Counters: Counters(q.Counters),
	}
}

func newApp(a broker.AppInfo) App {
	return App{
		ID: a.ID, Authorized: a.Authorized, Messages: a.Messages, Bytes: a.Bytes,
		Unconfirmed: a.Unconfirmed, Redelivery: a.Redelivery, Aside: a.Aside, Consumers: convert(a.Consumers, newConsumer),
	}
}

func newConsumer(c broker.ConsumerInfo) Consumer {
	return Consumer{
		Connection: c.Connection, ProcessName: c.ProcessName, QueueID: c.QueueID, SubQueueID: c.SubQueueID,
		Unconfirmed:   c.Unconfirmed,
		Subscriptions: convert(c.Subscriptions, func(s broker.SubscriptionInfo) Subscription { return Subscription(s) }),
	}
}

func convert[A, B any](list []A, f func(A) B) []B {
	if list == nil {
		return nil
	}
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}
