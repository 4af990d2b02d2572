package bmq_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestSessionThatNobodyStopsIsStoppedWithAWarning(t *testing.T) {
	broker := bmqtest.Start(t)
	var log lockedBuffer
	done := make(chan struct{})
	func() {
		s, err := bmq.NewSession(t.Context(), func(e sessionevents.SessionEvent) {
			if _, ok := e.(sessionevents.Disconnected); ok {
				close(done)
			}
		}, bmq.WithBroker(broker.URI()), bmq.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		require.NoError(t, err)
		require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite()))
	}()
	limit := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		runtime.GC()
		select {
		case <-done:
			require.Contains(t, log.String(), "Stop was not called")
			return
		case <-tick.C:
		case <-limit:
			t.Fatal("the session was not stopped")
		}
	}
}

func TestHandlesKeepASessionThatNobodyElseKnows(t *testing.T) {
	broker := bmqtest.Start(t)
	gone := make(chan struct{})
	h := func() *bmq.MessageHandle {
		handles := make(chan *bmq.MessageHandle, 1)
		s, err := bmq.NewSession(t.Context(), func(e sessionevents.SessionEvent) {
			if _, ok := e.(sessionevents.Disconnected); ok {
				close(gone)
			}
		}, bmq.WithBroker(broker.URI()), bmq.WithLogger(slog.New(slog.DiscardHandler)),
			bmq.WithOnMessage(func(_ *bmq.Message, h *bmq.MessageHandle) { handles <- h }))
		require.NoError(t, err)
		defer runtime.KeepAlive(s)
		require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
		require.NoError(t, s.Post(t.Context(), memory, []byte("x")))
		return <-handles
	}()
	for range 5 {
		runtime.GC()
	}
	require.NoError(t, h.Confirm()) // the last use of it
	limit, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-tick.C:
		case <-limit:
			t.Fatal("the session was not stopped")
		}
	}
}

func TestSessionThatIsStoppedIsCollectedInSilence(t *testing.T) {
	broker := bmqtest.Start(t)
	var log lockedBuffer
	func() {
		s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(broker.URI()), bmq.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		require.NoError(t, err)
		require.NoError(t, s.Stop(t.Context()))
	}()
	for range 5 {
		runtime.GC()
	}
	require.NotContains(t, log.String(), "Stop was not called")
}

func TestSessionThatItsHandlersKnowIsFreedAfterStop(t *testing.T) {
	broker := bmqtest.Start(t)
	freed := func() weak.Pointer[bmq.Session] {
		var s *bmq.Session
		s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(broker.URI()),
			bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { _ = s.Confirm(m) }))
		require.NoError(t, err)
		require.NoError(t, s.Stop(t.Context()))
		return weak.Make(s)
	}()
	limit := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for freed.Value() != nil {
		runtime.GC()
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the session is kept")
		}
	}
}

func TestPanickingHandlersAreReportedAndTheSessionGoesOn(t *testing.T) {
	var log lockedBuffer
	r := newRecorder(t)
	broker := bmqtest.Start(t)
	n := 0
	s, err := bmq.NewSession(t.Context(), func(e sessionevents.SessionEvent) {
		r.onEvent(e)
		panic("event handler")
	}, bmq.WithBroker(broker.URI()), bmq.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
			r.onMessage(m, h)
			if n++; n == 1 {
				panic("message handler")
			}
		}))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
	for range 2 {
		require.NoError(t, s.Post(t.Context(), memory, []byte("x"), bmq.WithOnAck(func(a *bmq.Ack) {
			r.onAck(a)
			panic("ack handler")
		})))
	}
	r.waitAcks(2)
	r.waitMessages(2)
	r.wait("the events", func() bool { return len(r.events) == 4 })
	panicked := 0
	for _, e := range r.events {
		if p, ok := e.(sessionevents.HandlerPanicked); ok {
			panicked++
			require.Contains(t, p.Message(), "handler panicked at <")
		}
	}
	require.Equal(t, 3, panicked)
	for _, text := range []string{"event handler", "message handler", "ack handler", "deliver.go"} {
		require.Contains(t, log.String(), text)
	}
}

func TestErrorTextsArePythons(t *testing.T) {
	s, _ := start(t)
	ctx := t.Context()
	require.NoError(t, s.OpenQueue(ctx, memory, bmq.WithRead()))
	for text, err := range map[string]error{
		"Failed to open nonsense queue: INVALID_URI: ":                s.OpenQueue(ctx, "nonsense", bmq.WithWrite()),
		"Failed to open " + memory + " queue: ALREADY_OPENED":         s.OpenQueue(ctx, memory, bmq.WithRead()),
		"Failed to open bmq://bmq.test.mem.fanout/q queue: UNKNOWN: ": s.OpenQueue(ctx, "bmq://bmq.test.mem.fanout/q", bmq.WithRead()),
		"Failed to construct message: QUEUE_READONLY":                 s.Post(ctx, memory, nil),
		"Queue not opened: bmq://a/b":                                 s.CloseQueue(ctx, "bmq://a/b"),
		"Invalid GUID provided":                                       s.Confirm(&bmq.Message{QueueURI: memory}),
		"Failed to configure " + memory + " queue: INVALID_ARGUMENT":  s.ConfigureQueue(ctx, memory, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(-1)}),
	} {
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, bmq.ErrBMQ)
	}
	require.ErrorIs(t, s.Confirm(nil), bmq.ErrType)
	require.ErrorIs(t, (&bmq.MessageHandle{}).Confirm(), bmq.ErrQueueNotOpened)
}

func TestPostAndWaitTellsWhatTheBrokerSaid(t *testing.T) {
	broker := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "small", QueueMessages: 1}))
	s, _ := startAt(t, broker)
	const queue = "bmq://small/q"
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	for range 2 { // a limit is exceeded by one message
		ack, err := s.PostAndWait(t.Context(), queue, []byte("x"))
		require.NoError(t, err)
		require.Equal(t, bmq.AckSuccess, ack.Status)
		require.Equal(t, queue, ack.QueueURI)
		require.NotNil(t, ack.GUID)
	}
	ack, err := s.PostAndWait(t.Context(), queue, []byte("x"))
	require.ErrorIs(t, err, bmq.ErrLimitMessages)
	require.ErrorIs(t, err, bmq.ErrBMQ)
	require.Equal(t, bmq.AckLimitMessages, ack.Status)
	require.Nil(t, ack.GUID)
	require.Equal(t, "<Ack LIMIT_MESSAGES for bmq://small/q>", ack.String())

	_, err = s.PostAndWait(t.Context(), queue, nil)
	require.ErrorIs(t, err, bmq.ErrPayloadEmpty)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.PostAndWait(ctx, queue, []byte("x"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestHandlerCanWaitForItsOwnPosts(t *testing.T) {
	broker := bmqtest.Start(t)
	results := make(chan error, 1)
	var s *bmq.Session
	ready := make(chan struct{})
	s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(broker.URI()),
		bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
			<-ready
			if string(m.Data) == "first" {
				_, err := s.PostAndWait(context.Background(), memory, []byte("second"))
				results <- errors.Join(err, s.Flush(context.Background()), s.Health(context.Background()))
			}
		}))
	require.NoError(t, err)
	close(ready)
	defer s.Close()
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
	require.NoError(t, s.Post(t.Context(), memory, []byte("first")))
	require.NoError(t, <-results)
}

func TestBatchKeepsWhatCouldNotBePosted(t *testing.T) {
	s, r := openBoth(t)
	const other = "bmq://bmq.test.mem.priority/other"
	require.NoError(t, s.OpenQueue(t.Context(), other, bmq.WithWrite()))
	b := s.NewBatch()
	require.NoError(t, b.Add(memory, []byte("one"), bmq.WithProperties(bmq.PropertyValueDict{"k": 1})))
	require.NoError(t, b.Add(other, []byte("two")))
	require.NoError(t, b.Add(memory, []byte("three")))
	require.ErrorIs(t, b.Add(memory, nil), bmq.ErrPayloadEmpty)
	require.ErrorIs(t, b.Add("bmq://not/open", []byte("x")), bmq.ErrQueueNotOpened)
	require.Equal(t, 3, b.Len())
	require.Greater(t, b.Size(), len("onetwothree"))
	require.NoError(t, s.CloseQueue(t.Context(), other))
	n, err := s.PostBatch(t.Context(), b)
	require.Equal(t, 1, n)
	require.ErrorIs(t, err, bmq.ErrQueueClosing)
	require.Equal(t, 2, b.Len())
	require.Equal(t, len("twothree"), b.Size())
	require.Equal(t, bmq.PropertyValueDict{"k": int64(1)}, r.waitMessages(1)[0].Properties())
	b.Reset()
	require.Zero(t, b.Len())
	require.Zero(t, b.Size())
	n, err = s.PostBatch(t.Context(), b)
	require.NoError(t, err)
	require.Zero(t, n)

	elsewhere, _ := start(t)
	_, err = elsewhere.PostBatch(t.Context(), b)
	require.ErrorIs(t, err, bmq.ErrValue)
	require.NoError(t, b.Add(memory, []byte("x")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.PostBatch(ctx, b)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Stop(t.Context()))
	_, err = s.PostBatch(t.Context(), b)
	require.ErrorIs(t, err, bmq.ErrSessionStopped)
}

func TestABatchLetsGoOfWhatWasPosted(t *testing.T) {
	s, _ := start(t)
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite()))
	b := s.NewBatch()
	type thing struct{ text string }
	posted := func() weak.Pointer[thing] {
		x := &thing{"posted"}
		require.NoError(t, b.Add(memory, []byte("x"), bmq.WithOnAck(func(*bmq.Ack) { x.text = "acked" })))
		return weak.Make(x)
	}()
	const other = "bmq://bmq.test.mem.priority/other"
	require.NoError(t, s.OpenQueue(t.Context(), other, bmq.WithWrite()))
	require.NoError(t, b.Add(other, []byte("y")))
	require.NoError(t, s.CloseQueue(t.Context(), other))
	_, err := s.PostBatch(t.Context(), b)
	require.ErrorIs(t, err, bmq.ErrQueueClosing)
	require.NoError(t, s.Flush(t.Context()))
	_, err = s.PostAndWait(t.Context(), memory, []byte("z")) // the session forgets the post before it
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		runtime.GC()
		return posted.Value() == nil
	}, patience, 10*time.Millisecond)
	require.Equal(t, 1, b.Len())
}

func TestMessagesEndsWithItsContextAndWithTheSession(t *testing.T) {
	broker := bmqtest.Start(t)
	s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(broker.URI()), bmq.WithPull())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for m, err := range s.Messages(ctx) {
		require.Nil(t, m)
		require.ErrorIs(t, err, context.Canceled)
	}
	ended := make(chan error)
	go func() {
		for _, err := range s.Messages(context.Background()) {
			ended <- err
		}
	}()
	require.NoError(t, s.Stop(t.Context()))
	require.ErrorIs(t, <-ended, bmq.ErrSessionStopped)

	handler, _ := startAt(t, broker)
	for _, err := range handler.Messages(t.Context()) {
		require.ErrorIs(t, err, bmq.ErrNoOnMessage)
	}
	_, err = bmq.NewSession(t.Context(), ignore, bmq.WithPull(), bmq.WithOnMessage(func(*bmq.Message, *bmq.MessageHandle) {}))
	require.ErrorIs(t, err, bmq.ErrValue)
}

func TestMessagesThatALoopLeavesStayForTheNext(t *testing.T) {
	broker := bmqtest.Start(t)
	s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(broker.URI()), bmq.WithPull(), bmq.WithMaxInboundBytes(1))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
	for i := range 10 {
		require.NoError(t, s.Post(t.Context(), memory, []byte{byte(i)}))
	}
	for i := range 10 {
		for m, err := range s.Messages(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, []byte{byte(i)}, m.Data)
			require.NoError(t, s.ConfirmBatch(m))
			break
		}
	}
	require.Zero(t, s.Stats().WaitingBytes)
	require.ErrorIs(t, s.ConfirmBatch(&bmq.Message{QueueURI: memory}), bmq.ErrInvalidGUID)
	require.ErrorIs(t, s.ConfirmBatch(&bmq.Message{QueueURI: "bmq://a/b", GUID: bmq.MessageGUID{1}}), bmq.ErrQueueNotOpened)
	require.ErrorIs(t, s.ConfirmBatch(nil), bmq.ErrType)
	require.NoError(t, s.ConfirmBatch())
}

func TestDrainHandsOutNothingMoreAndWaitsForAcks(t *testing.T) {
	s, r := openBoth(t)
	for range 100 {
		require.NoError(t, s.Post(t.Context(), memory, []byte("x"), bmq.WithOnAck(r.onAck)))
	}
	require.NoError(t, s.Drain(t.Context()))
	require.Len(t, r.acks, 100)
	for _, a := range r.acks {
		require.Equal(t, bmq.AckSuccess, a.Status)
	}
	require.ErrorIs(t, s.Flush(t.Context()), bmq.ErrSessionStopped)
	require.ErrorIs(t, s.Health(t.Context()), bmq.ErrSessionStopped)
}

func TestHealthEndsWithItsContextWhileTheBrokerIsAway(t *testing.T) {
	broker := bmqtest.Start(t)
	s, r := startAt(t, broker, bmq.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, s.Health(t.Context()))
	broker.Kill()
	r.wait("the loss", func() bool { return len(r.events) == 2 }) // libbmq knows no sooner
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := s.Health(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "Failed to hear from the broker: context deadline exceeded")
	require.NoError(t, broker.Restart(t.Context(), bmqtest.KeepAll))
	require.NoError(t, s.Health(t.Context()))
	require.EqualValues(t, 2, s.Stats().Connects)
}

func TestSpansHaveTheOutcomeOfTheirOperation(t *testing.T) {
	var log []string
	broker := bmqtest.Start(t)
	s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(broker.URI()), bmq.WithTracer(tracer{&log}))
	require.NoError(t, err)
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite()))
	require.NoError(t, s.ConfigureQueue(t.Context(), memory, bmq.QueueOptions{}))
	require.NoError(t, s.CloseQueue(t.Context(), memory))
	require.Error(t, s.CloseQueue(t.Context(), memory))
	require.NoError(t, s.Close())
	require.Equal(t, []string{
		"bmq.session.start  <nil>", "bmq.queue.open " + memory + " <nil>", "bmq.queue.configure " + memory + " <nil>",
		"bmq.queue.close " + memory + " <nil>", "bmq.queue.close " + memory + " Queue not opened: " + memory, "bmq.session.stop  <nil>",
	}, log)
}

type tracer struct{ log *[]string }

type tracedSpan struct {
	tracer
	text string
}

func (t tracer) StartSpan(ctx context.Context, name, uri string) (context.Context, bmq.Span) {
	return ctx, tracedSpan{t, name + " " + uri}
}

func (s tracedSpan) End(err error) {
	text := "<nil>"
	if err != nil {
		text = err.Error()
	}
	*s.log = append(*s.log, s.text+" "+text)
}

func TestStringsOfMessagesHandlesAndAcks(t *testing.T) {
	s, r := openBoth(t)
	require.NoError(t, s.Post(t.Context(), memory, []byte("x"), bmq.WithOnAck(r.onAck)))
	m, a := r.waitMessages(1)[0], r.waitAcks(1)[0]
	guid := m.GUID.String()
	require.Equal(t, strings.ToUpper(guid), guid)
	require.Equal(t, "<Message["+guid+"] for "+memory+">", m.String())
	require.Equal(t, "<MessageHandle["+guid+"] for "+memory+">", r.handles[0].String())
	require.Equal(t, "<Ack["+guid+"] SUCCESS for "+memory+">", a.String())
	require.Zero(t, a.RawStatus())
	require.Equal(t, "UNRECOGNIZED (-102)", bmq.AckStatus(-102).String())
	require.ErrorIs(t, bmq.AckStatus(-102).Err(), bmq.ErrUnknown)
}

func TestMessagesBelongToTheirReceiver(t *testing.T) {
	s, r := openBoth(t)
	require.NoError(t, s.Post(t.Context(), memory, []byte("first")))
	m := r.waitMessages(1)[0]
	data := append([]byte(nil), m.Data...)
	// What comes later does not write over it, and the handle keeps what it needs.
	for range 200 {
		require.NoError(t, s.Post(t.Context(), memory, bytes.Repeat([]byte("z"), 1000)))
	}
	r.waitMessages(201)
	require.Equal(t, data, m.Data)
	m.QueueURI, m.GUID = "bmq://another/queue", bmq.MessageGUID{}
	require.NoError(t, r.handles[0].Confirm())
	require.ErrorIs(t, s.Confirm(m), bmq.ErrQueueNotOpened)
	// Appending to a payload does not reach its neighbour.
	_ = append(r.messages[1].Data, "overwritten"...)
	require.Equal(t, bytes.Repeat([]byte("z"), 1000), r.messages[2].Data)
}

// TestDrainReadsOn: a queue that could not be paused fills what bounds the messages that
// wait, and the acks that are waited for are behind its messages.
func TestDrainReadsOn(t *testing.T) {
	broker := bmqtest.Start(t)
	s, r := startAt(t, broker, bmq.WithPull(), bmq.WithMaxInboundBytes(1), bmq.WithOnMessage(nil))
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
	other, _ := startAt(t, broker)
	require.NoError(t, other.OpenQueue(t.Context(), memory, bmq.WithWrite()))
	pause := broker.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.ConfigureQueue, Do: bmqtest.Refuse})
	broker.HoldAcks(true)
	require.NoError(t, s.Post(t.Context(), memory, []byte("x"), bmq.WithOnAck(r.onAck)))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(ctx) }()
	require.Eventually(t, func() bool { return pause.Hits() == 1 }, patience, time.Millisecond)
	for range 3 {
		require.NoError(t, other.Post(t.Context(), memory, []byte("y")))
	}
	require.Eventually(t, func() bool { q, _ := broker.Queue(memory); return q.Messages == 4 }, patience, time.Millisecond)
	broker.HoldAcks(false)
	require.NoError(t, <-drained)
	require.Equal(t, bmq.AckSuccess, r.acks[0].Status)
}
