package bmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/sessionevents"
)

// Session is a connection to a BlazingMQ broker that heals itself. It is safe for
// use by any number of goroutines, and one is enough for a process: sessions are
// heavy, queues are light.
//
// # Handlers
//
// A session calls the application's handlers (OnSessionEvent, OnMessage, OnAck) on
// a goroutine of its own, one call at a time and in the order in which things came
// from the network, unless WithNumProcessingThreads asks for more goroutines.
// Handlers may call every method of the session but Stop, Close and Drain, which
// answer ErrWouldDeadlock. A handler that takes long delays all that comes after it;
// the session tells by SlowConsumerHighWaterMark. A handler that panics is reported
// by a HandlerPanicked event, and the session goes on.
//
// # Contexts and timeouts
//
// The context of a method bounds how long the caller waits. When it ends, the
// method returns its error and the operation is settled in the background: a queue
// that is opened after all is closed again. The broker's timeout, set by
// WithTimeout and Timeouts, is about the broker: when it is over while a queue is
// opened or closed, the session gives the connection up and makes a new one.
//
// # Losing the connection
//
// The session reconnects by itself, reopens its queues and sends what was posted
// meanwhile, and all posts whose ack had not come, again; brokers recognise
// repeats. Confirmations are not kept: a message whose confirmation was lost comes
// again.
type Session struct {
	core *core
}

// core is what goroutines hold on to. It does not refer to its Session, so that one
// that nobody uses any more can be noticed.
type core struct {
	onSessionEvent OnSessionEvent
	onMessage      OnMessage
	compression    CompressionAlgorithmType
	monitored      bool   // there is a host health monitor
	borrow         bool   // messages belong to the application during the call only
	inbox          *inbox // with WithPull
	tracer         Tracer
	timeouts       Timeouts
	log            *slog.Logger
	engine         engine.Engine
	engineKind     EngineKind
	dispatch       *dispatcher
	unobserve      func()          // ends the observation of the monitor
	cleanup        runtime.Cleanup // for a session that nobody stops
	session        weak.Pointer[Session]

	// Events that come before NewSession knows that the start succeeded wait here: a
	// start that fails delivers none.
	startMu sync.Mutex
	started bool
	early   []sessionevents.SessionEvent

	queues  registry
	stopped atomic.Bool
	stop    chan struct{} // closed when Stop is through
}

// NewSession connects to the broker and returns a session that is up. It blocks
// until then, until ctx ends, or until the connect timeout is over, which gives
// ErrBrokerTimeout: a broker that can't be reached is tried again and again.
//
// onSessionEvent must not be nil; sessionevents.LogSessionEvent will do. Messages
// go to the handler given by WithOnMessage. The caller has to call Stop or Close: a
// program that ends without it loses what it posted last.
func NewSession(ctx context.Context, onSessionEvent OnSessionEvent, opts ...Option) (*Session, error) {
	cfg := defaultConfig()
	cfg.apply(opts)
	return newSession(ctx, onSessionEvent, &cfg)
}

// NewSessionWithOptions is NewSession in the manner of Python's
// Session.with_options: the options that Python knows come as one value. broker may
// be empty for DefaultBroker, onMessage may be nil. extra is applied after o.
func NewSessionWithOptions(ctx context.Context, onSessionEvent OnSessionEvent, onMessage OnMessage,
	broker string, o SessionOptions, extra ...Option,
) (*Session, error) {
	cfg := defaultConfig()
	cfg.onMessage, cfg.SessionOptions = onMessage, o
	if broker != "" {
		cfg.broker = broker
	}
	cfg.apply(extra)
	return newSession(ctx, onSessionEvent, &cfg)
}

func newSession(ctx context.Context, onSessionEvent OnSessionEvent, cfg *config) (*Session, error) {
	var handlerErr error
	if onSessionEvent == nil {
		handlerErr = typeError("onSessionEvent must not be nil")
	}
	if err := errors.Join(handlerErr, cfg.validate()); err != nil {
		return nil, err
	}
	log := cfg.log()
	uri, err := cfg.brokerURI(log)
	if err != nil {
		return nil, err
	}
	c := &core{
		onSessionEvent: onSessionEvent,
		onMessage:      cfg.onMessage,
		compression:    cfg.MessageCompressionAlgorithm,
		monitored:      cfg.HostHealthMonitor != nil,
		borrow:         cfg.borrow,
		tracer:         cfg.tracer,
		timeouts:       cfg.Timeouts.withDefaults(),
		log:            log,
		stop:           make(chan struct{}),
	}
	if c.engine, c.engineKind, err = newEngine(cfg.engine, cfg.engineConfig(uri, log, c)); err != nil {
		return nil, err
	}
	c.dispatch = newDispatcher(cfg.NumProcessingThreads.Or(1), cfg.watermarks(), cfg.maxInboundBytes, c.deliver)
	if cfg.pull {
		c.inbox = &inbox{hold: c.dispatch.hold}
	}
	startCtx, sp := span(ctx, c.tracer, spanStart, "")
	err = c.start(startCtx)
	sp.End(err)
	if err != nil {
		return nil, err
	}
	if m := cfg.HostHealthMonitor; m != nil {
		c.unobserve = m.Observe(func(h HostHealth) { c.engine.SetHostHealth(h == HostHealthy) })
	}
	s := &Session{core: c}
	c.session = weak.Make(s)
	c.cleanup = runtime.AddCleanup(s, (*core).abandoned, c)
	return s, nil
}

// start connects, or leaves nothing behind.
func (c *core) start(ctx context.Context) error {
	st := c.engine.Start(ctx)
	if st.OK() {
		c.startMu.Lock()
		defer c.startMu.Unlock()
		c.started = true
		for _, e := range c.early {
			c.dispatch.push(item{event: e})
		}
		c.early = nil
		return nil
	}
	c.stopped.Store(true)
	_ = c.dispatch.close(context.WithoutCancel(ctx)) // nothing was pushed: it ends at once
	if err := ctx.Err(); err != nil {
		e := contextError(opStart, "", errors.Join(err, st.Err))
		e.detail = fmt.Sprintf("Failed to start session: %v", err)
		if st.Text != "" {
			e.detail += ": " + st.Text
		}
		return e
	}
	return statusError(opStart, "", st)
}

// Stop disconnects from the broker and returns when the last handler has ended.
// Posts that have no ack yet are answered AckUnknown, then Disconnected is
// delivered, the session's last event. Operations that wait for the broker are
// ended with ErrSessionStopped, and so is every call from now on. Unconfirmed
// messages go back to the broker.
//
// If ctx ends first, Stop cuts the connection and returns the context's error;
// handlers that still run are not waited for. Stop may be called again, and by several
// goroutines: each call waits for what is left to wait for. A handler can't stop its
// session: ErrWouldDeadlock.
func (s *Session) Stop(ctx context.Context) error {
	defer runtime.KeepAlive(s)
	return s.core.shutdown(ctx)
}

// closeGrace is how long Close waits for handlers of a session whose broker did not
// answer.
const closeGrace = 5 * time.Second

// Close is Stop with a context of its own: it allows the broker the session's
// disconnect timeout, 30 s where nothing else was set, and handlers 5 s more. A broker
// that does not answer is left, without an error; there is one if a handler still runs.
func (s *Session) Close() error {
	defer runtime.KeepAlive(s)
	ctx, cancel := context.WithTimeout(context.Background(), s.core.timeouts.DisconnectTimeout+closeGrace)
	defer cancel()
	return s.core.shutdown(ctx)
}

func (c *core) shutdown(ctx context.Context) error {
	if c.dispatch.onWorker() {
		return failure(opStop, "", ErrWouldDeadlock, "Stop was called from a handler, for whose end it would wait; call it from another goroutine")
	}
	if c.stopped.Swap(true) {
		return c.awaitStop(ctx)
	}
	c.cleanup.Stop() // it keeps c, with it the handlers, and with these perhaps the session
	defer close(c.stop)
	ctx, sp := span(ctx, c.tracer, spanStop, "")
	err := c.takeDown(ctx)
	sp.End(err)
	return err
}

// awaitStop waits for a Stop that is under way, and for handlers that it did not wait
// for.
func (c *core) awaitStop(ctx context.Context) error {
	select {
	case <-c.stop:
	default:
		select {
		case <-c.stop:
		case <-ctx.Done():
			return contextError(opStop, "", ctx.Err())
		}
	}
	if err := c.dispatch.close(ctx); err != nil {
		return contextError(opStop, "", err)
	}
	return nil
}

func (c *core) takeDown(ctx context.Context) error {
	if c.unobserve != nil {
		c.unobserve()
	}
	c.dispatch.awaiting() // from now on nothing may hold the engine up
	if c.inbox != nil {
		defer c.inbox.close()
	}
	c.engine.Stop(ctx)
	if err := c.dispatch.close(ctx); err != nil {
		return contextError(opStop, "", err)
	}
	return nil
}

// abandoned stops a session that nobody can stop any more.
func (c *core) abandoned() {
	if c.stopped.Load() {
		return
	}
	c.log.Warn("Stop was not called before a session became unreachable; stopping it now")
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.timeouts.DisconnectTimeout)
		defer cancel()
		_ = c.shutdown(ctx)
	}()
}

// OnSessionEvent implements engine.Handler.
func (c *core) OnSessionEvent(e engine.SessionEvent) {
	uri := ""
	if q, ok := e.Owner.(*queue); ok {
		uri = q.uri
		if sessionevents.Type(e.Type) == sessionevents.TypeQueueReopenResult && !e.Status.OK() {
			c.queues.remove(q)
		}
	}
	event := sessionevents.New(sessionevents.Type(e.Type), uri, int(e.Status.Code), e.Status.Text)
	c.startMu.Lock()
	defer c.startMu.Unlock()
	if !c.started {
		c.early = append(c.early, event)
		return
	}
	c.dispatch.push(item{event: event})
}

// OnMessages implements engine.Handler.
func (c *core) OnMessages(b *engine.MessageBatch) {
	c.dispatch.throttle()
	if c.inbox != nil {
		c.receive(b.Messages)
		b.Release()
		return
	}
	c.dispatch.push(item{messages: b})
}

// OnAcks implements engine.Handler.
func (c *core) OnAcks(b *engine.AckBatch) {
	answerWaiters(b)
	if len(b.Acks) == 0 {
		b.Release()
		return
	}
	c.dispatch.push(item{acks: b})
}

// Awaiting implements engine.Handler.
func (c *core) Awaiting() func() { return c.dispatch.awaiting() }
