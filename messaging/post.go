package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmq-go/bmq"
)

// post is one attempt to have a message stored.
type post struct {
	h       *handle
	losses  uint64 // connections that were lost before
	onAck   bmq.OnAck
	pending *Pending      // who gets the answer; nil: who waits for done
	done    chan struct{} // gets one value, when status is set
	status  bmq.AckStatus
	guid    bmq.MessageGUID
	doubt   bool // the connection was lost meanwhile
}

// newPost returns a post that nobody uses. Each client has its own, since channels belong to
// the bubble of testing/synctest that they were made in.
func (c *Client) newPost() *post {
	if t, ok := c.posts.Get().(*post); ok {
		return t
	}
	t := &post{done: make(chan struct{}, 1)}
	t.onAck = t.acked
	return t
}

// free gives a post back that has its answer, or will get none.
func (c *Client) free(t *post) {
	t.h, t.pending = nil, nil
	c.posts.Put(t)
}

// newTimer returns a timer that runs for d. It has to be freed.
func (c *Client) newTimer(d time.Duration) *time.Timer {
	timer, ok := c.timers.Get().(*time.Timer)
	if !ok {
		return time.NewTimer(d)
	}
	timer.Reset(d)
	return timer
}

func (c *Client) freeTimer(timer *time.Timer) {
	timer.Stop() // nothing is in its channel then
	c.timers.Put(timer)
}

// acked is called on the session's goroutine.
func (t *post) acked(a *bmq.Ack) {
	t.status, t.guid = a.Status, bmq.MessageGUID{}
	if a.GUID != nil {
		t.guid = *a.GUID
	}
	h := t.h
	t.doubt = h.c.losses.Load() != t.losses
	if f := t.pending; f != nil {
		f.answered(t)
		h.c.free(t)
	} else {
		t.done <- struct{}{}
	}
	h.posts.done()
}

// outcome tells what an answer means, and the error of one that is not success. A refusal is
// one only if the connection held: else an earlier copy of the post may have been stored
// before it.
func (t *post) outcome() (Outcome, error) {
	switch t.status {
	case bmq.AckSuccess:
		return Stored, nil
	case bmq.AckLimitMessages, bmq.AckLimitBytes, bmq.AckStorageFailure, bmq.AckRefused, bmq.AckInvalidArgument,
		bmq.AckNotSupported, bmq.AckNotReady:
		if !t.doubt {
			return NotStored, t.status.Err()
		}
	}
	return Unknown, t.status.Err()
}

// start posts a message. After an error there is no answer to wait for, and the message was
// not sent; else the answer may have come, and t be somebody else's, when it returns.
func (t *post) start(ctx context.Context, h *handle, out *outgoing) error {
	if err := h.begin(ctx); err != nil {
		return err
	}
	t.h, t.losses = h, h.c.losses.Load()
	values, types := out.options()
	err := h.c.session.Post(ctx, h.uri, out.payload, bmq.WithOnAck(t.onAck), values, types, out.compression)
	if err != nil {
		h.posts.done()
		if errors.Is(err, bmq.ErrValue) || errors.Is(err, bmq.ErrType) {
			err = errors.Join(ErrHeader, err)
		}
	}
	return err
}

var errTimeout = fmt.Errorf("messaging: the producer's Timeout is over: %w", context.DeadlineExceeded)

// deadline is a context with a deadline that takes a timer only when somebody waits for it,
// which posts rarely do. It is for one goroutine.
type deadline struct {
	context.Context
	at     time.Time
	timed  context.Context
	cancel context.CancelFunc
}

// newDeadline returns a context that has to be freed.
func (c *Client) newDeadline(ctx context.Context, at time.Time) *deadline {
	d, ok := c.deadlines.Get().(*deadline)
	if !ok {
		d = new(deadline)
	}
	d.Context, d.at = ctx, at
	return d
}

// Done makes the timer.
func (d *deadline) Done() <-chan struct{} {
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	return d.timed.Done()
}

// Err is that of the deadline, once somebody waited for it.
func (d *deadline) Err() error {
	if d.timed != nil {
		return d.timed.Err()
	}
	return d.Context.Err()
}

// Deadline returns when the context ends at the latest.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Value is that of the deadline, once somebody waited for it: contexts that are derived from
// this one are then ended by it without a goroutine.
func (d *deadline) Value(key any) any {
	if d.timed != nil {
		return d.timed.Value(key)
	}
	return d.Context.Value(key)
}

// freeDeadline ends the context, and tells whether its own deadline has passed.
func (c *Client) freeDeadline(d *deadline) (over bool) {
	if d.timed == nil {
		*d = deadline{}
		c.deadlines.Put(d)
		return false
	}
	over = d.timed.Err() != nil && d.Context.Err() == nil
	d.cancel()
	return over
}
