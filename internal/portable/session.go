package portable

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Session implements engine.Engine.
type Session struct {
	cfg     engine.Config
	handler engine.Handler
	log     *slog.Logger
	id      int32 // of this session in its process, from 1
	address string

	ctx    context.Context // of connecting; canceled when the session is to end
	cancel context.CancelFunc
	up     chan struct{} // closed when the first connection is up
	done   chan struct{} // closed when the session has ended

	mu       sync.Mutex
	state    sessionState
	conn     *connection // nil while there is none
	queues   []*queue    // in the order of their opening
	streams  map[string]*stream
	requests map[int32]*request
	kept     []*request // first requests of an operation that wait for a connection
	lastRID  int32
	lastQID  uint32
	lastSID  uint32
	reopens  int  // queues whose reopening is under way
	restored bool // state was restored on this connection
	lastErr  error
	expiry   *time.Timer
	health   hostHealth
	pings    []chan engine.Status // that the next sign of life answers
	dump     *time.Timer          // of the counters; nil: never

	noCredential error // why the credential provider gave none

	// Lines of the log, of the goroutine that reads.
	unrouted   rare     // messages for queues that are not open
	unheard    rare     // posts that were refused, and nobody waits for
	unheardAck wire.Ack // the last of these

	routes routes
	out    outbox
	stats  counters
}

// sessions counts the sessions of this process.
var sessions atomic.Int32

// New makes a session that is not started.
func New(cfg engine.Config) *Session {
	s := &Session{
		cfg: cfg, handler: cfg.Handler, log: cfg.Logger, id: sessions.Add(1),
		address: strings.TrimPrefix(cfg.BrokerURI, wire.BrokerScheme),
		up:      make(chan struct{}), done: make(chan struct{}),
		streams: make(map[string]*stream), requests: make(map[int32]*request),
		health: hostHealth{healthy: cfg.HostHealthy},
	}
	if s.cfg.Dial == nil {
		s.cfg.Dial = new(net.Dialer).DialContext
	}
	s.out.init(s)
	return s
}

// Start implements engine.Engine.
func (s *Session) Start(ctx context.Context) engine.Status {
	if ctx.Err() != nil {
		return engine.Status{Code: engine.Canceled, Text: s.noConnection()}
	}
	timeout := time.NewTimer(s.cfg.ConnectTimeout)
	defer timeout.Stop()
	s.mu.Lock()
	s.step(inStart, engine.Status{})
	s.mu.Unlock()
	st := engine.Status{}
	select {
	case <-s.up:
		return st
	case <-s.done:
		return engine.Status{Code: engine.Canceled, Text: "the session was stopped"}
	case <-ctx.Done():
		st.Code = engine.Canceled
	case <-timeout.C:
		st.Code = engine.Timeout
	}
	s.mu.Lock()
	if s.state == stateStarted || s.state == stateReconnecting { // up at the last moment
		s.mu.Unlock()
		return engine.Status{}
	}
	if st.Err = cmp.Or(s.lastErr, s.noCredential); st.Err != nil {
		st.Text = "the last attempt failed: " + st.Err.Error()
	} else if st.Code == engine.Timeout {
		st.Text = s.noAnswer().Error()
	} else {
		st.Text = s.noConnection()
	}
	s.step(inStop, st)
	s.mu.Unlock()
	<-s.done
	return st
}

func (s *Session) beginConnecting(engine.Status) {
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
}

// run makes connections and serves them, one after the other, until the session is
// to end.
func (s *Session) run() {
	defer close(s.done)
	var pause backoff
	for s.ctx.Err() == nil {
		pause.attempted()
		conn, err := s.connect(s.ctx)
		if err != nil {
			s.attemptFailed(err)
			pause.wait(s.ctx)
			continue
		}
		s.mu.Lock()
		s.conn = conn
		s.step(inChannelUp, engine.Status{})
		s.mu.Unlock()
		err = s.serve(conn)
		s.mu.Lock()
		s.conn = nil
		s.out.detach()
		s.step(inChannelDown, engine.Status{Code: engine.NotConnected, Text: err.Error(), Err: err})
		s.mu.Unlock()
		pause.wait(s.ctx)
	}
	s.logIgnored(s.unrouted.rest())
	s.logRefused(s.unheard.rest())
	if s.cfg.StatsDumpInterval > 0 && s.stats.connects.Load() > 0 {
		s.logStats(slog.LevelDebug)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step(inEnded, engine.Status{})
}

func (s *Session) attemptFailed(err error) {
	if s.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastErr == nil || s.lastErr.Error() != err.Error() {
		s.log.Warn("could not connect to the broker; trying on", "broker", s.cfg.BrokerURI, "error", err)
	}
	s.lastErr = err
}

// connected is the end of the start.
func (s *Session) connected(engine.Status) {
	s.attach()
	s.log.Debug("connected to the broker", "broker", s.cfg.BrokerURI)
	s.health.report(s)
	s.event(eventConnected, nil, engine.Status{})
	s.restored = true
	s.out.resume()
	s.scheduleDump()
	close(s.up)
}

// attach lets the outbox write to the new connection, and starts its life.
func (s *Session) attach() {
	s.lastErr = nil
	s.stats.connects.Add(1)
	s.restored = false
	s.out.attach(s.conn)
}

// Stop implements engine.Engine.
func (s *Session) Stop(ctx context.Context) {
	s.mu.Lock()
	if s.state == stateStopped { // not started, or stopped already
		s.mu.Unlock()
		return
	}
	s.step(inStop, engine.Status{})
	s.mu.Unlock()
	timeout := time.NewTimer(s.cfg.DisconnectTimeout)
	defer timeout.Stop()
	select {
	case <-s.done:
		return
	case <-ctx.Done():
		s.log.Warn("stopping: did not wait for the broker to agree", "error", ctx.Err())
	case <-timeout.C:
		s.log.Warn("stopping: the broker did not answer", "timeout", s.cfg.DisconnectTimeout)
	}
	s.mu.Lock()
	s.cutShort(engine.Status{})
	s.mu.Unlock()
	<-s.done
}

// disconnect answers everybody who waits, and says goodbye to the broker.
func (s *Session) disconnect(engine.Status) {
	s.settle()
	r := &request{kind: requestDisconnect, msg: ctrl.Choice{Disconnect: &ctrl.Empty{}}}
	s.transmit(r)
}

// abandon is disconnect while there is no connection.
func (s *Session) abandon(engine.Status) {
	s.settle()
	s.cutShort(engine.Status{})
}

// settle answers posts, then operations.
func (s *Session) settle() {
	s.stopExpiry()
	s.stopDump()
	s.out.close()
	requests := s.requests
	s.requests = make(map[int32]*request)
	for _, r := range append(sortedRequests(requests), s.kept...) {
		r.end(stopped)
	}
	s.kept = nil
	s.endPings(stopped)
	for _, q := range s.queuesNow() {
		q.step(inSessionStopping, stopped)
	}
}

// cutShort ends connecting and the connection, whatever they are at.
func (s *Session) cutShort(engine.Status) {
	s.cancel()
	s.dropConnection("the session was stopped")
}

// dropConnection makes serve return.
func (s *Session) dropConnection(why string) {
	if s.conn != nil {
		s.conn.close(errors.New(why))
	}
}

// stopping tells whether Stop was called.
func (s *Session) stopping() bool { return s.state == stateClosing || s.state == stateStopped }

// stopped is the result of operations that Stop ends, or that come too late.
var stopped = engine.Status{Code: engine.NotConnected, Text: "the session was stopped"}

func (s *Session) ended(engine.Status) {
	select {
	case <-s.up:
		s.event(eventDisconnected, nil, engine.Status{})
	default: // never started: no events
	}
}

// queuesNow is a copy of the queues: steps of one may change the list.
func (s *Session) queuesNow() []*queue { return slices.Clone(s.queues) }

// The numbers of sessionevents.Type.
const (
	eventError                = -1
	eventConnected            = 1
	eventDisconnected         = 2
	eventConnectionLost       = 3
	eventReconnected          = 4
	eventStateRestored        = 5
	eventQueueReopenResult    = 8
	eventHostUnhealthy        = 13
	eventHostHealthRestored   = 14
	eventQueueSuspended       = 15
	eventQueueResumed         = 16
	eventChannelLowWatermark  = 17
	eventChannelHighWatermark = 18
)

func (s *Session) event(typ int, owner any, st engine.Status) {
	s.handler.OnSessionEvent(engine.SessionEvent{Type: typ, Owner: owner, Status: st})
}

// counters are the parts of engine.Stats that no lock guards.
type counters struct {
	connects, bytesIn, eventsIn, received, acks, nacks atomic.Uint64
}

// Stats implements engine.Engine.
func (s *Session) Stats() engine.Stats {
	st := engine.Stats{
		Connects: s.stats.connects.Load(), BytesIn: s.stats.bytesIn.Load(), EventsIn: s.stats.eventsIn.Load(),
		MessagesReceived: s.stats.received.Load(), Acks: s.stats.acks.Load(), Nacks: s.stats.nacks.Load(),
	}
	s.mu.Lock()
	st.Connected = s.state == stateStarted && s.restored
	s.mu.Unlock()
	s.out.addStats(&st)
	return st
}

var _ engine.Engine = (*Session)(nil)
