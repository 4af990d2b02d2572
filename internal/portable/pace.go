package portable

import (
	"context"
	"time"
)

const (
	// paceFrom is how many bytes of posts may wait for their answers before further posts
	// fall in step with the broker, until there are paceUntil. What would pile up beyond
	// takes memory that the system has to provide first, which costs more than all else
	// that a post does.
	paceFrom  = 16 << 20
	paceUntil = 12 << 20
	// paceFor is how long a broker that answers nothing holds posts up, once: what may pile
	// up when it stalls is said by the watermarks and by MaxPendingBytes.
	paceFor = 100 * time.Millisecond
)

// pace lets the broker catch up with a loop that posts faster than it answers. It is
// called with the lock held, which it gives up while it waits.
func (o *outbox) pace(ctx context.Context) {
	if o.pendingBytes < paceFrom || o.stalled || !o.live || o.s.cfg.ChannelWriteTimeout == 0 {
		return
	}
	if o.caughtUp == nil {
		o.caughtUp = make(chan struct{})
	}
	caughtUp := o.caughtUp
	o.mu.Unlock()
	timer := time.NewTimer(paceFor)
	defer timer.Stop()
	select {
	case <-caughtUp:
	case <-ctx.Done():
	case <-timer.C:
	}
	o.mu.Lock()
	if o.caughtUp == caughtUp && ctx.Err() == nil {
		o.stalled = true
	}
}

// paced notes that posts were answered or, where nobody waits for that, written.
func (o *outbox) paced() {
	o.stalled = false
	if o.pendingBytes <= paceUntil {
		o.unpace()
	}
}

// unpace lets posts go on that wait for the broker to catch up.
func (o *outbox) unpace() {
	if o.caughtUp != nil {
		close(o.caughtUp)
		o.caughtUp = nil
	}
}
