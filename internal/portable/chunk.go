package portable

import "sync"

const (
	// minChunk is what a quiet session needs for posting, in bytes; under load it takes
	// chunks of maxChunk. A larger message has a chunk of its own.
	minChunk = 4 << 10
	maxChunk = 128 << 10
)

// chunk is memory that messages and events are written into, one behind the other.
// What has been written is not changed any more, so that the connection can be fed
// from it without a copy, and posts be repeated from it. outbox.mu guards refs and
// the length of buf.
type chunk struct {
	buf  []byte
	refs int // segments and pending posts that need it, and the arena that writes to it
}

// chunks are for reuse, by their capacities: minChunk, maxChunk, twice that and so on.
// The largest messages are few.
var chunks [7]sync.Pool

// chunkClass is where chunks with room for n bytes are, and what their capacity is. It
// answers beyond chunks for those that are not kept.
func chunkClass(n int) (class, size int) {
	if n <= minChunk {
		return 0, minChunk
	}
	for class, size = 1, maxChunk; size < n; class++ {
		size *= 2
	}
	if class >= len(chunks) {
		return class, n
	}
	return class, size
}

// newChunk returns a chunk with room for at least n bytes.
func newChunk(n int) *chunk {
	class, size := chunkClass(n)
	if class < len(chunks) {
		if c, ok := chunks[class].Get().(*chunk); ok {
			return c
		}
	}
	return &chunk{buf: make([]byte, 0, size)}
}

func (c *chunk) free() {
	if class, size := chunkClass(cap(c.buf)); class < len(chunks) && cap(c.buf) == size {
		c.buf = c.buf[:0]
		chunks[class].Put(c)
	}
}

func (c *chunk) room() int { return cap(c.buf) - len(c.buf) }

// arena is the memory of an outbox, whose mutex guards it.
type arena struct {
	current *chunk // that is written into; nil: none
	held    int64  // capacity in bytes of all chunks that are needed
}

// reserve returns a chunk with room for n bytes. Who appends to it has to take a
// reference before the next call.
func (a *arena) reserve(n int) *chunk {
	if n > maxChunk {
		return a.add(newChunk(n))
	}
	size := n
	if c := a.current; c != nil {
		if c.refs == 1 {
			c.buf = c.buf[:0] // nobody else needs what is in it
		}
		if c.room() >= n {
			return c
		}
		a.release(c)
		size = maxChunk
	}
	a.current = a.add(newChunk(size))
	a.current.refs = 1
	return a.current
}

func (a *arena) add(c *chunk) *chunk {
	a.held += int64(cap(c.buf))
	return c
}

// release gives up one reference.
func (a *arena) release(c *chunk) {
	c.refs--
	if c.refs > 0 {
		return
	}
	a.held -= int64(cap(c.buf))
	c.free()
}

// rest gives up the current chunk if nothing of it is needed: a quiet session keeps
// no memory.
func (a *arena) rest() {
	if c := a.current; c != nil && c.refs == 1 {
		a.current = nil
		a.release(c)
	}
}
