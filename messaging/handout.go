package messaging

import (
	"context"
	"time"
)

// schedule puts a source in the line of those that may have something to hand out. The
// caller holds mu.
func (c *Consumer) schedule(s *source) {
	if !s.scheduled && s.eligible() {
		s.scheduled = true
		c.ready.push(s)
	}
	if c.ready.len() > 0 {
		c.signal()
	}
}

// signal wakes one of those who wait for something to be handed out, who wakes the next.
func (c *Consumer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take returns the next delivery of the sources in turn, nil if there is none.
func (c *Consumer) take() (*Delivery, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.state(); err != nil {
		return nil, err
	}
	for c.ready.len() > 0 && (c.cfg.MaxInFlight <= 0 || c.inHand < c.cfg.MaxInFlight) {
		s := c.ready.pop()
		s.scheduled = false
		if !s.eligible() {
			continue
		}
		d := s.waiting.pop()
		s.add(d)
		s.warm()
		c.schedule(s)
		return d, nil
	}
	return nil, nil
}

// next returns the next delivery that is for the application. It waits for one until ctx
// ends, or, if quiet is not 0, for that long: then the error is ErrEmpty.
func (c *Consumer) next(ctx context.Context, quiet time.Duration) (*Delivery, error) {
	var over <-chan time.Time
	for {
		if err := ctx.Err(); err != nil {
			c.signal() // it may have been woken for what others wait for
			return nil, err
		}
		d, err := c.take()
		if err != nil {
			c.signal() // for the others
			return nil, err
		}
		if d != nil {
			if c.admit(d) {
				return d, nil
			}
			continue
		}
		if quiet > 0 && over == nil {
			timer := time.NewTimer(quiet)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-c.wake:
		case <-c.ending:
		case <-ctx.Done():
		case <-over:
			return nil, ErrEmpty
		}
	}
}

// admit deals with what need not be seen by the application, and acks what is to be acked
// first.
func (c *Consumer) admit(d *Delivery) bool {
	if at, ok := moment(d.message, propExpiresAt); ok && !time.Now().Before(at) {
		c.expire(d)
		return false
	}
	if c.cfg.SkipAppID != "" && d.AppID() == c.cfg.SkipAppID {
		c.client.stats.skipped.Add(1)
		c.drop(d)
		return false
	}
	if c.cfg.AckMode == AckOnReceive {
		return d.Ack() == nil // else it comes again
	}
	return true
}

func (c *Consumer) expire(d *Delivery) {
	d.source.h.c.stats.expired.Add(1)
	if c.cfg.OnExpired != nil {
		if err := protect(func() error { c.cfg.OnExpired(d); return nil }); err != nil {
			c.log.Error("OnExpired panicked", "error", err)
		}
	}
	c.drop(d)
}

// drop acks a message that is not for the application.
func (c *Consumer) drop(d *Delivery) {
	if err := d.Ack(); err != nil {
		c.log.Debug("a message that is dropped was not settled and comes again", "queue", d.Queue(), "guid", d.GUID(), "error", err)
	}
}
