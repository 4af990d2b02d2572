// Package pace lets the broker catch up with a loop that posts faster than it answers.
// What would pile up beyond takes memory that the system has to provide first, which
// costs more than all else that a post does.
package pace

import (
	"context"
	"sync"
	"time"
)

// For is how long a broker that answers nothing holds posts up, once: what may pile up
// when it stalls is said by the watermarks and by MaxPendingBytes.
const For = 100 * time.Millisecond

// Pace is part of an outbox, and guarded by its lock. From bytes of posts may wait for
// their answers before further posts fall in step with the broker, until there are
// Until.
type Pace struct {
	From, Until int64

	caughtUp chan struct{} // closed when the broker has caught up; made by posts that wait for that
	stalled  bool          // they waited in vain, and no answer came since
}

// Wait waits if pending bytes are too many. It is called with the lock held, which it
// gives up while it waits.
func (p *Pace) Wait(ctx context.Context, lock *sync.Mutex, pending int64) {
	if pending < p.From || p.stalled {
		return
	}
	if p.caughtUp == nil {
		p.caughtUp = make(chan struct{})
	}
	caughtUp := p.caughtUp
	lock.Unlock()
	timer := time.NewTimer(For)
	defer timer.Stop()
	select {
	case <-caughtUp:
	case <-ctx.Done():
	case <-timer.C:
	}
	lock.Lock()
	if p.caughtUp == caughtUp && ctx.Err() == nil {
		p.stalled = true
	}
}

// Waiting tells whether posts wait.
func (p *Pace) Waiting() bool { return p.caughtUp != nil }

// Answered notes that posts were answered or, where nobody waits for that, sent.
func (p *Pace) Answered(pending int64) {
	p.stalled = false
	if pending <= p.Until {
		p.Release()
	}
}

// Release lets posts that wait go on.
func (p *Pace) Release() {
	if p.caughtUp != nil {
		close(p.caughtUp)
		p.caughtUp = nil
	}
}
