package bmq

import (
	"fmt"
)

// Message is a message that the broker handed out. It is the application's own and
// may be kept; it shares memory with the messages that came with it, so that a
// program which keeps a few of many should copy what it needs of them.
type Message struct {
	// Data is the payload, uncompressed.
	Data []byte
	// GUID identifies the message. A redelivered message has the GUID it had.
	GUID MessageGUID
	// QueueURI is the queue's URI as it was opened, with the application id of a fanout
	// queue.
	QueueURI string

	properties   *receivedProperties // nil: none
	subscription any
}

// Properties returns the message's properties; the map is never nil, belongs to the
// message and is the same at each call. Values have the Go types that PropertyType
// lists. A STRING property that is not valid UTF-8, or a property of unknown type,
// is left out; the session reports it by an InterfaceError event ahead of the
// message.
func (m *Message) Properties() PropertyValueDict {
	if m.properties == nil {
		return PropertyValueDict{}
	}
	m.properties.decode()
	return m.properties.values
}

// PropertyTypes returns the types that the properties had on the wire, under the
// names of Properties.
func (m *Message) PropertyTypes() PropertyTypeDict {
	if m.properties == nil {
		return PropertyTypeDict{}
	}
	m.properties.decode()
	return m.properties.types
}

// RawProperty returns the bytes of a property as they came: integers are
// big-endian. It also finds what Properties leaves out. The bytes are read-only.
func (m *Message) RawProperty(name string) ([]byte, bool) {
	if m.properties == nil {
		return nil, false
	}
	p, ok := m.properties.find(name)
	return p.Value, ok
}

// Property returns one property with the value that it has in Properties, and does not
// decode the others: for those who want few of many.
func (m *Message) Property(name string) (value any, ok bool) {
	if m.properties == nil {
		return nil, false
	}
	p, ok := m.properties.find(name)
	if !ok {
		return nil, false
	}
	if value, ok = propertyValue(&p); !ok {
		return nil, false
	}
	return value, true
}

// size returns the bytes of payload and properties.
func (m *Message) size() int64 {
	n := len(m.Data)
	if m.properties != nil {
		n += m.properties.area.Size()
	}
	return int64(n)
}

// SubscriptionHandle returns the Handle of the Subscription that the message was
// delivered for; nil where the queue has no subscriptions.
func (m *Message) SubscriptionHandle() any { return m.subscription }

// String returns "<Message[GUID] for URI>".
func (m *Message) String() string {
	return fmt.Sprintf("<Message[%s] for %s>", m.GUID, m.QueueURI)
}

// MessageHandle confirms the message that it came with. It may be copied. A session is
// not given up as forgotten while the program has handles of it.
type MessageHandle struct {
	core    *core
	session *Session // is kept from being collected; nil: it was before
	queue   *queue
	guid    MessageGUID
}

// Confirm tells the broker that the message is dealt with, so that it won't be
// delivered again. It does not wait. It may be called at any time and from any
// goroutine; a message may be confirmed twice. While the connection is down it
// fails with ErrNotConnected, and the message comes again after the reconnection:
// to whom, the broker decides.
func (h *MessageHandle) Confirm() error {
	if h.core == nil {
		return errNotOpened(opConfirm, "")
	}
	return h.core.confirm(h.queue, h.queue.uri, h.guid)
}

// String returns "<MessageHandle[GUID] for URI>".
func (h *MessageHandle) String() string {
	uri := ""
	if h.queue != nil {
		uri = h.queue.uri
	}
	return fmt.Sprintf("<MessageHandle[%s] for %s>", h.guid, uri)
}

// OnMessage takes a message. Its handle confirms it, during the call or later. It
// is called on a goroutine of the session; see Session for what it may do.
type OnMessage func(*Message, *MessageHandle)
