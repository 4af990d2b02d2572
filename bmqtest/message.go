package bmqtest

import (
	"time"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

// Message is a stored message as it was at one moment.
type Message struct {
	GUID string // 32 upper-case hexadecimal digits
	// Data is the application data as it was posted: properties, if HasProperties, and
	// payload. Decode takes it apart.
	Data          []byte
	HasProperties bool
	Compressed    bool
	Age           time.Duration
	Pending       []Pending // one for each application that has yet to confirm it

	core broker.MessageInfo
}

// Pending is an application that has yet to confirm a message.
type Pending struct {
	App string
	// Connection is that of the consumer that has the message, see Connection.ID; 0 if
	// none has it.
	Connection int
}

// Messages returns up to count messages of a queue that an application has yet to
// confirm, oldest first, without the first offset of them. An empty application id
// means any.
func (b *Broker) Messages(uri, appID string, offset, count int) []Message {
	return convert(b.core.Messages(uri, appID, offset, count, true), newMessage)
}

func newMessage(m broker.MessageInfo) Message {
	return Message{
		GUID: m.GUID.String(), Data: m.Data, HasProperties: m.Flags&wire.FlagProperties != 0,
		Compressed: m.Compression != wire.CompressionNone, Age: m.Age,
		Pending: convert(m.Pending, func(p broker.Pending) Pending { return Pending(p) }), core: m,
	}
}

// Decode returns the properties of a message, as bool, int64, string or []byte by
// name, and its payload, inflated; a value of a type that is not known is []byte. With an
// error it returns as much as can be read.
// The bytes may be part of Data.
func (m Message) Decode() (properties map[string]any, payload []byte, err error) {
	list, payload, err := m.core.Decode(wire.MaxInflatedSize)
	properties = make(map[string]any, list.Len())
	for p := range list.All {
		properties[string(p.Name)] = propertyValue(&p)
	}
	return properties, payload, err
}

func propertyValue(p *wire.RawProperty) any {
	switch {
	case p.Type == wire.PropertyBool:
		return p.Int() != 0
	case p.Type == wire.PropertyString:
		return string(p.Value)
	case p.Type == wire.PropertyBinary || !p.Type.Known():
		return p.Value
	default:
		return p.Int()
	}
}

// Purge drops the messages of an application of a queue, or of all its applications
// if appID is empty, and returns how many and how many bytes that was. Consumers are
// not told.
func (b *Broker) Purge(uri, appID string) (messages, bytes int64, err error) {
	return b.core.Purge(uri, appID)
}
