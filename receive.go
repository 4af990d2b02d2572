package bmq

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
)

// WithPull has messages wait for Session.Messages in place of a handler. Acks and
// session events go to their handlers as ever. What the broker delivered before a queue
// was paused or closed still comes.
func WithPull() Option { return pullOption{} }

// Messages returns an iterator over the messages of all queues that are open for
// reading. The session has to be made with WithPull. Each message is to be
// confirmed with Confirm.
//
//	for m, err := range session.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		handle(m)
//		session.Confirm(m)
//	}
//
// The loop body runs on the caller's goroutine and may call every method of the
// session, Stop included. Several goroutines may iterate; each message goes to one of
// them. The last element has an error and no message: the context's when ctx ends,
// ErrSessionStopped when the session is stopped, ErrNoOnMessage for a session without
// WithPull. What waits when a loop ends stays for the next one; what waits when the
// session is stopped is dropped, and goes back to the broker.
func (s *Session) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		defer runtime.KeepAlive(s)
		inbox := s.core.inbox
		if inbox == nil {
			yield(nil, failure(opReceive, "", ErrNoOnMessage, "Messages needs a session that was made with WithPull"))
			return
		}
		for {
			m, err := inbox.next(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// inbox has the messages that wait for Messages.
type inbox struct {
	mu     sync.Mutex
	items  []*delivery
	head   int
	closed bool
	more   chan struct{}                   // closed when there is something new, made by those who wait
	hold   func(messages int, bytes int64) // accounts for memory, negative when it is given up
}

// receive puts the messages of a network event into the inbox. The engine calls it.
func (c *core) receive(messages []engine.Message) {
	// The handles, which are not used, must not keep the session while messages wait.
	deliveries := c.convert(nil, messages, nil, func(e sessionevents.SessionEvent) { c.dispatch.push(item{event: e}) })
	b := c.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.makeRoom()
	bytes := int64(0)
	for i := range deliveries {
		b.items = append(b.items, &deliveries[i])
		bytes += deliveries[i].message.size()
	}
	b.hold(len(deliveries), bytes)
	b.wake()
}

// makeRoom moves what is left to the front where much was taken.
func (b *inbox) makeRoom() {
	if b.head <= len(b.items)/2 {
		return
	}
	n := copy(b.items, b.items[b.head:])
	clear(b.items[n:])
	b.items, b.head = b.items[:n], 0
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.items, b.head = nil, 0
	b.wake()
}

func (b *inbox) wake() {
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
}

func (b *inbox) next(ctx context.Context) (*Message, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, contextError(opReceive, "", err)
		}
		b.mu.Lock()
		if b.head < len(b.items) {
			m := &b.items[b.head].message
			b.items[b.head] = nil
			b.head++
			if b.head == len(b.items) && cap(b.items) > keptItems {
				b.items, b.head = nil, 0
			}
			b.mu.Unlock()
			b.hold(-1, -m.size())
			return m, nil
		}
		if b.closed {
			b.mu.Unlock()
			return nil, errStopped(opReceive, "")
		}
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more := b.more
		b.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
}
