// Package framing cuts a byte stream into the events of the protocol.
package framing

import (
	"fmt"
	"io"

	"github.com/bmq-go/bmq/internal/pages"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// minBuffer is what an idle stream costs; maxBuffer is how far the buffer of a
	// busy one grows. An event larger than that gets a buffer of its own size.
	minBuffer = 16 << 10
	maxBuffer = pages.Largest
	// keepBlock is what small events that are kept share.
	keepBlock = 16 << 10
	// maxEmptyReads is how often in a row a stream may give neither data nor an error.
	maxEmptyReads = 100
)

// Reader takes events from a stream. Its buffer follows the traffic, and memory
// for an event is taken as its bytes arrive: a length alone costs nothing.
type Reader struct {
	src   io.Reader
	limit int
	buf   []byte // buf[start:end] is read and not handed out
	start int
	end   int
	size  int    // of the next buffer to be made
	frame []byte // the last event
	block []byte // where small events are kept; it has room yet
}

// NewReader reads events of at most limit bytes from src.
func NewReader(src io.Reader, limit int) *Reader {
	return &Reader{src: src, limit: limit, size: minBuffer}
}

// Next returns the next event, header included. The slice is valid until the call
// of Next after that; Keep returns one that stays. At the end of the stream the
// error is io.EOF, within an event io.ErrUnexpectedEOF; wire.ErrFrame says that
// what comes is no event.
func (r *Reader) Next() ([]byte, error) {
	for {
		length, err := wire.FrameLength(r.buf[r.start:r.end], r.limit)
		if err != nil {
			return nil, err
		}
		if length > 0 && length <= r.end-r.start {
			r.frame = r.buf[r.start : r.start+length : r.start+length]
			r.start += length
			return r.frame, nil
		}
		if err := r.fill(length); err != nil {
			if err == io.EOF && r.end > r.start {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Keep returns what the last Next returned as a slice of the caller's own. It is a
// copy, made while the event is in the processor's cache, so that one buffer, which
// stays there, is read into again and again; a large event that has a buffer for itself is
// handed over with it. Small ones share memory with their neighbours in the stream.
func (r *Reader) Keep() []byte {
	n := len(r.frame)
	switch {
	case n > maxBuffer && r.start == r.end:
		frame := r.frame
		r.frame, r.buf, r.start, r.end = nil, nil, 0, 0 // an idle stream holds on to none of it
		return frame
	case n > keepBlock/4:
		return pages.Copy(r.frame)
	}
	if cap(r.block)-len(r.block) < n {
		r.block = make([]byte, 0, keepBlock)
	}
	from := len(r.block)
	r.block = append(r.block, r.frame...)
	return r.block[from:len(r.block):len(r.block)]
}

// Ready tells whether Next will return without reading from the stream.
func (r *Reader) Ready() bool {
	n, err := wire.FrameLength(r.buf[r.start:r.end], r.limit)
	return err != nil || n > 0 && n <= r.end-r.start
}

// fill reads once, after making room for more of an event of length bytes (0: not
// known yet).
func (r *Reader) fill(length int) error {
	if r.start == r.end {
		if len(r.buf) < r.size || len(r.buf) > maxBuffer {
			r.buf = nil
		}
		r.start, r.end = 0, 0
	}
	if r.end == len(r.buf) {
		r.makeRoom(length)
	}
	free := len(r.buf) - r.end
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[r.end:])
		if n < 0 || n > free {
			return fmt.Errorf("framing: %T read %d bytes into %d", r.src, n, free)
		}
		r.end += n
		if n == free && free > r.size/2 && r.size < maxBuffer {
			r.size = min(2*r.size, maxBuffer) // there was more to read
		}
		if n > 0 {
			return nil // an error that came with data comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what is not handed out yet to the front of the buffer, or of a new
// one where the old one is too small.
func (r *Reader) makeRoom(length int) {
	have := r.end - r.start
	size := r.size
	if have*2 > size {
		size = min(max(length, size), have*2)
	}
	if size > len(r.buf) {
		next := make([]byte, size)
		copy(next, r.buf[r.start:r.end])
		r.buf = next
	} else {
		copy(r.buf, r.buf[r.start:r.end])
	}
	r.start, r.end = 0, have
}
