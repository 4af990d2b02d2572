package enginetest

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/bmq-go/bmq/bmqtest"
)

// modelLine makes the connections of one session, and lets them fail.
type modelLine struct {
	broker *bmqtest.Broker

	mu      sync.Mutex
	conns   []*modelConn
	down    bool
	stalled chan struct{} // closed when what the broker sent goes on; nil: it does
}

// modelConn is a connection over a line.
type modelConn struct {
	net.Conn
	line   *modelLine
	once   sync.Once
	closed chan struct{}
}

func (c *modelConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Read holds what the broker sent back while the line is stalled.
func (c *modelConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.line.mu.Lock()
	stalled := c.line.stalled
	c.line.mu.Unlock()
	if stalled == nil {
		return n, err
	}
	select {
	case <-stalled:
		return n, err
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (l *modelLine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down {
		return nil, errors.New("the line is down")
	}
	nc, err := l.broker.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &modelConn{Conn: nc, line: l, closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return c, nil
}

// cut ends the connections; with down none are made.
func (l *modelLine) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns, l.down = nil, down
}

func (l *modelLine) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// stall keeps what the broker sends from arriving, until flow.
func (l *modelLine) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stalled == nil {
		l.stalled = make(chan struct{})
	}
}

func (l *modelLine) flow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stalled != nil {
		close(l.stalled)
		l.stalled = nil
	}
}
