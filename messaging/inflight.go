package messaging

import (
	"context"
	"sync"
	"sync/atomic"
)

// inflight counts what is under way, for those who wait until nothing is.
type inflight struct {
	n       atomic.Int64
	waiting atomic.Bool // idle is not nil

	mu   sync.Mutex
	idle chan struct{} // closed when n falls to 0, made by who waits for that
}

func (f *inflight) add() { f.n.Add(1) }

func (f *inflight) done() {
	if f.n.Add(-1) == 0 && f.waiting.Load() {
		f.mu.Lock()
		f.wake()
		f.mu.Unlock()
	}
}

// wake lets go who waits, if nothing is under way. The caller holds mu.
func (f *inflight) wake() {
	if f.idle != nil && f.n.Load() == 0 {
		close(f.idle)
		f.idle = nil
		f.waiting.Store(false)
	}
}

func (f *inflight) count() int { return int(f.n.Load()) }

// wait returns when nothing is under way, or the context's error.
func (f *inflight) wait(ctx context.Context) error {
	f.mu.Lock()
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	idle := f.idle
	f.waiting.Store(true) // before n is looked at: who ends later sees it
	f.wake()
	f.mu.Unlock()
	select {
	case <-idle:
		return nil
	default:
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
