package messaging

import "sync/atomic"

// Stats is a snapshot of what a client did. Numbers count from its start.
type Stats struct {
	// Messages that were published, by outcome; a message that goes to several queues counts
	// for each.
	Stored, NotStored, Unknown uint64
	Republished                uint64 // further posts after one that failed

	Received     uint64 // messages that came from the broker
	Acked        uint64
	Rejected     uint64 // those that went to a dead-letter queue included
	DeadLettered uint64
	Requeued     uint64
	Retried      uint64 // by RetryAfter
	Expired      uint64 // dropped for their Expiration
	Skipped      uint64 // dropped for SkipAppID
	Dropped      uint64 // of broadcast queues, which came faster than they were consumed
	Stale        uint64 // lost with their connection or queue before they were settled
	Failed       uint64 // failures of handlers, panics included
	Panicked     uint64

	InFlight int // messages without an outcome
	InHand   int // deliveries that are handed out and not settled
	Waiting  int // messages that wait here to be handed out
}

// counters are what Stats is made of.
type counters struct {
	stored, notStored, unknown, republished                    atomic.Uint64
	received, acked, rejected, deadLettered, requeued, retried atomic.Uint64
	expired, skipped, dropped, stale, failed, panicked         atomic.Uint64
}

// Stats returns what the client did so far.
func (c *Client) Stats() Stats {
	n := &c.stats
	s := Stats{
		Stored: n.stored.Load(), NotStored: n.notStored.Load(), Unknown: n.unknown.Load(), Republished: n.republished.Load(),
		Received: n.received.Load(), Acked: n.acked.Load(), Rejected: n.rejected.Load(), DeadLettered: n.deadLettered.Load(),
		Requeued: n.requeued.Load(), Retried: n.retried.Load(), Expired: n.expired.Load(), Skipped: n.skipped.Load(),
		Dropped: n.dropped.Load(), Stale: n.stale.Load(), Failed: n.failed.Load(), Panicked: n.panicked.Load(),
	}
	c.mu.Lock()
	producers, consumers := append(keys(c.producers), c.internal), keys(c.consumers)
	c.mu.Unlock()
	for _, p := range producers {
		s.InFlight += p.pending.count()
	}
	for _, k := range consumers {
		inHand, waiting := k.load()
		s.InHand, s.Waiting = s.InHand+inHand, s.Waiting+waiting
	}
	return s
}

// load tells how many deliveries are in hand, and how many wait.
func (c *Consumer) load() (inHand, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		waiting += s.waiting.len()
	}
	return c.inHand, waiting
}
