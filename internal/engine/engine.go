// Package engine is the seam between the public API and what speaks to the
// broker. The root package validates, keeps the application's view of queues and
// runs its handlers; an engine opens connections and moves events. There is no
// logic here, only the interfaces and the plain structs that cross.
//
// Queue operations answer through a callback. An engine calls callbacks and its
// Handler from goroutines of its own, possibly with locks held: they must return
// at once and must not call the engine.
package engine

import (
	"context"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// Engine is one session with a broker.
type Engine interface {
	// Start connects and returns when the session is up. It is called once. If ctx
	// ends first, the half-started session is taken down and the status is Canceled.
	Start(ctx context.Context) Status
	// OpenQueue opens a queue and answers once.
	OpenQueue(req OpenRequest, done func(Queue, Status))
	// PostBatch posts in order until one fails, which its status is about. It answers
	// how many messages were taken over. The queues are this engine's.
	PostBatch(ctx context.Context, posts []QueuedPut) (int, Status)
	// Flush waits until all posts so far are answered or, where nobody waits for an
	// answer, written. It ends with ctx, or with the session.
	Flush(ctx context.Context) Status
	// Ping asks the broker for a sign of life and waits for it.
	Ping(ctx context.Context) Status
	// SetHostHealth says whether the host is healthy.
	SetHostHealth(healthy bool)
	// Stop takes the session down and returns when no callback will come any more.
	// If ctx ends first, it cuts the connection instead of waiting for the broker.
	Stop(ctx context.Context)
	// Stats returns a snapshot of the engine's counters.
	Stats() Stats
}

// Queue is an open queue of an engine.
type Queue interface {
	// Configure replaces the queue's options and answers once.
	Configure(opts QueueOptions, timeout time.Duration, done func(Status))
	// Close closes the queue and answers once, after posts without an answer got one.
	Close(timeout time.Duration, done func(Status))
	// Post takes a message over; it returns when the message's bytes were copied. It
	// waits for room where too much is on its way already, until ctx ends or the
	// channel write timeout is over.
	Post(ctx context.Context, put Put) Status
	// Confirm confirms a message of this queue.
	Confirm(guid wire.GUID) Status
	// ConfirmBatch confirms messages of this queue, all or none.
	ConfirmBatch(guids []wire.GUID) Status
}

// Handler takes what comes from the broker. Batches pass to the handler, which
// releases them.
type Handler interface {
	OnSessionEvent(SessionEvent)
	// OnMessages may hold up the engine's reading, to bound memory. An engine calls it
	// without a lock.
	OnMessages(*MessageBatch)
	OnAcks(*AckBatch)
	// Awaiting says that a call of the application waits for room, which acks make: the
	// engine's reading must not be held up until done is called.
	Awaiting() (done func())
}

// OpenRequest says which queue to open, and as what.
type OpenRequest struct {
	URI     wire.URI
	Read    bool
	Write   bool
	Options QueueOptions
	Timeout time.Duration
	Owner   any // comes back with each message, ack and event of the queue
}

// QueueOptions are the consumer options of a queue, complete.
type QueueOptions struct {
	MaxUnconfirmedMessages  int64
	MaxUnconfirmedBytes     int64
	ConsumerPriority        int32
	SuspendsOnBadHostHealth bool
	Subscriptions           []Subscription // empty: one that takes every message
}

// Subscription is one of several selections of messages of a queue.
type Subscription struct {
	Expression             string
	MaxUnconfirmedMessages int64
	MaxUnconfirmedBytes    int64
	ConsumerPriority       int32
	Handle                 any // comes back with each message of the subscription
}

// Put is a message to be posted. Its slices belong to the caller and are not kept.
type Put struct {
	Payload     []byte
	Properties  []wire.Property // in the order of their names, within the limits
	Compression wire.Compression
	WantAck     bool
	Cookie      any // comes back with the ack
}

// QueuedPut is a message with the queue that it is for.
type QueuedPut struct {
	Queue Queue
	Put   Put
}

// Message is a message from the broker.
type Message struct {
	Owner         any // of OpenRequest
	Handle        any // of Subscription; nil where the queue has none
	GUID          wire.GUID
	Data          []byte // GC-owned and never written again, unless the batch is borrowed
	Properties    wire.Properties
	PropertiesErr error // why the properties could not be read
}

// Ack answers a post that asked for one.
type Ack struct {
	Owner  any // of OpenRequest
	Cookie any // of Put
	GUID   wire.GUID
	Status Code
}

// SessionEvent is a change of the session's or of a queue's state.
type SessionEvent struct {
	Type   int // the number of sessionevents.Type
	Owner  any // of OpenRequest, for queue events
	Status Status
}

// Stats are counters since the start of the session, and present levels.
type Stats struct {
	Connected        bool   // and the state restored
	Connects         uint64 // connections that were negotiated
	BytesIn          uint64
	BytesOut         uint64
	EventsIn         uint64
	MessagesPosted   uint64
	MessagesReceived uint64
	Acks             uint64 // with any status
	Nacks            uint64 // acks with another status than success
	Confirms         uint64
	Retransmitted    uint64
	PendingMessages  int // posts without an answer, or not yet written
	PendingBytes     int64
	UnsentBytes      int64
}
