package broker

import (
	"slices"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

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

// partialFault tells after how many bytes of an event that is coming the connection
// is to be cut, 0 for not at all.
func (c *conn) partialFault(t wire.EventType) int {
	if !c.broker.faults.any() {
		return 0
	}
	i := c.broker.faults.strike(occasion{point: Receiving, event: t, client: c.clientName(), partial: true})
	if i == nil {
		return 0
	}
	return i.fault.Bytes
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
		return frame[:min(f.Bytes, len(frame))]
	case Corrupt:
		if f.Bytes < len(frame) {
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
			_, _ = c.net.Write(frame[:min(i.fault.Bytes, len(frame))])
			return errFault
		case Delay, Stall:
			n := min(i.fault.Bytes, len(frame))
			if _, err := c.net.Write(frame[:n]); err != nil {
				return err
			}
			frame = frame[n:]
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
	case i.fault.Do == Refuse:
		return i.fault.Ack, true
	}
	return wire.AckSuccess, true
}
