package enginetest

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/stretchr/testify/require"
)

// direction is which way an event goes.
type direction int

const (
	up   direction = iota // from the client to the broker
	down                  // from the broker to the client
)

// proxy stands between sessions and a broker and makes their connections fail. It
// passes events on one by one.
type proxy struct {
	t      testing.TB
	target func() string
	l      net.Listener
	serves sync.WaitGroup

	mu       sync.Mutex
	refusing bool
	closed   bool
	accepted int
	links    map[*link]struct{}
	stalled  [2]chan struct{} // closed when events go on; nil: they do
	slowness time.Duration    // see slow
	rules    []*rule
	controls [2][][]byte // the control events that passed
}

// link is one connection through the proxy.
type link struct {
	client, broker net.Conn
	once           sync.Once
	closed         chan struct{}
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.closed)
		_ = l.client.Close()
		_ = l.broker.Close()
	})
}

func newProxy(t testing.TB, target func() string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{t: t, target: target, l: l, links: make(map[*link]struct{})}
	p.serves.Go(p.accept)
	return p
}

func (p *proxy) uri() string { return "tcp://" + p.l.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		p.serves.Go(func() { p.serve(client) })
	}
}

// serve is the life of one connection.
func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	p.accepted++
	refusing := p.refusing
	p.mu.Unlock()
	if refusing {
		_ = client.Close()
		return
	}
	broker, err := net.Dial("tcp", p.target())
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, broker: broker, closed: make(chan struct{})}
	p.mu.Lock()
	if p.closed || p.refusing {
		p.mu.Unlock()
		l.close()
		return
	}
	p.links[l] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.forward(l, up, client, broker) })
	both.Go(func() { p.forward(l, down, broker, client) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// forward passes the events of one direction on, until the connection ends.
func (p *proxy) forward(l *link, d direction, from, to net.Conn) {
	defer l.close()
	r := framing.NewReader(from, wire.MaxEventSize)
	for {
		frame, err := r.Next()
		if err != nil {
			return
		}
		frame, cut := p.pass(d, frame)
		if !p.gate(l, d) {
			return
		}
		if !p.write(l, d, to, frame) || cut {
			return
		}
	}
}

// slowFrom is how large events have to be for slow, in bytes, and of what size the pieces are.
const slowFrom = 32 << 10

// slow has large events for clients arrive in pieces, one in each interval of that
// length, until it is called with 0.
func (p *proxy) slow(interval time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slowness = interval
}

// write answers false if the connection is over.
func (p *proxy) write(l *link, d direction, to net.Conn, frame []byte) bool {
	p.mu.Lock()
	slowness := p.slowness
	p.mu.Unlock()
	if slowness > 0 && d == down {
		for ; len(frame) > slowFrom; frame = frame[slowFrom:] {
			if _, err := to.Write(frame[:slowFrom]); err != nil {
				return false
			}
			select {
			case <-time.After(slowness):
			case <-l.closed:
				return false
			}
		}
	}
	_, err := to.Write(frame)
	return err == nil
}

// gate waits while the direction is stalled. It answers false if the connection
// ended meanwhile.
func (p *proxy) gate(l *link, d direction) bool {
	p.mu.Lock()
	stalled := p.stalled[d]
	p.mu.Unlock()
	if stalled == nil {
		return true
	}
	select {
	case <-stalled:
		return true
	case <-l.closed:
		return false
	}
}

// cut closes all connections without a word to either side.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// refuse closes connections that are made, or lets them be made again.
func (p *proxy) refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = on
}

// isolate cuts all connections and has none made until refuse(false).
func (p *proxy) isolate() {
	p.refuse(true)
	p.cut()
}

// stall keeps the events of the directions from being passed on until resume.
func (p *proxy) stall(directions ...direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range directions {
		if p.stalled[d] == nil {
			p.stalled[d] = make(chan struct{})
		}
	}
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, c := range p.stalled {
		if c != nil {
			close(c)
			p.stalled[d] = nil
		}
	}
}

// connections is how many there are, attempts how many were made.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

func (p *proxy) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (p *proxy) close() {
	_ = p.l.Close()
	p.mu.Lock()
	p.closed = true
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		links = append(links, l)
	}
	p.mu.Unlock()
	for _, l := range links {
		l.close()
	}
	p.serves.Wait()
}

// sent returns the control events that went in a direction so far.
func (p *proxy) sent(d direction) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.controls[d])
}
