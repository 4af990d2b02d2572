package portable

import "sync"

const (
	// minChunk is what a quiet session keeps for posting; maxChunk is how far its
	// chunks grow under load. A larger message has a chunk of its own.
	minChunk = 4 << 10
	maxChunk = 128 << 10
)

// chunk is memory that messages and events are written into, one behind the other.
// What has been written is not changed any more, so that the connection can be fed
// from it without a copy, and posts be repeated from it. outbox.mu guards refs and
// the length of buf.
type chunk struct {
	buf  []byte
	refs int // segments and pending posts that need it, and the outbox that writes to it
}

var chunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, maxChunk)} }}

// newChunk returns a chunk with room for at least n bytes.
func newChunk(n, size int) *chunk {
	switch {
	case n > maxChunk:
		return &chunk{buf: make([]byte, 0, n)}
	case max(n, size) <= maxChunk/2:
		return &chunk{buf: make([]byte, 0, max(n, size))}
	}
	return chunks.Get().(*chunk)
}

func (c *chunk) room() int { return cap(c.buf) - len(c.buf) }

// release gives up one reference.
func (c *chunk) release() {
	c.refs--
	if c.refs == 0 && cap(c.buf) == maxChunk {
		c.buf = c.buf[:0]
		chunks.Put(c)
	}
}

// segment is a part of a chunk that is to be sent.
type segment struct {
	c        *chunk
	from, to int
	posts    uint64 // posts up to this number are in the stream with it, exclusive
}

func (s *segment) bytes() []byte { return s.c.buf[s.from:s.to:s.to] }
