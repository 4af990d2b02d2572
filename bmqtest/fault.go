package bmqtest

import (
	"context"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Point is a place where a fault strikes.
type Point = broker.Point

const (
	// Connecting is when a client has connected and nothing was read. It can be cut,
	// delayed and stalled.
	Connecting = broker.Connecting
	// Negotiating is when a client has introduced itself. It can be refused, cut,
	// delayed and stalled.
	Negotiating = broker.Negotiating
	// Receiving is when an event has come and nothing was done about it.
	Receiving = broker.Receiving
	// Requesting is when a request is about to be handled: open, configure or close a
	// queue, or disconnect. It can be dropped, refused, cut, delayed and stalled.
	Requesting = broker.Requesting
	// Posting is when a message is about to be stored. It can be dropped and refused.
	Posting = broker.Posting
	// Sending is when an event is about to be written.
	Sending = broker.Sending
)

// Action is what a fault does.
type Action = broker.Action

const (
	// Drop loses what is at hand: it is not handled, not answered, not sent.
	Drop = broker.Drop
	// Refuse answers with a failure: Status for Negotiating and Requesting, Ack for
	// Posting.
	Refuse = broker.Refuse
	// Delay lets it wait for a time, and all that comes behind it on the connection.
	// When Sending, the first Bytes bytes of the event are sent before.
	Delay = broker.Delay
	// Stall does the same until the fault is removed.
	Stall = broker.Stall
	// Cut closes the connection: when Sending after the first Bytes bytes of the event,
	// when Receiving as soon as Bytes bytes of it have come, or all if Bytes is 0.
	Cut = broker.Cut
	// Truncate leaves out all but the first Bytes bytes of an event.
	Truncate = broker.Truncate
	// Corrupt inverts the byte at offset Bytes of an event.
	Corrupt = broker.Corrupt
)

// Request is a kind of request.
type Request = broker.Request

// The requests of clients. The zero value is any of them.
const (
	OpenQueue      = broker.OpenQueue
	ConfigureQueue = broker.ConfigureQueue
	CloseQueue     = broker.CloseQueue
	Disconnect     = broker.Disconnect
)

// EventType is a type of event: what is sent at once.
type EventType = wire.EventType

// The types of events that clients and brokers exchange. The zero value is any.
const (
	EventControl      = wire.EventControl
	EventPut          = wire.EventPut
	EventConfirm      = wire.EventConfirm
	EventPush         = wire.EventPush
	EventAck          = wire.EventAck
	EventHeartbeatReq = wire.EventHeartbeatReq
	EventHeartbeatRsp = wire.EventHeartbeatRsp
)

// Category is the kind of a Status.
type Category = ctrl.StatusCategory

// The categories of failures.
const (
	Unknown         = ctrl.StatusUnknown
	Timeout         = ctrl.StatusTimeout
	NotConnected    = ctrl.StatusNotConnected
	Canceled        = ctrl.StatusCanceled
	NotSupported    = ctrl.StatusNotSupported
	Refused         = ctrl.StatusRefused
	InvalidArgument = ctrl.StatusInvalidArgument
	NotReady        = ctrl.StatusNotReady
)

// Status is why a request fails.
type Status struct {
	Category Category
	Code     int32
	Message  string
}

// AckStatus is why a message is not accepted.
type AckStatus = wire.AckStatus

// The failures that ACKs tell. The zero value stands for NackUnknown.
const (
	NackLimitMessages  = wire.AckLimitMessages
	NackLimitBytes     = wire.AckLimitBytes
	NackUnknown        = wire.AckUnknown
	NackStorageFailure = wire.AckStorageFailure
	NackNotReady       = wire.AckNotReady
)

// Fault says what goes wrong where, and how often. On and Do are required.
//
//	// The first open fails, the next one succeeds.
//	b.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Times: 1,
//		Do: bmqtest.Refuse, Status: bmqtest.Status{Category: bmqtest.Refused, Message: "not now"}})
//
//	// Messages are stored, but the connection breaks in the middle of the ACK.
//	b.Inject(bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventAck, Times: 1, Do: bmqtest.Cut, Bytes: 10})
type Fault struct {
	// On is the place, Do what goes wrong.
	On Point
	Do Action
	// Event narrows Receiving and Sending down to one type of event.
	Event EventType
	// Request narrows Requesting down to one kind of request.
	Request Request
	// Queue narrows Requesting and Posting down to one queue, by its URI without
	// application id.
	Queue string
	// Client narrows everything but Connecting down to clients with this process name.
	Client string
	// Skip lets that many cases pass first.
	Skip int
	// Times is how often it goes wrong, always if 0.
	Times int
	// Wait is for Delay, by the broker's clock.
	Wait time.Duration
	// Bytes is for Cut, Truncate and Corrupt, and for Delay and Stall when Sending.
	Bytes int
	// Status is for Refuse, when Negotiating and Requesting. The zero category stands
	// for Unknown.
	Status Status
	// Ack is for Refuse, when Posting. The zero value stands for NackUnknown.
	Ack AckStatus
}

// Injection is a fault at work.
type Injection struct{ core *broker.Injection }

// Inject puts a fault to work, until it is removed. Of several faults that strike
// at once, the first one counts. It panics where Do is impossible at On, or a field
// is set that does not belong there: such a fault would let a test pass for nothing.
func (b *Broker) Inject(f Fault) *Injection {
	fault := broker.Fault{
		On: f.On, Do: f.Do, Event: f.Event, Request: f.Request, Queue: f.Queue, Client: f.Client,
		Skip: f.Skip, Times: f.Times, Wait: f.Wait, Bytes: f.Bytes, Status: ctrl.Status(f.Status), Ack: f.Ack,
	}
	if err := fault.Validate(); err != nil {
		panic(err)
	}
	return &Injection{b.core.Inject(fault)}
}

// Remove ends the fault. What it stalls or delays goes on.
func (i *Injection) Remove() { i.core.Remove() }

// Hits is how often the fault has struck.
func (i *Injection) Hits() int { return i.core.Hits() }

// Await waits until the fault has struck once.
func (i *Injection) Await(ctx context.Context) error { return i.core.Await(ctx) }

// HoldAcks keeps back all ACKs until it is called with false. Messages are stored
// and delivered meanwhile.
func (b *Broker) HoldAcks(on bool) { b.core.HoldAcks(on) }

// DropConnections closes all connections with clients of a process name, or with
// all clients if it is empty, without a word, and returns how many. The broker goes
// on.
func (b *Broker) DropConnections(client string) int { return b.core.DropConnections(client) }

// DropConnection closes one connection by its Connection.ID, without a word, and
// tells whether there is one.
func (b *Broker) DropConnection(id int) bool { return b.core.DropConnection(id) }

// SetDomain gives a domain another configuration, or makes a new domain. Queues
// that are there follow: new limits count from now on, new applications get what is
// posted from now on, and what applications that are not listed any more have not
// confirmed is dropped for them. The mode can't change.
func (b *Broker) SetDomain(d Domain) error { return b.core.Reconfigure(broker.Domain(d)) }

// Domain returns the configuration of a domain, to be changed and given to
// SetDomain.
func (b *Broker) Domain(name string) (Domain, bool) {
	d, ok := b.core.Config(name)
	return Domain(d), ok
}
