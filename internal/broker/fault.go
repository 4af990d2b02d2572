package broker

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Point is a place where something can go wrong.
type Point uint8

const (
	// Connecting is when a client has connected and nothing was read.
	Connecting Point = iota + 1
	// Negotiating is when a client has introduced itself.
	Negotiating
	// Receiving is when an event has come and nothing was done about it.
	Receiving
	// Requesting is when a request is about to be handled.
	Requesting
	// Posting is when a message is about to be stored.
	Posting
	// Sending is when an event is about to be written.
	Sending
)

// Action is what goes wrong.
type Action uint8

const (
	// Drop loses what is at hand: it is not handled, or not sent.
	Drop Action = iota + 1
	// Refuse answers with a failure: Status for Negotiating and Requesting, Ack for
	// Posting.
	Refuse
	// Delay lets it wait for a time, and all that comes behind it on the connection.
	Delay
	// Stall lets it wait until the fault is removed.
	Stall
	// Cut closes the connection, when sending after the first Bytes bytes of the event.
	Cut
	// Truncate leaves out all but the first Bytes bytes of the event.
	Truncate
	// Corrupt inverts the byte at offset Bytes of the event.
	Corrupt
)

// Request is a kind of request.
type Request uint8

// The requests of clients.
const (
	AnyRequest Request = iota
	OpenQueue
	ConfigureQueue
	CloseQueue
	Disconnect
)

// Fault says what goes wrong where, and how often.
type Fault struct {
	// On is the place, Do what goes wrong.
	On Point
	Do Action
	// Event narrows Receiving and Sending down to one type of event.
	Event wire.EventType
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
	// Bytes is for Cut, Truncate and Corrupt.
	Bytes int
	// Status is for Refuse.
	Status ctrl.Status
	// Ack is for Refuse.
	Ack wire.AckStatus
}

// Injection is a fault at work.
type Injection struct {
	fault   Fault
	owner   *faults
	seen    int
	hits    int
	first   chan struct{} // closed by the first hit
	removed chan struct{}
	once    sync.Once
}

// faults are those of a broker.
type faults struct {
	mu     sync.Mutex
	list   []*Injection
	active atomic.Int32
}

// Inject puts a fault to work until it is removed.
func (b *Broker) Inject(f Fault) *Injection {
	i := &Injection{fault: f, owner: &b.faults, first: make(chan struct{}), removed: make(chan struct{})}
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.list = append(b.faults.list, i)
	b.faults.active.Store(int32(len(b.faults.list)))
	return i
}

// Remove ends the fault. What it stalls goes on.
func (i *Injection) Remove() {
	i.once.Do(func() { close(i.removed) })
	f := i.owner
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(other *Injection) bool { return other == i })
	f.active.Store(int32(len(f.list)))
}

// Hits is how often the fault has struck.
func (i *Injection) Hits() int {
	i.owner.mu.Lock()
	defer i.owner.mu.Unlock()
	return i.hits
}

// Await waits until the fault has struck once.
func (i *Injection) Await(ctx context.Context) error {
	select {
	case <-i.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// occasion is when something could go wrong.
type occasion struct {
	point   Point
	event   wire.EventType
	request Request
	queue   string
	client  string
}

func (f *Fault) matches(o *occasion) bool {
	return f.On == o.point &&
		(f.Event == 0 || f.Event == o.event) &&
		(f.Request == AnyRequest || f.Request == o.request) &&
		(f.Queue == "" || f.Queue == o.queue) &&
		(f.Client == "" || f.Client == o.client)
}

// any tells whether there are faults at all. It is all that a broker without any
// pays for.
func (f *faults) any() bool { return f.active.Load() > 0 }

// strike returns the fault that strikes on an occasion, nil if none does.
func (f *faults) strike(o occasion) *Injection {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.list {
		if !i.fault.matches(&o) {
			continue
		}
		if i.seen++; i.seen <= i.fault.Skip || i.fault.Times > 0 && i.hits >= i.fault.Times {
			continue
		}
		if i.hits++; i.hits == 1 {
			close(i.first)
		}
		return i
	}
	return nil
}

// hold waits as a Delay or a Stall says, or until the connection ends.
func (c *conn) hold(i *Injection) {
	var over chan struct{}
	if i.fault.Do == Delay {
		over = make(chan struct{})
		timer := c.broker.clock.AfterFunc(i.fault.Wait, func() { close(over) })
		defer timer.Stop()
	}
	select {
	case <-over:
	case <-i.removed:
	case <-c.ended:
	}
}

func (c *conn) clientName() string {
	s := c.session.Load()
	if s == nil {
		return ""
	}
	return s.identity.ProcessName
}

// connectFault lets a fault strike a connection before anything is read.
func (c *conn) connectFault() error {
	if !c.broker.faults.any() {
		return nil
	}
	i := c.broker.faults.strike(occasion{point: Connecting})
	switch {
	case i == nil:
		return nil
	case i.fault.Do == Delay || i.fault.Do == Stall:
		c.hold(i)
		return nil
	}
	return errFault
}

// negotiateFault lets a fault strike a client that introduced itself. It tells
// whether the client is refused with *result.
func (c *conn) negotiateFault(id *ctrl.ClientIdentity, result *ctrl.Status) (refused bool, err error) {
	if !c.broker.faults.any() {
		return false, nil
	}
	i := c.broker.faults.strike(occasion{point: Negotiating, client: id.ProcessName})
	switch {
	case i == nil:
		return false, nil
	case i.fault.Do == Delay || i.fault.Do == Stall:
		c.hold(i)
		return false, nil
	case i.fault.Do == Refuse:
		*result = i.fault.Status
		return true, nil
	}
	return false, errFault
}

// receiveFault lets a fault strike an event that came. The event may be changed;
// nil says that it is lost.
func (c *conn) receiveFault(frame []byte) ([]byte, error) {
	i := c.broker.faults.strike(occasion{point: Receiving, event: eventType(frame), client: c.clientName()})
	if i == nil {
		return frame, nil
	}
	switch i.fault.Do {
	case Cut:
		return nil, errFault
	case Delay, Stall:
		c.hold(i)
		return frame, nil
	default:
		return i.fault.damage(frame), nil
	}
}

// damage applies Drop, Truncate and Corrupt to an event; nil says that nothing is
// left of it.
func (f *Fault) damage(frame []byte) []byte {
	switch f.Do {
	case Drop:
		return nil
	case Truncate:
		return frame[:min(max(0, f.Bytes), len(frame))]
	case Corrupt:
		if f.Bytes >= 0 && f.Bytes < len(frame) {
			frame = slices.Clone(frame)
			frame[f.Bytes] ^= 0xff
		}
	}
	return frame
}

func eventType(frame []byte) wire.EventType {
	if len(frame) < 5 {
		return wire.EventUndefined
	}
	return wire.EventType(frame[4] & 0x3f)
}

// writeFaulty writes a batch event by event, with the faults that strike.
func (c *conn) writeFaulty(b *batch) error {
	for _, part := range b.buffers() {
		for len(part) > 0 {
			n, err := wire.FrameLength(part, len(part))
			if err != nil {
				return err
			}
			if err := c.writeEvent(part[:n:n]); err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return nil
}

func (c *conn) writeEvent(frame []byte) error {
	if i := c.broker.faults.strike(occasion{point: Sending, event: eventType(frame), client: c.clientName()}); i != nil {
		switch i.fault.Do {
		case Cut:
			_, _ = c.net.Write(frame[:min(max(0, i.fault.Bytes), len(frame))])
			return errFault
		case Delay, Stall:
			c.hold(i)
		default:
			frame = i.fault.damage(frame)
		}
	}
	_, err := c.net.Write(frame)
	return err
}

// requestFault lets a fault strike a request, and tells whether that settles it.
func (s *session) requestFault(id int32, c *ctrl.Choice) bool {
	o := occasion{point: Requesting, client: s.identity.ProcessName}
	switch {
	case c.OpenQueue != nil:
		o.request, o.queue = OpenQueue, canonical(c.OpenQueue.HandleParameters.URI)
	case c.ConfigureStream != nil:
		o.request, o.queue = ConfigureQueue, s.queueURI(c.ConfigureStream.QID)
	case c.ConfigureQueueStream != nil:
		o.request, o.queue = ConfigureQueue, s.queueURI(c.ConfigureQueueStream.QID)
	case c.CloseQueue != nil:
		o.request, o.queue = CloseQueue, s.queueURI(c.CloseQueue.HandleParameters.QID)
	case c.Disconnect != nil:
		o.request = Disconnect
	}
	i := s.broker.faults.strike(o)
	if i == nil {
		return false
	}
	switch i.fault.Do {
	case Drop:
		return true
	case Refuse:
		failure := i.fault.Status
		s.refuse(id, &failure)
		return true
	case Cut:
		s.conn.close()
		return true
	case Delay, Stall:
		s.conn.hold(i)
	}
	return false
}

func (s *session) queueURI(qid uint32) string {
	if h := s.handles[qid]; h != nil {
		return h.queue.uri
	}
	return ""
}

func canonical(uri string) string {
	u, err := wire.ParseURI(uri)
	if err != nil {
		return uri
	}
	return u.Canonical()
}

// postFault lets a fault strike a message. It tells whether that settles it, with
// the status for its ACK: AckSuccess says that there is none.
func (s *session) postFault(h *handle) (wire.AckStatus, bool) {
	o := occasion{point: Posting, client: s.identity.ProcessName}
	if h != nil {
		o.queue = h.queue.uri
	}
	i := s.broker.faults.strike(o)
	switch {
	case i == nil:
		return wire.AckSuccess, false
	case i.fault.Do == Refuse && i.fault.Ack != wire.AckSuccess:
		return i.fault.Ack, true
	case i.fault.Do == Refuse:
		return wire.AckUnknown, true
	}
	return wire.AckSuccess, i.fault.Do == Drop
}
