package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/bmq-go/bmq/admin"
)

// Purge removes all messages from the named queues of the consumer, or from all, and returns
// how many. It needs Config.Admin, else the error is an UnsupportedError. Deliveries that
// consumers have stay where they are.
func (c *Consumer) Purge(ctx context.Context, queues ...string) (int64, error) {
	if c.client.cfg.Admin == nil {
		return 0, unsupported("purge")
	}
	if len(queues) == 0 {
		for _, q := range c.Queues() {
			queues = append(queues, q.URI)
		}
	}
	var total int64
	var errs []error
	for _, name := range queues {
		q, err := c.client.cfg.Topology.resolve(Queue{URI: name})
		if err == nil {
			var purged admin.Purged
			purged, err = c.client.cfg.Admin.PurgeQueue(ctx, q.URI)
			total += purged.Messages
		}
		errs = append(errs, err)
	}
	return total, errors.Join(errs...)
}

// QueueInfo tells how many messages and consumers a queue has, a URI or a name in the
// Topology. It needs Config.Admin, else the error is an UnsupportedError. A queue that the
// broker does not know is admin.ErrNotFound: it is not opened by that.
func (c *Client) QueueInfo(ctx context.Context, queue string) (admin.Queue, error) {
	if c.cfg.Admin == nil {
		return admin.Queue{}, unsupported("message_count")
	}
	q, err := c.cfg.Topology.resolve(Queue{URI: queue})
	if err != nil {
		return admin.Queue{}, err
	}
	return c.cfg.Admin.Queue(ctx, q.URI)
}

// DomainInfo tells what the operator set for the domain of a queue, a URI or a name in the
// Topology, and which queues are in it. It needs Config.Admin, else the error is an
// UnsupportedError.
func (c *Client) DomainInfo(ctx context.Context, queue string) (admin.Domain, error) {
	if c.cfg.Admin == nil {
		return admin.Domain{}, unsupported("passive")
	}
	q, err := c.cfg.Topology.resolve(Queue{URI: queue})
	if err != nil {
		return admin.Domain{}, err
	}
	name, err := domainOf(q.URI)
	if err != nil {
		return admin.Domain{}, err
	}
	return c.cfg.Admin.Domain(ctx, name)
}

// Discard reads and acks messages until there are none for the time of until.Quiet, or
// until.Limit is reached, and returns how many it acked. If drop is not nil it decides about
// each; those that it wants to keep are held and given back at the end, which has all that is
// in hand of the consumer's queues delivered again. There may be as many of them as QoS
// allows, which else is the error. It is how to empty queues without an administrator's
// rights, as far as messages come to this consumer.
func (c *Consumer) Discard(ctx context.Context, until Until, drop func(*Delivery) bool) (int, error) {
	switch {
	case until.Limit <= 0 && until.Quiet <= 0:
		return 0, errors.New("messaging: Discard needs an end: set Limit or Quiet")
	case drop != nil && c.cfg.AckMode == AckOnReceive:
		return 0, errors.New("messaging: a consumer with AckOnReceive can't keep messages; use another one")
	}
	dropped, kept := 0, 0
	var failed error
	for d, err := range c.DeliveriesUntil(ctx, until) {
		if err != nil {
			failed = err
			break
		}
		if drop != nil && !drop(d) {
			kept++
			if s := d.source; c.full(s) {
				failed = fmt.Errorf("messaging: %d messages of %s are kept, no more may be in hand: raise its QoS", kept, d.Queue())
				break
			}
			continue
		}
		if c.cfg.AckMode != AckOnReceive {
			if err := d.Ack(); err != nil {
				continue // it comes again
			}
		}
		dropped++
	}
	if kept > 0 && !c.isClosed() { // closing gives them back, too
		failed = errors.Join(failed, c.Release(context.WithoutCancel(ctx)))
	}
	return dropped, failed
}

// full tells whether no more of a queue may be in hand.
func (c *Consumer) full(s *source) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.inHand >= s.limit
}
