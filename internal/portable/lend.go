package portable

import (
	"sync"
	"sync/atomic"

	"github.com/bmq-go/bmq/internal/engine"
)

// loan is a PUSH event in memory that is used again when its messages were handled.
type loan struct {
	chunk *chunk
	refs  atomic.Int32 // batches with its messages, and whoever makes them
}

var _ engine.Loan = (*loan)(nil)

var loans = sync.Pool{New: func() any { return new(loan) }}

// maxLoan is how large an event in bytes may be to be lent: a larger one has a buffer for
// itself, which goes with it without a copy.
const maxLoan = 1<<20 + 64<<10

// lend copies an event.
func lend(event []byte) *loan {
	l := loans.Get().(*loan)
	l.chunk = newChunk(len(event))
	l.chunk.buf = append(l.chunk.buf, event...)
	l.refs.Store(1)
	return l
}

// Return implements engine.Loan: it gives up one reference.
func (l *loan) Return() {
	if l.refs.Add(-1) == 0 {
		l.chunk.free()
		l.chunk = nil
		loans.Put(l)
	}
}

// keep makes the body of the event that the reader has at hand last longer than that: as
// long as the loan, or for good.
func (s *Session) keep(c *connection, body []byte) ([]byte, *loan) {
	if s.cfg.BorrowPayloads && len(body) <= maxLoan {
		l := lend(body)
		return l.chunk.buf, l
	}
	event := c.reader.Keep()
	return event[len(event)-len(body):], nil
}
