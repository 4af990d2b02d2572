package enginetest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
	"github.com/bmq-go/bmq/sessionevents"
)

// chapter puts the chapter before the names of its behaviours.
func chapter(name string, list ...Behaviour) []Behaviour {
	for i := range list {
		list[i].Name = name + "/" + list[i].Name
	}
	return list
}

var construction = chapter("construction",
	Behaviour{Name: "a-session-is-up-when-it-is-returned", Ref: "4/63 4/68", Run: sessionIsUp},
	Behaviour{Name: "closing-stops-the-session", Ref: "4/14", Run: closingStops},
	Behaviour{Name: "every-option-is-taken", Ref: "4/1 4/3 4/10", Run: everyOption},
	Behaviour{Name: "options-that-are-left-out-have-defaults", Ref: "4/1 4/3", Run: defaultOptions},
	Behaviour{Name: "the-broker-learns-who-connects", Ref: "4/1 4/9", Run: identity},
	Behaviour{Name: "an-unreachable-broker-is-tried-until-the-connect-timeout", Ref: "4/7 4/8 1.14/start", Run: unreachable},
	Behaviour{Name: "a-start-ends-with-its-context", Run: startEndsWithContext},
	Behaviour{Name: "a-start-that-nobody-answers-ends", Ref: "4/7", Run: startUnanswered},
	Behaviour{Name: "a-broker-uri-that-is-none-is-refused", Ref: "4/8 1.14/start", Run: badBrokerURI},
	Behaviour{Name: "without-a-monitor-health-is-off", Ref: "4/4 4/17", Run: monitorOff},
	Behaviour{Name: "timeouts-out-of-range-are-refused", Ref: "4/5 1.14/value", Run: badTimeouts},
	Behaviour{Name: "options-that-upstream-dies-of-are-refused", Ref: "4/5 1.14/value", Run: badOptions},
	Behaviour{Name: "a-handler-of-events-is-required", Ref: "1.14/type", Run: noEventHandler},
	Behaviour{Name: "an-engine-that-is-not-there-is-refused", Run: missingEngine},
	Behaviour{Name: "a-forgotten-session-is-stopped", Ref: "4/11 4/65", Run: forgotten},
	Behaviour{Name: "a-session-forgotten-by-its-handler-is-stopped", Ref: "4/66", Run: forgottenInHandler},
	Behaviour{Name: "a-session-forgotten-with-messages-that-wait-is-stopped", Run: forgottenWithMessages},
	Behaviour{Name: "a-session-is-not-forgotten-while-it-posts", Run: postKeepsSession},
	Behaviour{Name: "a-session-is-not-forgotten-while-messages-are-pulled", Run: pullKeepsSession},
	Behaviour{Name: "the-environment-overrides-the-broker", Ref: "4/6", Run: environmentOverrides},
	Behaviour{Name: "a-process-without-a-name-is-called-unknown", Ref: "4/9", Run: namelessProcess},
	Behaviour{
		Name: "credentials-are-presented", Ref: "4/78",
		Broker: &BrokerConfig{Users: map[string]string{"suite": "secret"}}, Run: authenticates,
	},
)

func sessionIsUp(e *Env) {
	c := e.client()
	e.True(c.Stats().Connected)
	c.awaitEvents("Connected")
	c.stop()
	c.awaitEvents("Connected", "Disconnected")
}

func closingStops(e *Env) {
	c := e.client()
	e.NoError(c.Close())
	c.ended.Store(true)
	c.awaitEvents("Connected", "Disconnected")
	e.ErrorIs(c.Post(e.soon(), e.queue(memoryPriority), []byte("x")), bmq.ErrSessionStopped)
	e.NoError(c.Close(), "a second time")
}

func everyOption(e *Env) {
	o := bmq.SessionOptions{
		MessageCompressionAlgorithm: bmq.CompressionZLIB,
		Timeouts: bmq.Timeouts{
			ConnectTimeout: patience, DisconnectTimeout: patience, OpenQueueTimeout: patience,
			ConfigureQueueTimeout: patience, CloseQueueTimeout: patience,
		},
		HostHealthMonitor:    bmq.NewBasicHealthMonitor(),
		NumProcessingThreads: bmq.Some(2),
		BlobBufferSize:       bmq.Some(8192),
		ChannelHighWatermark: bmq.Some(int64(16 << 20)),
		EventQueueWatermarks: bmq.Some(bmq.Watermarks{Low: 1, High: 100}),
		StatsDumpInterval:    bmq.Some(30 * time.Second),
	}
	got := make(chan *bmq.Message, 1)
	s, err := bmq.NewSessionWithOptions(e.soon(), func(sessionevents.SessionEvent) {},
		func(m *bmq.Message, h *bmq.MessageHandle) { got <- m }, e.proxy.uri(), o,
		bmq.WithEngine(e.engine), bmq.WithLogger(quiet),
		bmq.WithProcessName("every-option"), bmq.WithUserAgentPrefix("suite/1"),
		bmq.WithChannelWriteTimeout(time.Second), bmq.WithMaxPendingBytes(1<<20), bmq.WithMaxInboundBytes(1<<20))
	e.NoError(err)
	defer e.stop(s)
	uri := e.queue(memoryPriority)
	e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithWrite(),
		bmq.WithQueueOptions(bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})))
	e.NoError(s.Post(e.soon(), uri, []byte("hello")))
	select {
	case m := <-got:
		e.Equal("hello", string(m.Data))
	case <-e.soon().Done():
		e.FailNow("the message does not come")
	}
	id, ok := e.proxy.identity()
	e.True(ok)
	e.Equal("every-option", id.ProcessName)
	e.Regexp(`^suite/1 blazingmq`, id.UserAgent)
}

func defaultOptions(e *Env) {
	s, err := bmq.NewSessionWithOptions(e.soon(), func(sessionevents.SessionEvent) {}, nil, e.proxy.uri(), bmq.SessionOptions{},
		bmq.WithEngine(e.engine), bmq.WithLogger(quiet))
	e.NoError(err)
	defer e.stop(s)
	uri := e.queue(memoryPriority)
	e.ErrorIs(s.OpenQueue(e.soon(), uri, bmq.WithRead()), bmq.ErrNoOnMessage)
	e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithWrite()))
}

func identity(e *Env) {
	e.client()
	id, ok := e.proxy.identity()
	e.True(ok)
	e.Equal(os.Args[0], id.ProcessName)
	e.Equal(int32(os.Getpid()), id.PID)
	e.Equal(ctrl.ClientTCPClient, id.ClientType)
	e.Equal(ctrl.LanguageCPP, id.SDKLanguage)
	e.Contains(id.UserAgent, "blazingmq-go(go")
	e.True(ctrl.HasFeature(id.Features, ctrl.FeatureProperties, ctrl.FeaturePropertiesEx), id.Features)
	e.NotEmpty(id.GUIDInfo.ClientID)
}

// noEvents is a handler for sessions that never come up.
func (e *Env) noEvents(ev sessionevents.SessionEvent) {
	e.t.Errorf("a session that never started says %v", ev)
}

func unreachable(e *Env) {
	e.proxy.refuse(true)
	_, err := e.start(e.soon(), e.noEvents, bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: unhurried}))
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	e.ErrorIs(err, bmq.ErrBMQ)
	e.Regexp("^Failed to start session: TIMEOUT", err.Error())
	var timeout interface{ Timeout() bool }
	e.True(errors.As(err, &timeout) && timeout.Timeout())
	e.Greater(e.proxy.attempts(), 1, "attempts")
}

func startEndsWithContext(e *Env) {
	e.proxy.refuse(true)
	ctx := e.within(50 * time.Millisecond)
	e.ends("the start", func() {
		_, err := e.start(ctx, e.noEvents)
		e.ErrorIs(err, context.DeadlineExceeded)
		e.ErrorIs(err, bmq.ErrBMQ)
		e.NotErrorIs(err, bmq.ErrBrokerTimeout)
	})
}

func startUnanswered(e *Env) {
	e.proxy.stall(up, down)
	defer e.proxy.cut() // nothing of it reaches the broker
	_, err := e.start(e.soon(), e.noEvents, bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 100 * time.Millisecond}))
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	_, err = e.start(e.within(50*time.Millisecond), e.noEvents)
	e.ErrorIs(err, context.DeadlineExceeded)
}

func badBrokerURI(e *Env) {
	for _, uri := range []string{"garbage", "tcp://localhost", "tcp://:30114", "http://localhost:30114", "tcp://localhost:http", "tcp://localhost:0", ""} {
		_, err := e.start(e.soon(), e.noEvents, bmq.WithBroker(uri))
		e.ErrorIs(err, bmq.ErrInvalidArgument, uri)
		e.Regexp("^Failed to start session: INVALID_ARGUMENT", err.Error())
	}
	_, err := e.start(e.soon(), e.noEvents, bmq.WithBroker("tcp://localhost\x00:30114"))
	e.ErrorIs(err, bmq.ErrValue)
}

func monitorOff(e *Env) {
	sensitive := bmq.WithQueueOptions(bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})
	for _, opts := range [][]bmq.Option{nil, {bmq.WithHostHealthMonitor(nil)}} {
		c := e.client(opts...)
		err := c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithWrite(), sensitive)
		e.ErrorIs(err, bmq.ErrHealthMonitoringDisabled)
	}
	c := e.client(bmq.WithHostHealthMonitor(bmq.NewBasicHealthMonitor()))
	c.open(e.queue(memoryPriority), bmq.WithWrite(), sensitive)
}

func badTimeouts(e *Env) {
	for _, d := range []time.Duration{0, -1, -time.Hour} {
		_, err := e.start(e.soon(), e.noEvents, bmq.WithTimeout(d))
		e.ErrorIs(err, bmq.ErrValue)
		e.NotErrorIs(err, bmq.ErrBMQ)
		e.ErrorContains(err, "timeout must be greater than 0")
	}
	for _, t := range []bmq.Timeouts{
		{ConnectTimeout: -1}, {DisconnectTimeout: -1}, {OpenQueueTimeout: -1}, {ConfigureQueueTimeout: -1}, {CloseQueueTimeout: -1},
	} {
		_, err := e.start(e.soon(), e.noEvents, bmq.WithTimeouts(t))
		e.ErrorIs(err, bmq.ErrValue, t.String())
	}
	c := e.client()
	uri := e.queue(memoryPriority)
	c.open(uri, bmq.WithWrite())
	for _, d := range []time.Duration{0, -1} {
		e.ErrorIs(c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithRead(), bmq.WithTimeout(d)), bmq.ErrValue)
		e.ErrorIs(c.ConfigureQueue(e.soon(), uri, bmq.QueueOptions{}, bmq.WithTimeout(d)), bmq.ErrValue)
		e.ErrorIs(c.CloseQueue(e.soon(), uri, bmq.WithTimeout(d)), bmq.ErrValue)
	}
	_, err := c.GetQueueOptions(uri)
	e.NoError(err, "the queue is still open")
}

func badOptions(e *Env) {
	for name, o := range map[string]bmq.Option{
		"threads":             bmq.WithNumProcessingThreads(0),
		"threads below":       bmq.WithNumProcessingThreads(-1),
		"buffer":              bmq.WithBlobBufferSize(0),
		"channel":             bmq.WithChannelHighWatermark(8 << 20),
		"watermarks":          bmq.WithEventQueueWatermarks(5, 5),
		"watermarks below":    bmq.WithEventQueueWatermarks(-1, 5),
		"statistics":          bmq.WithStatsDumpInterval(-time.Second),
		"statistics uneven":   bmq.WithStatsDumpInterval(31 * time.Second),
		"statistics too rare": bmq.WithStatsDumpInterval(time.Hour),
		"compression":         bmq.WithMessageCompressionAlgorithm(7),
		"write timeout":       bmq.WithChannelWriteTimeout(-1),
		"pending":             bmq.WithMaxPendingBytes(-1),
		"inbound":             bmq.WithMaxInboundBytes(-1),
		"user agent":          bmq.WithUserAgentPrefix("\n"),
		"process name":        bmq.WithProcessName("a\x00b"),
	} {
		_, err := e.start(e.soon(), e.noEvents, o)
		e.ErrorIs(err, bmq.ErrValue, name)
	}
	e.client(bmq.WithStatsDumpInterval(0), bmq.WithChannelHighWatermark(4<<30))
}

func noEventHandler(e *Env) {
	_, err := e.start(e.soon(), nil)
	e.ErrorIs(err, bmq.ErrType)
	e.Zero(e.proxy.attempts())
}

func missingEngine(e *Env) {
	there := make(map[bmq.EngineKind]bool)
	for _, info := range bmq.Engines() {
		there[info.Kind] = true
		e.NotEmpty(info.Version)
	}
	e.True(there[e.engine])
	if !there[bmq.EngineNative] {
		_, err := e.start(e.soon(), e.noEvents, bmq.WithEngine(bmq.EngineNative))
		e.ErrorIs(err, bmq.ErrEngineUnavailable)
		e.ErrorContains(err, "-tags libbmq")
	}
	_, err := e.start(e.soon(), e.noEvents, bmq.WithEngine(99))
	e.ErrorIs(err, bmq.ErrValue)
}

// collected waits until what nobody refers to has been noticed.
func (e *Env) collected(what string, cond func() bool) {
	e.t.Helper()
	e.True(pollEvery(10*tick, patience, func() bool {
		runtime.GC()
		return cond()
	}), "waited in vain: %s", what)
}

func forgotten(e *Env) {
	var log timeline
	warnings := make(chan string, 10)
	logger := slog.New(warningHandler{slog.NewTextHandler(io.Discard, nil), warnings})
	func() {
		_, err := e.start(e.soon(), func(ev sessionevents.SessionEvent) { log.add(entry{event: ev}) }, bmq.WithLogger(logger))
		e.NoError(err)
	}()
	e.collected("the session is stopped", func() bool { return e.proxy.connections() == 0 })
	e.True(log.until(e.soon(), func(es []entry) bool { return len(es) == 2 }))
	e.Equal([]string{"Connected", "Disconnected"}, eventNames(log.all()))
	e.Contains(<-warnings, "Stop was not called")
}

// warningHandler hands warnings on.
type warningHandler struct {
	slog.Handler
	warnings chan<- string
}

func (h warningHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (h warningHandler) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.warnings <- r.Message:
	default:
	}
	return nil
}

func forgottenInHandler(e *Env) {
	uri := e.queue(memoryPriority)
	var s *bmq.Session
	ready, called := make(chan struct{}), make(chan struct{})
	s, err := e.start(e.soon(), func(sessionevents.SessionEvent) {}, bmq.WithOnMessage(func(*bmq.Message, *bmq.MessageHandle) {
		<-ready
		s = nil
		runtime.GC()
		close(called)
	}))
	e.NoError(err)
	e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithWrite()))
	e.NoError(s.Post(e.soon(), uri, []byte("x")))
	close(ready)
	e.await(called, "the handler")
	e.collected("the session is stopped", func() bool { return e.proxy.connections() == 0 })
}

// forgottenWithMessages: nobody pulled what the session has.
func forgottenWithMessages(e *Env) {
	uri := e.queue(memoryPriority)
	func() {
		s, err := e.start(e.soon(), func(sessionevents.SessionEvent) {}, bmq.WithPull())
		e.NoError(err)
		defer runtime.KeepAlive(s)
		e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithWrite()))
		e.NoError(s.Post(e.soon(), uri, []byte("x")))
		e.eventually("the message waits", func() bool { return s.Stats().WaitingBytes > 0 })
	}()
	e.collected("the session is stopped", func() bool { return e.proxy.connections() == 0 })
}

// postKeepsSession: posts that wait for room are all that refers to a session.
func postKeepsSession(e *Env) {
	uri := e.queue(memoryPriority)
	posted := make(chan error, 2)
	func() {
		s, err := e.start(e.soon(), func(sessionevents.SessionEvent) {}, bmq.WithMaxPendingBytes(1), bmq.WithChannelWriteTimeout(wholePatience))
		e.NoError(err)
		e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithWrite()))
		e.proxy.stall(down)
		e.NoError(s.Post(e.soon(), uri, []byte("x"), bmq.WithOnAck(func(*bmq.Ack) {})))
		b := s.NewBatch()
		e.NoError(b.Add(uri, []byte("y")))
		go func() { posted <- s.Post(e.soon(), uri, []byte("z")) }()
		go func() {
			_, err := s.PostBatch(e.soon(), b)
			posted <- err
		}()
	}()
	e.False(pollEvery(tick, brief, func() bool {
		runtime.GC()
		return len(posted) > 0
	}))
	e.proxy.resume()
	e.NoError(<-posted)
	e.NoError(<-posted)
	e.collected("the session is stopped", func() bool { return e.proxy.connections() == 0 })
}

// pullKeepsSession: a loop that waits for messages is all that refers to a session.
func pullKeepsSession(e *Env) {
	uri := e.queue(memoryPriority)
	pulled, end := make(chan string, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(e.soon())
	defer cancel()
	func() {
		s, err := e.start(e.soon(), func(sessionevents.SessionEvent) {}, bmq.WithPull())
		e.NoError(err)
		e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithRead()))
		go func() {
			for m, err := range s.Messages(ctx) {
				if err != nil {
					end <- err
					return
				}
				pulled <- string(m.Data)
			}
		}()
	}()
	e.False(pollEvery(tick, brief, func() bool {
		runtime.GC()
		return len(end) > 0
	}))
	e.writer(uri).post(uri, "x")
	e.Equal("x", <-pulled)
	cancel()
	e.ErrorIs(<-end, context.Canceled)
	e.collected("the session is stopped", func() bool { return e.proxy.connections() == 1 })
}

func authenticates(e *Env) {
	asked := make(chan struct{}, 10)
	login := func(password string) bmq.Option {
		return bmq.WithAuthnCredentialProvider(func(context.Context) (bmq.AuthnCredential, error) {
			asked <- struct{}{}
			return bmq.AuthnCredential{Mechanism: bmq.MechanismBasic, Data: []byte("suite:" + password)}, nil
		})
	}
	c := e.client(login("secret"))
	e.Len(asked, 1)
	e.proxy.cut()
	c.awaitEvent("StateRestored", 1)
	e.Len(asked, 2)

	brief := bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: unhurried})
	_, err := e.start(e.soon(), e.noEvents, login("wrong"), brief)
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	e.ErrorContains(err, "the last attempt failed")
	_, err = e.start(e.soon(), e.noEvents, brief)
	e.ErrorIs(err, bmq.ErrBrokerTimeout, "without a credential")
	_, err = e.start(e.soon(), e.noEvents, brief, bmq.WithAuthnCredentialProvider(func(context.Context) (bmq.AuthnCredential, error) {
		return bmq.AuthnCredential{}, errors.New("the vault is locked")
	}))
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	e.ErrorContains(err, "the vault is locked")
}
