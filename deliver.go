package bmq

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
)

// OnSessionEvent takes what happens to the session and its queues. It is called on a
// goroutine of the session; see Session for what it may do.
type OnSessionEvent func(sessionevents.SessionEvent)

// delivery is what one message comes to. Those of a network event are made together.
type delivery struct {
	message Message
	handle  MessageHandle
}

// deliver runs the application's handlers for one item.
func (c *core) deliver(it item) {
	defer it.release()
	switch {
	case it.messages != nil:
		c.deliverMessages(it.messages.Messages)
	case it.acks != nil:
		c.deliverAcks(it.acks.Acks)
	default:
		c.deliverEvent(it.event)
	}
}

func (c *core) deliverEvent(event sessionevents.SessionEvent) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("the handler of session events panicked", "event", event, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	c.onSessionEvent(event)
}

// deliverMessages converts the whole event first, as Python does, so that what is
// wrong with its properties is reported ahead of its messages.
func (c *core) deliverMessages(messages []engine.Message) {
	if c.onMessage == nil {
		c.deliverEvent(sessionevents.NewInterfaceError("Messages received but no callback configured"))
		return
	}
	var lent *[]delivery
	var deliveries []delivery
	if c.borrow {
		lent = deliveryLists.Get().(*[]delivery)
		deliveries = *lent
	}
	deliveries = c.convert(deliveries, messages, c.session.Value(), c.deliverEvent)
	c.handOut(deliveries)
	if lent != nil && cap(deliveries) <= maxLentDeliveries {
		clear(deliveries) // a handle that is used too late says so
		*lent = deliveries[:0]
		deliveryLists.Put(lent)
	}
}

// deliveryLists are for handlers that borrow. A rare huge event should not hold its
// memory for ever.
var deliveryLists = sync.Pool{New: func() any { return new([]delivery) }}

const maxLentDeliveries = 16 << 10

// convert makes what the application gets of the messages of a network event, in place of
// what is in deliveries, which may be nil. Their handles keep session. What is wrong with
// their properties goes to report.
func (c *core) convert(deliveries []delivery, messages []engine.Message, session *Session, report func(sessionevents.SessionEvent)) []delivery {
	if n := len(messages); cap(deliveries) >= n {
		deliveries = deliveries[:n]
	} else {
		deliveries = make([]delivery, n)
	}
	for i := range messages {
		d, m := &deliveries[i], &messages[i]
		q := m.Owner.(*queue)
		d.message = Message{Data: m.Data, GUID: MessageGUID(m.GUID), QueueURI: q.uri, subscription: m.Handle}
		d.handle = MessageHandle{core: c, session: session, queue: q, guid: MessageGUID(m.GUID)}
		if m.PropertiesErr != nil {
			report(sessionevents.NewInterfaceError(fmt.Sprintf(
				"Failed to load properties from an incoming message: %v: %v", &d.message, m.PropertiesErr)))
		}
		if m.Properties.Len() > 0 {
			d.message.properties = &receivedProperties{area: m.Properties}
			if text := d.message.properties.check(); text != "" {
				report(sessionevents.NewInterfaceError(text))
			}
		}
	}
	return deliveries
}

// handOut calls the handler for each message. If a call ends its goroutine, the rest is
// handed out while that ends.
func (c *core) handOut(deliveries []delivery) {
	defer func() {
		if len(deliveries) > 0 {
			c.handOut(deliveries)
		}
	}()
	for len(deliveries) > 0 {
		d := &deliveries[0]
		deliveries = deliveries[1:]
		c.deliverMessage(d)
	}
}

func (c *core) deliverMessage(d *delivery) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked("message", &d.message, r)
		}
	}()
	c.onMessage(&d.message, &d.handle)
}

// deliverAcks calls the handler of each ack, as handOut does for messages.
func (c *core) deliverAcks(acks []engine.Ack) {
	defer func() {
		if len(acks) > 0 {
			c.deliverAcks(acks)
		}
	}()
	answers := make([]Ack, len(acks))
	for len(acks) > 0 {
		from, a := &acks[0], &answers[0]
		acks, answers = acks[1:], answers[1:]
		a.set(from.Owner.(*queue).uri, from.Status, from.GUID)
		c.deliverAck(from.Cookie.(OnAck), a)
	}
}

func (c *core) deliverAck(onAck OnAck, a *Ack) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked("ack", a, r)
		}
	}()
	onAck(a)
}

// panicked reports a panic of a handler: in the log with its stack, and by an event.
func (c *core) panicked(handler string, what fmt.Stringer, r any) {
	text := fmt.Sprintf("the %s handler panicked at %v: %v", handler, what, r)
	c.log.Error(text, "stack", string(debug.Stack()))
	c.deliverEvent(sessionevents.New(sessionevents.TypeHandlerPanicked, "", int(engine.Unknown), text))
}
