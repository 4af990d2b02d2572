package messaging

import (
	"context"
	"slices"
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

// generations count what is under way, for those who wait until what was begun before has
// ended, whatever is begun meanwhile.
type generations struct {
	current atomic.Pointer[inflight] // where what is begun is counted

	mu    sync.Mutex
	older []*inflight // of which something may be under way
}

// add counts one; done of what it returns has to follow.
func (g *generations) add() *inflight {
	for {
		f := g.current.Load()
		f.add()
		if g.current.Load() == f { // else those who wait may have looked already
			return f
		}
		f.done()
	}
}

func (g *generations) count() int {
	n := 0
	for _, f := range g.all() {
		n += f.count()
	}
	return n
}

func (g *generations) all() []*inflight {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append(slices.Clone(g.older), g.current.Load())
}

// wait returns when nothing is under way that was there when it was called, or the context's
// error.
func (g *generations) wait(ctx context.Context) error {
	g.mu.Lock()
	g.older = slices.DeleteFunc(append(g.older, g.current.Swap(new(inflight))), func(f *inflight) bool { return f.count() == 0 })
	older := slices.Clone(g.older)
	g.mu.Unlock()
	for _, f := range older {
		if err := f.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
