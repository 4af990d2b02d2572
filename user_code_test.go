package bmq_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/logtest"
	"github.com/stretchr/testify/require"
)

// tries lists what a function of the application may do besides working.
func tries(stuck <-chan struct{}) map[string]func() error {
	return map[string]func() error{
		"panics":               func() error { panic("no luck") },
		"fails":                func() error { return errors.New("no luck") },
		"ignores its context":  func() error { <-stuck; return nil },
		"ends its goroutine":   func() error { runtime.Goexit(); return nil },
		"answers with nothing": func() error { return nil },
	}
}

func TestDialersMayFailInAnyWay(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	for name, try := range tries(stuck) {
		t.Run(name, func(t *testing.T) {
			dial := func(context.Context, string, string) (net.Conn, error) { return nil, try() }
			requireFailedStart(t, name, bmq.WithDialer(dial), bmq.WithBroker("tcp://127.0.0.1:1"))
		})
	}
}

func TestCredentialProvidersMayFailInAnyWay(t *testing.T) {
	broker := bmqtest.Start(t, bmqtest.WithUser("user", "secret"), bmqtest.WithoutAnonymous())
	stuck := make(chan struct{})
	defer close(stuck)
	for name, try := range tries(stuck) {
		t.Run(name, func(t *testing.T) {
			provider := func(context.Context) (bmq.AuthnCredential, error) { return bmq.AuthnCredential{}, try() }
			requireFailedStart(t, name, bmq.WithAuthnCredentialProvider(provider), bmq.WithBroker(broker.URI()))
		})
	}
}

// requireFailedStart starts a session that can't come up. It is given up when the first
// attempt has failed, or could have.
func requireFailedStart(t *testing.T, name string, opts ...bmq.Option) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	want := context.Canceled
	if name == "ignores its context" {
		ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		want = context.DeadlineExceeded
	}
	logger := logtest.OnWarning(cancel)
	_, err := bmq.NewSession(ctx, ignore, append(opts, bmq.WithLogger(logger))...)
	require.ErrorIs(t, err, want)
	if name == "panics" || name == "fails" {
		require.ErrorContains(t, err, "no luck")
	}
}

// noTracer answers with no span and no context.
type noTracer struct{}

func (noTracer) StartSpan(context.Context, string, string) (context.Context, bmq.Span) {
	return nil, nil // as a careless tracer does
}

func TestTracersMayAnswerWithNothing(t *testing.T) {
	s, _ := start(t, bmq.WithTracer(noTracer{}))
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite()))
	require.NoError(t, s.CloseQueue(t.Context(), memory))
}

func TestOptionsThatAreNilAreSkipped(t *testing.T) {
	s, _ := start(t, nil)
	require.NoError(t, s.OpenQueue(t.Context(), memory, nil, bmq.WithRead(), nil))
	require.NoError(t, s.ConfigureQueue(t.Context(), memory, bmq.Paused(), nil))
	require.NoError(t, s.CloseQueue(t.Context(), memory, nil))
	broker := bmqtest.Start(t)
	other, err := bmq.NewSessionWithOptions(t.Context(), ignore, nil, broker.URI(), bmq.SessionOptions{}, nil)
	require.NoError(t, err)
	require.NoError(t, other.Close())
}

func TestZeroMonitorIsHealthy(t *testing.T) {
	var m bmq.BasicHealthMonitor
	require.Equal(t, bmq.HostHealthy, m.State())
	s, r := start(t, bmq.WithHostHealthMonitor(&m))
	sensitive := bmq.WithQueueOptions(bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite(), sensitive))
	m.SetHealthy() // no news
	m.SetUnhealthy()
	require.Equal(t, bmq.HostUnhealthy, m.State())
	r.wait("two events", func() bool { return len(r.events) == 3 })
	require.Equal(t, "<HostUnhealthy>", r.events[1].String())
}

func TestMonitorThatIsNilIsNone(t *testing.T) {
	var none *bmq.BasicHealthMonitor
	s, _ := start(t, bmq.WithHostHealthMonitor(none))
	sensitive := bmq.WithQueueOptions(bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})
	require.ErrorIs(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite(), sensitive), bmq.ErrHealthMonitoringDisabled)
}

func TestBatchesThatNoSessionMadeAreRefused(t *testing.T) {
	s, _ := start(t)
	require.ErrorIs(t, new(bmq.Batch).Add(memory, []byte("x")), bmq.ErrValue)
	for _, b := range []*bmq.Batch{nil, {}} {
		_, err := s.PostBatch(t.Context(), b)
		require.ErrorIs(t, err, bmq.ErrValue)
	}
}

func TestBadBrokerURISaysWhereItIsFrom(t *testing.T) {
	_, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker("localhost:30114"))
	require.ErrorIs(t, err, bmq.ErrInvalidArgument)
	require.NotContains(t, err.Error(), "BMQ_BROKER_URI")
	t.Setenv("BMQ_BROKER_URI", "localhost:30114")
	_, err = bmq.NewSession(t.Context(), ignore)
	require.ErrorIs(t, err, bmq.ErrInvalidArgument)
	require.ErrorContains(t, err, "BMQ_BROKER_URI")
	require.Equal(t, 1, strings.Count(err.Error(), "localhost:30114"))
}

func TestStoppingAgainWaitsForHandlersToo(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{})
	s, _ := start(t, bmq.WithOnMessage(func(*bmq.Message, *bmq.MessageHandle) {
		close(entered)
		<-gate
	}))
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
	require.NoError(t, s.Post(t.Context(), memory, []byte("x")))
	<-entered
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Stop(ctx), context.DeadlineExceeded)
	}
	close(gate)
	require.NoError(t, s.Stop(t.Context()))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Stop(over), "there is nothing to wait for")
}

// answering listens, and gives each connection an answer of its own.
func answering(t *testing.T, text string) (uri string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, text)
				_, _ = io.Copy(io.Discard, conn) // until the client has enough
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		all.Wait()
	})
	return "tcp://" + l.Addr().String()
}

func TestWhatIsNoBrokerIsCalledThat(t *testing.T) {
	uri := answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n")
	ctx, cancel := context.WithCancel(t.Context())
	logger := logtest.OnWarning(cancel)
	_, err := bmq.NewSession(ctx, ignore, bmq.WithBroker(uri), bmq.WithLogger(logger),
		bmq.WithEngine(bmq.EnginePortable)) // libbmq keeps its reasons to itself
	require.ErrorContains(t, err, "what answers at "+strings.TrimPrefix(uri, "tcp://")+" is no BlazingMQ broker")
}

func TestStartThatNobodyAnswersSaysWhoWasAsked(t *testing.T) {
	uri := answering(t, "")
	_, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(uri), bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 20 * time.Millisecond}))
	require.ErrorIs(t, err, bmq.ErrBrokerTimeout)
	require.ErrorContains(t, err, "no answer from "+uri+" within 20ms")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestAHandlerThatEndsItsGoroutineCostsItsOwnCallOnly(t *testing.T) {
	const n = 10
	b := bmqtest.Start(t)
	acks, messages := make(chan *bmq.Ack, n), make(chan *bmq.Message, n)
	s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(b.URI()), bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) {
		messages <- m
		runtime.Goexit()
	}))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithWrite()))
	b.HoldAcks(true)
	for range n {
		require.NoError(t, s.Post(t.Context(), memory, []byte("x"), bmq.WithOnAck(func(a *bmq.Ack) {
			acks <- a
			runtime.Goexit()
		})))
	}
	require.Eventually(t, func() bool { q, _ := b.Queue(memory); return q.Messages == n }, patience, patience/1000)
	b.HoldAcks(false) // they come together
	for range n {
		require.Equal(t, bmq.AckSuccess, (<-acks).Status)
	}
	require.NoError(t, s.CloseQueue(t.Context(), memory))
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead())) // so do the messages
	for range n {
		<-messages
	}
}
