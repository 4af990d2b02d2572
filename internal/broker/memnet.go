package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// MemoryNetwork is a network inside the process, with one listener. Its connections
// have buffers as those of TCP do, and everything that waits does so in a way that
// testing/synctest understands.
type MemoryNetwork struct {
	mu      sync.Mutex
	backlog chan net.Conn // nil: nobody listens
	closed  chan struct{}
}

// memoryBuffer is how much a connection holds in each direction, in bytes.
const memoryBuffer = 256 << 10

// memoryAddr is the address of every end of a memory connection.
type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// errMemoryRefused is what a dialer sees when nobody listens.
var errMemoryRefused = errors.New("broker: connection refused: nobody listens on the memory network")

// Listen starts to accept connections. There is one listener at a time.
func (n *MemoryNetwork) Listen() (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.backlog != nil {
		return nil, errors.New("broker: somebody listens on the memory network already")
	}
	n.backlog, n.closed = make(chan net.Conn), make(chan struct{})
	return &memoryListener{network: n, backlog: n.backlog, closed: n.closed}, nil
}

// DialContext connects to the listener.
func (n *MemoryNetwork) DialContext(ctx context.Context) (net.Conn, error) {
	n.mu.Lock()
	backlog, closed := n.backlog, n.closed
	n.mu.Unlock()
	if backlog == nil {
		return nil, errMemoryRefused
	}
	ours, theirs := memoryPipe()
	select {
	case backlog <- theirs:
		return ours, nil
	case <-closed:
		return nil, errMemoryRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryListener struct {
	network *MemoryNetwork
	backlog chan net.Conn
	closed  chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	if l.network.backlog != l.backlog {
		return net.ErrClosed
	}
	l.network.backlog = nil
	close(l.closed)
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

// memoryConn is one end of a connection.
type memoryConn struct{ in, out *memoryStream }

func memoryPipe() (net.Conn, net.Conn) {
	a, b := newMemoryStream(), newMemoryStream()
	return &memoryConn{a, b}, &memoryConn{b, a}
}

func (c *memoryConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.write(b) }

func (c *memoryConn) Close() error {
	c.in.close(true)
	c.out.close(false)
	return nil
}

// CloseWrite tells the peer that nothing more will come.
func (c *memoryConn) CloseWrite() error {
	c.out.close(false)
	return nil
}

func (*memoryConn) LocalAddr() net.Addr  { return memoryAddr{} }
func (*memoryConn) RemoteAddr() net.Addr { return memoryAddr{} }

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

// memoryStream is one direction of a connection.
type memoryStream struct {
	mu      sync.Mutex
	changed *sync.Cond
	buf     []byte // buf[head:] was written and not read
	head    int
	ended   bool // nothing more will be written
	dropped bool // nobody will read
	readBy  memoryDeadline
	writeBy memoryDeadline
}

type memoryDeadline struct {
	timer   *time.Timer
	passed  bool
	version int
}

func newMemoryStream() *memoryStream {
	s := &memoryStream{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *memoryStream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.dropped:
			return 0, net.ErrClosed
		case s.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(s.buf) > s.head || len(b) == 0:
			n := copy(b, s.buf[s.head:])
			if s.head += n; s.head == len(s.buf) {
				s.buf, s.head = s.buf[:0], 0
			}
			s.changed.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *memoryStream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended:
			return n, net.ErrClosed
		case s.dropped:
			return n, io.ErrClosedPipe
		case s.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		}
		if room := memoryBuffer - (len(s.buf) - s.head); room > 0 {
			part := b[:min(room, len(b))]
			if s.head > 0 && len(s.buf)+len(part) > cap(s.buf) {
				s.buf = s.buf[:copy(s.buf, s.buf[s.head:])]
				s.head = 0
			}
			s.buf = append(s.buf, part...)
			b, n = b[len(part):], n+len(part)
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

// close ends the stream, from the reading or the writing side.
func (s *memoryStream) close(reading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reading {
		s.dropped, s.buf, s.head = true, nil, 0
	} else {
		s.ended = true
	}
	s.readBy.stop()
	s.writeBy.stop()
	s.changed.Broadcast()
}

func (s *memoryStream) setDeadline(d *memoryDeadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.version++
	d.passed = false
	if t.IsZero() {
		return
	}
	version := d.version
	d.timer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		d.passed = d.passed || d.version == version
		s.changed.Broadcast()
	})
}

func (d *memoryDeadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
