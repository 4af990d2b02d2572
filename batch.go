package bmq

import (
	"context"
	"runtime"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// Batch gathers messages to be posted together; NewBatch makes one. It is for those who have many at
// hand: plain posts in quick succession travel together anyhow. A batch belongs to
// one session and is for one goroutine at a time.
type Batch struct {
	core   *core
	posts  []engine.QueuedPut
	queues []*queue
	lists  []*[]wire.Property
	size   int
}

// NewBatch returns an empty batch.
func (s *Session) NewBatch() *Batch { return &Batch{core: s.core} }

// Add puts a message into the batch, checked as Post checks it. message, and what bytes its
// properties have, must not be changed before the batch was posted or reset.
func (b *Batch) Add(queueURI string, message []byte, opts ...PostOption) error {
	if b.core == nil {
		return valueError("the batch belongs to no session; use Session.NewBatch")
	}
	var o PostOption
	for i := range opts {
		o.merge(&opts[i])
	}
	var list *[]wire.Property
	if len(o.properties) > 0 || len(o.overrides) > 0 {
		list = propertyLists.Get().(*[]wire.Property)
	}
	put, err := b.core.prepare(message, &o, list)
	var q *queue
	if err == nil {
		q, err = b.core.writable(queueURI, message)
	}
	if err != nil {
		if list != nil {
			freePropertyList(list)
		}
		return err
	}
	if list != nil {
		b.lists = append(b.lists, list)
	}
	b.posts = append(b.posts, engine.QueuedPut{Queue: q.engine, Put: put})
	b.queues = append(b.queues, q)
	b.size += len(message) + wire.PropertiesSize(put.Properties)
	return nil
}

// Len returns how many messages are in the batch.
func (b *Batch) Len() int { return len(b.posts) }

// Size returns the bytes of payloads and encoded properties in the batch.
func (b *Batch) Size() int { return b.size }

// Reset empties the batch.
func (b *Batch) Reset() {
	for _, list := range b.lists {
		freePropertyList(list)
	}
	clear(b.posts)
	clear(b.queues)
	clear(b.lists)
	b.posts, b.queues, b.lists, b.size = b.posts[:0], b.queues[:0], b.lists[:0], 0
}

// drop takes the first n messages out of the batch.
func (b *Batch) drop(n int) {
	for _, p := range b.posts[:n] {
		b.size -= len(p.Put.Payload) + wire.PropertiesSize(p.Put.Properties)
	}
	clear(b.posts[:n]) // the array stays
	clear(b.queues[:n])
	b.posts, b.queues = b.posts[n:], b.queues[n:]
}

// redirect has messages for queues that were closed since go to those that were opened
// in their place.
func (b *Batch) redirect() {
	for i, q := range b.queues {
		if !q.closing.Load() {
			continue
		}
		if now := b.core.queues.lookup(q.uri); now != nil && now.write {
			b.queues[i], b.posts[i].Queue = now, now.engine
		}
	}
}

// PostBatch posts the messages of a batch in their order, as Post does each of them,
// and empties the batch. If one can't be posted, it and those behind it stay in the
// batch, and the error is about it; the number of those that were posted is returned
// as well. Messages for a queue that was closed and opened again go to the one that is
// open now. A batch of another session is ErrValue.
func (s *Session) PostBatch(ctx context.Context, b *Batch) (int, error) {
	defer runtime.KeepAlive(s)
	c := s.core
	if b == nil || b.core != c {
		return 0, valueError("the batch is not of this session; use its NewBatch")
	}
	if len(b.posts) == 0 {
		return 0, nil
	}
	uri := b.queues[0].uri
	if c.stopped.Load() {
		return 0, errStopped(opPost, uri)
	}
	if err := ctx.Err(); err != nil {
		return 0, contextError(opPost, uri, err)
	}
	b.redirect()
	n, st := c.engine.PostBatch(ctx, b.posts)
	if st.OK() {
		b.Reset()
		return n, nil
	}
	uri = b.queues[n].uri
	b.drop(n)
	return n, c.postError(ctx, uri, st)
}
