package messaging

import (
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq"
)

// DeliveryState is what became of a delivery.
type DeliveryState uint32

// The states of a delivery. All but InHand are final.
const (
	InHand   DeliveryState = iota // in hand: it has to be settled
	Acked                         // confirmed
	Rejected                      // in the dead-letter queue, or confirmed where there is none
	Requeued                      // a copy is at the end of the queue
	Held                          // it will be handed out again, as another Delivery
	Stale                         // its connection or queue is gone: the message comes again
	settling                      // somebody is about to settle it
)

// String returns the name of the state.
func (s DeliveryState) String() string {
	names := [...]string{"in hand", "acked", "rejected", "requeued", "held", "stale", "settling"}
	return names[min(int(s), len(names)-1)]
}

// Delivery is a message in hand. It has to be settled once: by Ack, Reject, RetryAfter or
// Requeue; what is not settled comes again when its consumer is closed. Its methods may be
// called from any goroutine.
type Delivery struct {
	message *bmq.Message
	handle  *bmq.MessageHandle
	source  *source
	epoch   uint32
	retries int // by RetryAfter
	state   atomic.Uint32
	prev    *Delivery // in the list of what is in hand, guarded by Consumer.mu
	next    *Delivery
	listed  bool
}

// State returns what became of the delivery so far.
func (d *Delivery) State() DeliveryState {
	switch s := DeliveryState(d.state.Load()); {
	case s == settling:
		return InHand
	case s == InHand && d.stale():
		return Stale
	default:
		return s
	}
}

func (d *Delivery) stale() bool { return d.epoch != d.source.epoch.Load() }

// Message returns the message as the session delivered it.
func (d *Delivery) Message() *bmq.Message { return d.message }

// Queue returns the URI of the queue, with its application.
func (d *Delivery) Queue() string { return d.message.QueueURI }

// GUID returns the broker's identification of the message. It is the same when the message
// comes again, but not that of a copy.
func (d *Delivery) GUID() bmq.MessageGUID { return d.message.GUID }

// Data returns the body as it came: compressed, if the client that published it did that.
// It must not be changed.
func (d *Delivery) Data() []byte { return d.message.Data }

// Attempt tells how often the message was handed out by this package, this time included:
// it counts RetryAfter and Requeue, and nothing that happened elsewhere or before a
// reconnection.
func (d *Delivery) Attempt() int {
	n, _ := integer(d.message, propAttempts)
	return int(max(0, min(n, 1<<30))) + d.retries + 1
}

// Header returns the properties of the application, without those of this package. The map
// is the caller's.
func (d *Delivery) Header() Header {
	all := d.message.Properties()
	h := make(Header, len(all))
	for name, value := range all {
		if !reserved[name] {
			h[name] = value
		}
	}
	return h
}

// ContentType returns what the body is; empty if the message does not say.
func (d *Delivery) ContentType() string { return text(d.message, propContentType) }

// ContentEncoding returns the character set of the body; empty if the message does not say.
func (d *Delivery) ContentEncoding() string { return text(d.message, propContentEncoding) }

// Key returns the routing key.
func (d *Delivery) Key() string { return text(d.message, propKey) }

// Exchange returns the name of the exchange that chose the queue.
func (d *Delivery) Exchange() string { return text(d.message, propExchange) }

// MessageID returns what identifies the message for its application.
func (d *Delivery) MessageID() string { return text(d.message, propMessageID) }

// CorrelationID returns which request the message answers.
func (d *Delivery) CorrelationID() string { return text(d.message, propCorrelationID) }

// ReplyTo returns the URI of the queue that awaits the reply.
func (d *Delivery) ReplyTo() string { return text(d.message, propReplyTo) }

// Type returns the type of the message.
func (d *Delivery) Type() string { return text(d.message, propType) }

// AppID returns which application sent the message, as it says.
func (d *Delivery) AppID() string { return text(d.message, propAppID) }

// UserID returns which user sent the message, as the sender says.
func (d *Delivery) UserID() string { return text(d.message, propUserID) }

// Timestamp returns when the message was made; the zero time if it does not say.
func (d *Delivery) Timestamp() time.Time {
	t, _ := moment(d.message, propTimestamp)
	return t
}

// Expires returns when the message is to be dropped; the zero time if never.
func (d *Delivery) Expires() time.Time {
	t, _ := moment(d.message, propExpiresAt)
	return t
}
