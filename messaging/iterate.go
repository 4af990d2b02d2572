package messaging

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Until is an end for those who don't want to consume for ever. The zero value is none.
type Until struct {
	// Limit is the number of deliveries after which it ends, those that come again
	// included.
	Limit int
	// Quiet is the time without a delivery after which it ends. Queues can't be asked
	// whether they are empty.
	Quiet time.Duration
}

// Deliveries returns an iterator over deliveries. The loop's body has to settle each, unless
// the mode is AckOnReceive.
//
//	for d, err := range consumer.Deliveries(ctx) {
//		if err != nil {
//			return err
//		}
//		…
//		d.Ack()
//	}
//
// The last element has an error and no delivery: the context's, ErrClosed, or why the
// consumer can't go on. Several loops may run, each delivery goes to one of them. When a
// loop is left, the consumer stays started and what waits is there for the next one; Close
// gives it back.
func (c *Consumer) Deliveries(ctx context.Context) iter.Seq2[*Delivery, error] {
	return c.DeliveriesUntil(ctx, Until{})
}

// DeliveriesUntil is Deliveries with a further end, at which the loop just ends.
func (c *Consumer) DeliveriesUntil(ctx context.Context, until Until) iter.Seq2[*Delivery, error] {
	return func(yield func(*Delivery, error) bool) {
		if err := c.Start(ctx); err != nil {
			yield(nil, err)
			return
		}
		for n := 0; until.Limit <= 0 || n < until.Limit; n++ {
			d, err := c.next(ctx, until.Quiet)
			if errors.Is(err, ErrEmpty) {
				return
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// Fetch returns the next delivery. When ctx's deadline passes before there is one, the error
// is ErrEmpty as well as the context's. The consumer stays started: up to QoS messages wait
// here for the next call.
func (c *Consumer) Fetch(ctx context.Context) (*Delivery, error) {
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	d, err := c.next(ctx, 0)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrEmpty, err)
	}
	return d, err
}

// Batches returns an iterator over slices of up to size deliveries: those that come within
// wait after the first one. It ends as Deliveries does. Each delivery has to be settled,
// for instance by AckAll. QoS bounds the size, too.
func (c *Consumer) Batches(ctx context.Context, size int, wait time.Duration) iter.Seq2[[]*Delivery, error] {
	return func(yield func([]*Delivery, error) bool) {
		if err := c.Start(ctx); err != nil {
			yield(nil, err)
			return
		}
		for {
			d, err := c.next(ctx, 0)
			var batch []*Delivery
			if err == nil {
				batch, err = c.gather(ctx, d, size, wait)
			}
			if len(batch) > 0 && !yield(batch, nil) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// gather returns d and what comes within a time.
func (c *Consumer) gather(ctx context.Context, d *Delivery, size int, wait time.Duration) ([]*Delivery, error) {
	batch := []*Delivery{d}
	deadline := time.Now().Add(wait)
	for len(batch) < size {
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		d, err := c.next(ctx, left)
		if errors.Is(err, ErrEmpty) {
			break
		}
		if err != nil {
			return batch, err
		}
		batch = append(batch, d)
	}
	return batch, nil
}
