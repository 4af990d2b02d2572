package broker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const (
	// maxEvent is how much of one event is taken from a client, in bytes: more than
	// any SDK builds. Before negotiation, maxInitialEvent has to do.
	maxEvent        = 128 << 20
	maxInitialEvent = 1 << 20
	// maxIncoming is the memory for events that have come in part, as far as they are
	// larger than maxInitialEvent. Who wants more than is left has to go.
	maxIncoming = 1 << 30
	// initialTimeout is how long negotiation may take.
	initialTimeout = 3 * time.Minute
	// flushTimeout is how long a client that is done sending may take to read what
	// it was sent.
	flushTimeout = 5 * time.Second
)

// conn is one connection. Its reader goroutine owns everything that has no lock.
type conn struct {
	broker *Broker
	id     int
	peer   string
	net    net.Conn
	out    *output

	session   atomic.Pointer[session] // after negotiation of a client
	who       atomic.Pointer[ctrl.ClientIdentity]
	admin     *admin // after negotiation of an administrator
	identity  identity
	received  atomic.Bool // something came since the last heartbeat tick
	heartbeat *heartbeat
	deadline  *Timer

	closing sync.Once
	ended   chan struct{} // closed when the connection is
	done    chan struct{} // closed when all is cleaned up
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer close(c.done)
	c.deadline = c.broker.clock.AfterFunc(initialTimeout, c.close)
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		if err := c.out.run(c.write, c.drained); err != nil {
			c.log(slog.LevelInfo, "writing failed", slog.Any("reason", err))
		}
		c.close()
	}()
	err := c.connectFault()
	if err == nil {
		err = c.read()
	}
	if !c.broker.stopping() {
		c.log(slog.LevelInfo, "connection ended", slog.Any("reason", err))
	}
	c.deadline.Stop()
	c.heartbeat.stop()
	if s := c.session.Load(); s != nil {
		s.drop(!c.broker.stopping())
	}
	if errors.Is(err, errFault) {
		c.close()
	}
	c.finish()
	<-writer
	c.broker.forget(c)
}

var (
	errEnd   = errors.New("the connection is to be closed")
	errFault = errors.New("an injected fault ended the connection")
)

// read takes events from the connection until it ends.
func (c *conn) read() error {
	src := &meter{src: c.net, limit: maxInitialEvent, memory: &c.broker.incoming, cut: c.partialFault}
	defer src.reset()
	r := framing.NewReader(src, math.MaxInt32)
	for {
		frame, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		c.received.Store(true)
		if c.broker.faults.any() {
			if frame, err = c.receiveFault(frame); err != nil {
				return err
			}
		}
		if frame != nil {
			if err := c.event(frame); err != nil {
				return err
			}
		}
		c.out.waitForReader()
		src.reset()
		if c.negotiated() {
			src.limit = c.broker.maxEvent
		}
	}
}

// meter ends a stream that brings too much at once. Like the official broker it
// does not mind what a header claims, only what is sent.
type meter struct {
	src          io.Reader
	count, limit int
	memory       *budget                  // of all connections
	taken        int64                    // of it
	cut          func(wire.EventType) int // where to end an event early, 0: nowhere
	frames       tracker
	err          error
}

func (m *meter) Read(b []byte) (int, error) {
	if m.count > m.limit {
		m.err = fmt.Errorf("an event has more than %d bytes", m.limit)
	}
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.src.Read(b)
	if at := m.frames.follow(b[:n], m.cut); at >= 0 {
		n, m.err = at, errFault
	}
	m.count += n
	if more := int64(m.count-maxInitialEvent) - m.taken; more > 0 {
		m.taken += more
		if m.memory.used.Add(more); m.memory.spent() {
			m.err = errors.New("all connections together have sent too much of events that are not complete")
		}
	}
	return n, err
}

// reset begins to count for the next event.
func (m *meter) reset() {
	m.memory.used.Add(-m.taken)
	m.count, m.taken = 0, 0
}

// event handles one event. An error ends the connection.
func (c *conn) event(frame []byte) error {
	ev, err := wire.ParseEvent(frame)
	switch {
	case err != nil && !c.negotiated():
		return err
	case err != nil:
		c.log(slog.LevelWarn, "an event was dropped", slog.Any("reason", err))
		return nil
	case !c.negotiated():
		return c.initialEvent(ev)
	}
	switch ev.Type {
	case wire.EventHeartbeatReq:
		c.out.raw(wire.HeartbeatRsp)
	case wire.EventHeartbeatRsp:
	case wire.EventAuthentication:
		return c.reauthenticate(ev)
	default:
		if c.admin != nil {
			c.admin.event(ev)
		} else {
			c.session.Load().event(ev)
		}
	}
	return nil
}

// event handles an event of a client.
func (s *session) event(ev wire.Event) {
	switch {
	case ev.Type == wire.EventControl:
		s.control(ev.Body, ev.Encoding)
	case s.disconnected:
		s.log(slog.LevelWarn, "an event after disconnect was dropped", slog.String("type", ev.Type.String()))
	case ev.Type == wire.EventPut:
		s.putEvent(ev.Body)
	case ev.Type == wire.EventConfirm:
		s.confirmEvent(ev.Body)
	default:
		s.log(slog.LevelWarn, "an event was dropped: clients do not send such", slog.String("type", ev.Type.String()))
	}
}

func (c *conn) negotiated() bool { return c.session.Load() != nil || c.admin != nil }

// write is called by the writer goroutine.
func (c *conn) write(b *batch) error {
	if c.broker.faults.any() {
		return c.writeFaulty(b)
	}
	buffers := b.buffers()
	_, err := buffers.WriteTo(c.net)
	return err
}

// drained resumes delivery to a client that was too slow for a while.
func (c *conn) drained() {
	s := c.session.Load()
	if s == nil {
		return
	}
	for _, h := range s.list() {
		h.queue.lock()
		for _, st := range h.streams {
			if st.app != nil && !h.queue.closed {
				st.app.deliver()
			}
		}
		h.queue.unlock()
	}
}

// close ends the connection now; what is not written is lost.
func (c *conn) close() {
	c.closing.Do(func() {
		c.out.close()
		_ = c.net.Close()
		close(c.ended)
	})
}

func (c *conn) log(level slog.Level, msg string, args ...any) {
	name := c.peer
	if s := c.session.Load(); s != nil {
		name = s.name
	}
	c.broker.logFor(level, name, msg, args...)
}

// finish closes the connection once all that is ready was written. The goroutine
// that reads ends at the same time.
func (c *conn) finish() {
	_ = c.net.SetWriteDeadline(time.Now().Add(flushTimeout))
	c.out.finish()
}
