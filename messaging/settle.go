package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmq-go/bmq"
)

var errNoDelivery = errors.New("messaging: there is no delivery: it is nil, or no consumer handed it out")

// given returns an error if no consumer handed the delivery out.
func (d *Delivery) given() error {
	if d == nil || d.source == nil {
		return errNoDelivery
	}
	return nil
}

// begin takes a delivery in order to settle it; commit or abort has to follow.
func (d *Delivery) begin() error {
	if err := d.given(); err != nil {
		return err
	}
	if d.stale() {
		// Nobody else has to settle it either; it stays as it is.
		if DeliveryState(d.state.Load()) == InHand {
			return ErrStale
		}
		return ErrAlreadySettled
	}
	if !d.state.CompareAndSwap(uint32(InHand), uint32(settling)) {
		return fmt.Errorf("%w: %v", ErrAlreadySettled, d.State())
	}
	return nil
}

func (d *Delivery) abort() { d.state.Store(uint32(InHand)) }

// commit says what became of the delivery, and makes room for another one.
func (d *Delivery) commit(state DeliveryState) {
	d.state.Store(uint32(state))
	s := d.source
	c := s.c
	c.mu.Lock()
	s.remove(d)
	c.schedule(s)
	c.mu.Unlock()
}

// confirm tells the broker that the message is done with. There is nothing to tell for a
// broadcast.
func (d *Delivery) confirm() error {
	if d.source.queue.Broadcast {
		return nil
	}
	if err := d.handle.Confirm(); err != nil {
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	return nil
}

// finish confirms the message and commits.
func (d *Delivery) finish(state DeliveryState) error {
	err := d.confirm()
	if err != nil {
		state = Stale
	}
	d.commit(state)
	return err
}

// Ack confirms the message: the broker forgets it. It does not wait. With ErrStale, the
// message comes again, to this consumer or another one.
func (d *Delivery) Ack() error {
	if err := d.begin(); err != nil {
		return err
	}
	if err := d.finish(Acked); err != nil {
		return err
	}
	d.source.h.c.stats.acked.Add(1)
	return nil
}

// AckThrough is Ack for the delivery and all others of its queue that were handed out
// before it and are not settled.
func (d *Delivery) AckThrough() error {
	if err := d.given(); err != nil {
		return err
	}
	s := d.source
	s.c.mu.Lock()
	var list []*Delivery
	if d.listed {
		for e := s.first; e != d; e = e.next {
			list = append(list, e)
		}
	}
	s.c.mu.Unlock()
	for _, e := range list {
		if err := e.Ack(); err != nil && !errors.Is(err, ErrAlreadySettled) {
			return err
		}
	}
	return d.Ack()
}

// AckAll is Ack for many deliveries, which travel together. The error is that of the first
// one that can't be settled; the others are settled all the same.
func AckAll(deliveries ...*Delivery) error {
	var first error
	for _, d := range deliveries {
		if err := d.Ack(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// RetryAfter holds the message here, unconfirmed, and hands it out again after a time, as
// another Delivery. Meanwhile it counts as in hand. If the consumer ends before, the
// message goes back to the broker.
func (d *Delivery) RetryAfter(wait time.Duration) error {
	if err := d.begin(); err != nil {
		return err
	}
	again := &Delivery{message: d.message, handle: d.handle, source: d.source, epoch: d.epoch, retries: d.retries + 1}
	s := d.source
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.stale() {
		d.state.Store(uint32(Stale))
		return ErrStale
	}
	d.state.Store(uint32(Held))
	s.h.c.stats.retried.Add(1)
	if wait <= 0 {
		s.putBack(d, again)
		return nil
	}
	if s.held == nil {
		s.held = make(map[*Delivery]*time.Timer)
	}
	// It keeps its place in what is in hand until it waits again.
	s.held[again] = time.AfterFunc(wait, func() { s.ripe(d, again) })
	return nil
}

// ripe hands a held delivery out again.
func (s *source) ripe(d, again *Delivery) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := s.held[again]; ok {
		s.putBack(d, again)
	}
}

// putBack puts again, in place of d, in front of what waits. The caller holds c.mu.
func (s *source) putBack(d, again *Delivery) {
	delete(s.held, again)
	s.remove(d)
	s.waiting.unshift(again)
	s.c.schedule(s)
}

// Requeue puts a copy of the message at the end of its queue, waits until it is stored, and
// then confirms the message. The copy has another GUID. The queue has to be open for
// writing, see Queue.Write, else the error is ErrBusy. Queues of fanout and broadcast domains
// can't do it, since every application or consumer would get the copy: the error is an
// UnsupportedError.
func (d *Delivery) Requeue(ctx context.Context) error {
	if err := d.given(); err != nil {
		return err
	}
	s := d.source
	if s.queue.fanout() || s.queue.Broadcast {
		return unsupported("requeue")
	}
	if d.State() == InHand && !s.h.writable() {
		return fmt.Errorf("%w: %s is open for reading only: set Queue.Write", ErrBusy, d.Queue())
	}
	var p properties
	p.received(d.message)
	p.typed(propAttempts, int64(d.Attempt()), bmq.PropertyInt64)
	if err := d.move(ctx, d.Queue(), &p, Requeued); err != nil {
		return err
	}
	s.h.c.stats.requeued.Add(1)
	return nil
}

// Reject gives the message up: it goes into the queue's dead-letter queue, and is
// confirmed when it is stored there. If Reject fails the delivery is as it was before.
// Without a dead-letter queue the message is confirmed and logged. reason becomes a
// property of the dead letter.
func (d *Delivery) Reject(ctx context.Context, reason error) error {
	if err := d.given(); err != nil {
		return err
	}
	s := d.source
	if s.queue.DeadLetter == "" {
		if err := d.begin(); err != nil {
			return err
		}
		s.c.log.Warn("a message was rejected and is gone, for there is no dead-letter queue",
			"queue", d.Queue(), "guid", d.GUID(), "reason", reason)
		err := d.finish(Rejected)
		if err == nil {
			s.h.c.stats.rejected.Add(1)
		}
		return err
	}
	p := d.deadLetter(reason)
	if err := d.move(ctx, s.queue.DeadLetter, p, Rejected); err != nil {
		return err
	}
	s.h.c.stats.rejected.Add(1)
	s.h.c.stats.deadLettered.Add(1)
	return nil
}

// move publishes a copy, then confirms the message.
func (d *Delivery) move(ctx context.Context, queue string, p *properties, state DeliveryState) error {
	if err := d.begin(); err != nil {
		return err
	}
	c := d.source.c.client
	if _, err := c.internal.copy(ctx, queue, d.message.Data, p); err != nil {
		d.abort()
		return err
	}
	return d.finish(state)
}

// maxReason is how long the reason of a dead letter may be, in bytes.
const maxReason = 1024

// deadLetter are the properties of the message as a dead letter.
func (d *Delivery) deadLetter(reason error) *properties {
	p := new(properties)
	p.received(d.message)
	why := "rejected"
	if reason != nil {
		why = reason.Error()
	}
	if len(p.values) > maxProperties-5 {
		return p // there is no room to say more
	}
	p.typed(propDeadReason, valid(why, maxReason), bmq.PropertyString)
	p.typed(propDeadQueue, d.Queue(), bmq.PropertyString)
	p.typed(propDeadGUID, d.GUID().String(), bmq.PropertyString)
	p.typed(propDeadAttempts, int64(d.Attempt()), bmq.PropertyInt64)
	p.typed(propDeadAt, time.Now().UnixMilli(), bmq.PropertyInt64)
	return p
}
