package portable

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces attempts to connect as upstream does: at random around half a
// second at first, then growing at random up to a minute. A connection that worked
// does not reset it; two quiet minutes do.
type backoff struct {
	last     time.Time // of the last attempt
	interval time.Duration
}

const (
	backoffBase  = 500 * time.Millisecond
	backoffMax   = time.Minute
	backoffReset = 2 * time.Minute
)

// attempted notes that an attempt begins.
func (b *backoff) attempted() { b.last = time.Now() }

// wait pauses until the next attempt is due, or ctx ends.
func (b *backoff) wait(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	pause := time.NewTimer(b.next())
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

func (b *backoff) next() time.Duration {
	switch {
	case time.Since(b.last) >= backoffReset:
		b.interval = 0
		return 0
	case b.interval == 0:
		b.interval = time.Duration((0.5 + rand.Float64()) * float64(backoffBase))
	default:
		b.interval += time.Duration(rand.Float64() * float64(b.interval))
	}
	b.interval = min(b.interval, backoffMax)
	return b.interval
}
