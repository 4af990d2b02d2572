package broker

import (
	"bytes"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// MessageInfo is a stored message as it was at one moment.
type MessageInfo struct {
	GUID        wire.GUID
	Flags       uint8
	Compression wire.Compression
	Schema      wire.SchemaID
	Size        int    // of the application data
	Data        []byte // the application data, if it was asked for; the caller's own
	Age         time.Duration
	Pending     []Pending // one for each application that has yet to confirm it
}

// Pending is an application that has yet to confirm a message.
type Pending struct {
	App string `json:"app"`
	// Connection is that of the consumer that has the message, 0 if none has it.
	Connection int `json:"connection"`
}

// Messages returns up to count messages of a queue that an application has yet to
// confirm, oldest first, after leaving out the first offset. An empty application
// id means any. Data is left out unless it is asked for.
func (b *Broker) Messages(uri, appID string, offset, count int, data bool) (list []MessageInfo) {
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
		if a != nil && !a.needs(p) {
			continue
		}
		if offset--; offset < 0 {
			list = append(list, q.messageInfo(p, data))
		}
	}
	return list
}

// Message returns a stored message with its data.
func (b *Broker) Message(uri string, g wire.GUID) (MessageInfo, bool) {
	q := b.findQueue(uri)
	if q == nil {
		return MessageInfo{}, false
	}
	q.lock()
	defer q.unlock()
	p := q.store.find(g)
	if p == none {
		return MessageInfo{}, false
	}
	return q.messageInfo(p, true), true
}

func (q *queue) messageInfo(p position, data bool) MessageInfo {
	m := q.store.at(p)
	info := MessageInfo{
		GUID: m.guid, Flags: m.flags, Compression: m.compression, Schema: m.schema, Size: len(m.data), Age: q.now() - m.arrived,
	}
	if data {
		info.Data = bytes.Clone(m.data)
	}
	for _, a := range q.apps {
		if !a.needs(p) {
			continue
		}
		pending := Pending{App: a.id}
		if holder := q.store.view(p, a.index).holder; holder != nil {
			pending.Connection = holder.stream.handle.session.conn.id
		}
		info.Pending = append(info.Pending, pending)
	}
	return info
}

// Decode returns the properties of a message, and its payload as its producer gave
// it to the SDK, inflated up to limit bytes. With an error it returns as much as can
// be read.
func (m *MessageInfo) Decode(limit int) (properties wire.Properties, payload []byte, err error) {
	payload = m.Data
	if m.Flags&wire.FlagProperties != 0 {
		properties, payload, err = wire.ParseProperties(m.Data, m.Schema == wire.SchemaOldStyle)
	}
	if err == nil && m.Compression != wire.CompressionNone {
		payload, err = wire.Inflate(payload, limit)
	}
	return properties, payload, err
}
