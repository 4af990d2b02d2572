package messaging

import (
	"time"

	"github.com/bmq-go/bmq"
)

// Header has an application's own message properties: bool, integers, string and []byte.
// Nothing else can be sent; floats, times, lists and tables belong in the body.
type Header = bmq.PropertyValueDict

// Message is a body and what there is to say about it. All but Body may be left out.
type Message struct {
	// Body is the value to send. []byte and json.RawMessage are sent as they are, strings
	// as UTF-8 text, all else by a codec. It must not be empty once it is encoded, and
	// not be changed before the outcome is known.
	Body any

	// Queue is where to publish to, in place of the producer's choice: a URI, or a name in
	// the Topology.
	Queue string
	// Exchange chooses the queues, in place of the producer's choice.
	Exchange *Exchange
	// Key is the routing key. Default the producer's.
	Key string

	// Codec names the codec. Default the producer's.
	Codec string
	// ContentType says what Body is, and ContentEncoding in which character set. A
	// []byte or string with a ContentType is not encoded any more. Default what the codec
	// says.
	ContentType, ContentEncoding string
	// Compression is CompressionNone, CompressionZLIB or the name of a compressor.
	// Bodies of less than 1 KiB, and those that would not get smaller, are left as they
	// are. Default the producer's.
	Compression string

	// Header has properties of the application. Names of this package are refused.
	Header Header

	MessageID     string // identifies the message for its application
	CorrelationID string // of a reply: which request it answers
	ReplyTo       string // URI of the queue that awaits the reply
	Type          string // of the message, for the application
	AppID         string // of the sender; default the producer's
	UserID        string // of the sender; nobody verifies it
	// Timestamp is when the message was made. Default none, or now if the producer stamps.
	Timestamp time.Time
	// Expiration is the time after which consumers of this package drop the message. It
	// stays with the broker until then. Default none: the domain's TTL alone counts.
	Expiration time.Duration

	// Retry is in place of the producer's policy.
	Retry *RetryPolicy

	// Priority, Immediate and DeliveryMode are of the peers. Brokers have nothing for
	// them: a message that sets one is not sent, and the error is an UnsupportedError. A
	// DeliveryMode that the queue's domain has anyhow is taken, if the client can ask
	// (Config.Admin).
	Priority     int
	Immediate    bool
	DeliveryMode DeliveryMode
}

// DeliveryMode is how a broker is to store a message, with the numbers of AMQP.
type DeliveryMode int

// The delivery modes.
const (
	Transient  DeliveryMode = 1
	Persistent DeliveryMode = 2
)

// asMessage returns body as a message of its own. A Message is copied.
func asMessage(body any) Message {
	switch body := body.(type) {
	case *Message:
		if body != nil { // else there is nothing to encode, and encode says so
			return *body
		}
	case Message:
		return body
	}
	return Message{Body: body}
}
