//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
)

// nativeSession implements engine.Engine over libbmq.
//
// Calls go out from the goroutines of the application, but for messages and
// confirmations: these are gathered, and sent by a goroutine of the session (see
// nativeOutbox). What comes arrives on a thread of libbmq, in callbacks.go, and is
// handed to the Handler at once. No lock is held while C is called.
type nativeSession struct {
	cfg     engine.Config
	handler engine.Handler
	log     *slog.Logger
	c       *cbridge.Session

	ctx    context.Context // of the credential provider; canceled when the session is to end
	cancel context.CancelFunc
	up     signal // the first connection is up
	failed signal // libbmq has given up connecting

	mu         sync.Mutex
	state      nativeState
	connected  bool
	reopening  bool           // libbmq opens its queues again
	calls      sync.WaitGroup // calls into C that need the session
	lastNumber uint64         // of queues, operations and subscriptions
	queues     map[uint64]*nativeQueue
	closed     []*nativeQueue              // while the session was stopping
	operations map[uint64]*nativeOperation // that libbmq has not answered
	answered   chan struct{}               // closed when there are none, and no queue is being opened again; made by who waits
	health     nativeHealth
	lastErr    error // why an attempt to connect failed, where that is known here

	// Callbacks hold delivering for reading. Once detached is set they do nothing any
	// more, whatever libbmq does.
	delivering sync.RWMutex
	detached   bool

	out   nativeOutbox
	stats nativeCounters
}

// signal is a channel that is closed once.
type signal struct {
	once sync.Once
	ch   chan struct{}
}

func (s *signal) give() { s.once.Do(func() { close(s.ch) }) }

func (s *signal) given() bool {
	select {
	case <-s.ch:
		return true
	default:
		return false
	}
}

type nativeState uint8

const (
	nativeStarting nativeState = iota
	nativeUp
	nativeDown // the connection was lost
	nativeStopping
)

// nativeCounters are the parts of engine.Stats that no lock guards.
type nativeCounters struct {
	connects, bytesIn, eventsIn, received, acks, nacks atomic.Uint64
}

// newNativeSession makes a session that is not started.
func newNativeSession(cfg engine.Config) (*nativeSession, error) {
	if err := checkNativeConfig(&cfg); err != nil {
		return nil, err
	}
	nativeLog.once.Do(nativeLog.take)
	s := &nativeSession{
		cfg: cfg, handler: cfg.Handler, log: cfg.Logger, health: nativeHealth{healthy: cfg.HostHealthy},
		up: signal{ch: make(chan struct{})}, failed: signal{ch: make(chan struct{})},
		queues: make(map[uint64]*nativeQueue), operations: make(map[uint64]*nativeOperation),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.out.init(s)
	return s, nil
}

// maxNativeUserAgent is what libbmq takes at most, in bytes. It puts its own name
// behind it.
const maxNativeUserAgent = 127

// checkNativeConfig refuses what libbmq would end the process for. The options were
// checked before; this is the last fence.
func checkNativeConfig(cfg *engine.Config) error {
	if err := cbridge.CheckABI(); err != nil {
		return err
	}
	if uri, ok := os.LookupEnv(brokerURIVariable); ok && uri == "" {
		return valueError("%s is set to nothing, which libbmq would take for a URI: unset it", brokerURIVariable)
	}
	if cfg.Dial != nil {
		return valueError("the native engine makes its connections itself: WithDialer needs the portable engine")
	}
	if !printable(cfg.UserAgent) {
		return valueError("the user agent must be printable ASCII, was %q", cfg.UserAgent)
	}
	cfg.UserAgent = cfg.UserAgent[:min(len(cfg.UserAgent), maxNativeUserAgent)]
	dump := cfg.StatsDumpInterval
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"ChannelHighWatermark", cfg.ChannelHighWatermark > minChannelHighWatermark},
		{"StatsDumpInterval", dump >= 0 && dump < maxStatsDumpInterval && dump%statsDumpStep == 0},
		{"BlobBufferSize", cfg.BlobBufferSize > 0 && cfg.BlobBufferSize <= maxNativeBlobBuffer},
		{"Timeouts", min(cfg.ConnectTimeout, cfg.DisconnectTimeout, cfg.OpenQueueTimeout, cfg.ConfigureQueueTimeout, cfg.CloseQueueTimeout) > 0},
	} {
		if !c.ok {
			return valueError("the native engine does not take this value of %s", c.name)
		}
	}
	return nil
}

// maxNativeBlobBuffer is the size of the largest event. Larger buffers would only
// waste memory.
const maxNativeBlobBuffer = 64 << 20

// Start implements engine.Engine.
func (s *nativeSession) Start(ctx context.Context) engine.Status {
	st := s.start(ctx)
	if !st.OK() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startUndone)
		defer cancel()
		s.end(ctx)
	}
	return st
}

// startUndone is how long a start that failed waits until nothing is left of it.
const startUndone = 2 * time.Second

func (s *nativeSession) start(ctx context.Context) engine.Status {
	begun := time.Now()
	var err error
	s.c, err = cbridge.NewSession(cbridge.Options{
		BrokerURI: s.cfg.BrokerURI, ProcessName: s.cfg.ProcessName, UserAgent: s.cfg.UserAgent,
		ConnectTimeout: s.cfg.ConnectTimeout, DisconnectTimeout: s.cfg.DisconnectTimeout,
		OpenQueueTimeout: s.cfg.OpenQueueTimeout, ConfigureQueueTimeout: s.cfg.ConfigureQueueTimeout,
		CloseQueueTimeout:    s.cfg.CloseQueueTimeout,
		ChannelHighWatermark: s.cfg.ChannelHighWatermark, StatsDumpInterval: s.cfg.StatsDumpInterval,
		BlobBufferSize: s.cfg.BlobBufferSize, Healthy: s.cfg.HostHealthy, Authenticates: s.cfg.Credentials != nil,
	}, nativeCallbacks{s})
	if err == nil {
		s.out.start()
		err = s.c.Start()
	}
	if err != nil {
		return nativeFailure(err)
	}
	timeout := time.NewTimer(s.cfg.ConnectTimeout + startMargin)
	defer timeout.Stop()
	st := engine.Status{}
	select {
	case <-s.up.ch:
	case <-s.failed.ch:
		st.Code = engine.Timeout
	case <-timeout.C:
		st.Code = engine.Timeout
	case <-ctx.Done():
		st.Code = engine.Canceled
	}
	if s.up.given() { // perhaps at the last moment
		return engine.Status{}
	}
	st.Text = fmt.Sprintf("no answer from %s within %v", s.cfg.BrokerURI, s.cfg.ConnectTimeout)
	if st.Code == engine.Canceled {
		st.Text = fmt.Sprintf("there was no connection to %s yet", s.cfg.BrokerURI)
	}
	st.Err = s.whyNot(ctx, begun)
	if st.Err != nil {
		st.Text = "the last attempt failed: " + st.Err.Error()
	}
	return st
}

// startMargin is what libbmq gets in addition to the connect timeout, to notice that
// it is over.
const startMargin = 100 * time.Millisecond

// diagnosisTime is how long an attempt to connect may take that is made only to say why
// it fails. On a busy machine even a refusal takes a while.
const diagnosisTime = time.Second

// whyNot finds out why there is no connection. libbmq does not say: it tries on.
func (s *nativeSession) whyNot(ctx context.Context, since time.Time) error {
	s.mu.Lock()
	err := s.lastErr
	s.mu.Unlock()
	if err != nil || ctx.Err() != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, diagnosisTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(s.cfg.BrokerURI, brokerURIScheme))
	if err != nil {
		return err
	}
	_ = conn.Close()
	if text := nativeLog.lastError(since); text != "" {
		return errors.New("libbmq: " + text)
	}
	return nil
}

// nativeFailure makes a status of an error of package cbridge.
func nativeFailure(err error) engine.Status {
	st := engine.Status{Code: engine.Unknown, Text: err.Error()}
	if e := (*cbridge.Error)(nil); errors.As(err, &e) {
		st.Code, st.Text = engine.Code(e.Code), e.Text
	}
	return st
}

// enter allows a call into C that needs the session, until leave is called.
func (s *nativeSession) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nativeUp && s.state != nativeDown {
		return false
	}
	s.calls.Add(1)
	return true
}

func (s *nativeSession) leave() { s.calls.Done() }

// PostBatch implements engine.Engine.
func (s *nativeSession) PostBatch(ctx context.Context, posts []engine.QueuedPut) (int, engine.Status) {
	for i := range posts {
		if st := s.out.post(ctx, posts[i].Queue.(*nativeQueue), &posts[i].Put); !st.OK() {
			return i, st
		}
	}
	return len(posts), engine.Status{}
}

// Flush implements engine.Engine. libbmq does not tell when a post is written; it
// writes at once what it is given while it is connected.
func (s *nativeSession) Flush(ctx context.Context) engine.Status { return s.out.flush(ctx) }

// Ping implements engine.Engine. libbmq has no sign of life to ask for. It watches the
// connection by itself, so that its state is the answer.
func (s *nativeSession) Ping(ctx context.Context) engine.Status {
	if err := ctx.Err(); err != nil {
		return engine.Status{Code: engine.Canceled, Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nativeUp {
		return engine.Status{Code: engine.NotConnected, Text: "Not connected"}
	}
	return engine.Status{}
}

// Stats implements engine.Engine. libbmq does not count bytes for others to see:
// BytesIn and BytesOut are of payloads and properties alone.
func (s *nativeSession) Stats() engine.Stats {
	st := engine.Stats{
		Connects: s.stats.connects.Load(), BytesIn: s.stats.bytesIn.Load(), EventsIn: s.stats.eventsIn.Load(),
		MessagesReceived: s.stats.received.Load(), Acks: s.stats.acks.Load(), Nacks: s.stats.nacks.Load(),
	}
	s.out.addStats(&st)
	return st
}

var _ engine.Engine = (*nativeSession)(nil)
