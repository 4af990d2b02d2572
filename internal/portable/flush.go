package portable

import (
	"context"

	"github.com/bmq-go/bmq/internal/engine"
)

// Flush implements engine.Engine.
func (s *Session) Flush(ctx context.Context) engine.Status {
	o := &s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for end := o.pending.next; o.pending.before(end); {
		change := o.change()
		o.mu.Unlock()
		var err error
		select {
		case <-change:
		case <-ctx.Done():
			err = ctx.Err()
		}
		o.mu.Lock()
		if err != nil {
			return engine.Status{Code: engine.Canceled, Err: err}
		}
	}
	return engine.Status{}
}

// PostBatch implements engine.Engine.
func (s *Session) PostBatch(ctx context.Context, posts []engine.QueuedPut) (int, engine.Status) {
	for i := range posts {
		if st := s.out.post(ctx, posts[i].Queue.(*queue), &posts[i].Put); !st.OK() {
			return i, st
		}
	}
	return len(posts), engine.Status{}
}
