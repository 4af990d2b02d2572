//go:build cgo && bmqfake

package nativetest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

// always is how often a function of the double fails that is to fail every time.
const always = 1 << 30

// journal is a log that tests look into.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func TestASessionThatCanNotBeMadeLeavesNothing(t *testing.T) {
	nothingLeft(t)
	for name, f := range map[string]cbridge.FakeFunction{"create": cbridge.FakeCreate, "start": cbridge.FakeStart} {
		cbridge.FakeAnswer(f, -7, 1)
		_, err := try(t)
		require.ErrorIs(t, err, bmq.ErrInvalidArgument, name)
		require.ErrorContains(t, err, "scripted failure", name)
	}
	cbridge.FakeAnswer(cbridge.FakeConnect, 1, 1)
	_, err := try(t, bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: time.Millisecond}))
	require.ErrorIs(t, err, bmq.ErrBrokerTimeout)
	require.ErrorContains(t, err, "connection refused", "it says why")

	cbridge.FakeAnswer(cbridge.FakeConnect, 1, 1)
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	_, err = bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, bmq.WithEngine(kind), bmq.WithBroker(address(t)), bmq.WithLogger(quiet))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestABridgeOfAnotherVersionIsRefused(t *testing.T) {
	nothingLeft(t)
	cbridge.FakeABI(1)
	_, err := try(t)
	cbridge.FakeReset()
	require.ErrorContains(t, err, "build with -a")
}

func TestFailuresOfQueueOperationsAreReported(t *testing.T) {
	c := connect(t)
	ctx := t.Context()
	for f, want := range map[cbridge.FakeFunction]string{
		cbridge.FakeQueueCreate: "scripted failure", cbridge.FakeOpen: "scripted failure", cbridge.FakeOpenResult: "scripted result",
	} {
		cbridge.FakeAnswer(f, -6, 1)
		err := c.OpenQueue(ctx, queue, bmq.WithRead())
		require.ErrorIs(t, err, bmq.ErrRefused)
		require.ErrorContains(t, err, want)
	}
	cbridge.FakeAnswer(cbridge.FakeOpenResult, -2, 1)
	require.ErrorIs(t, c.OpenQueue(ctx, queue, bmq.WithRead()), bmq.ErrBrokerTimeout)

	require.NoError(t, c.OpenQueue(ctx, queue, bmq.WithRead(), bmq.WithWrite()))
	before, err := c.GetQueueOptions(queue)
	require.NoError(t, err)
	for _, f := range []cbridge.FakeFunction{cbridge.FakeConfigure, cbridge.FakeConfigureResult} {
		cbridge.FakeAnswer(f, -8, 1)
		require.ErrorIs(t, c.ConfigureQueue(ctx, queue, bmq.Paused()), bmq.ErrNotReady)
	}
	after, err := c.GetQueueOptions(queue)
	require.NoError(t, err)
	require.Equal(t, before, after)
	for _, f := range []cbridge.FakeFunction{cbridge.FakeClose, cbridge.FakeCloseResult} {
		c.post("x")
		cbridge.FakeAnswer(f, -1, 1)
		require.ErrorIs(t, c.CloseQueue(ctx, queue), bmq.ErrUnknown)
		require.ErrorIs(t, c.CloseQueue(ctx, queue), bmq.ErrQueueNotOpened, "it is gone all the same")
		// It can be opened again: where libbmq did not even begin to close it, as soon as the
		// session has let go of it, which nobody waits for.
		require.True(t, poll(func() bool {
			err := c.OpenQueue(ctx, queue, bmq.WithRead(), bmq.WithWrite())
			if err != nil {
				require.Equal(t, cbridge.FakeClose, f, "%v", err)
				require.ErrorIs(t, err, bmq.ErrAlreadyOpened)
			}
			return err == nil
		}))
	}
}

// A change of options is refused while an earlier one that timed out has no answer:
// it is asked for again as long as there is time.
func TestConfiguringWaitsForTheChangeBefore(t *testing.T) {
	c := open(t)
	cbridge.FakeAnswer(cbridge.FakeConfigureResult, 100, 2)
	require.NoError(t, c.ConfigureQueue(t.Context(), queue, bmq.Paused()))
	cbridge.FakeAnswer(cbridge.FakeConfigureResult, 100, always)
	err := c.ConfigureQueue(t.Context(), queue, bmq.Paused(), bmq.WithTimeout(brief))
	require.ErrorIs(t, err, bmq.ErrBrokerTimeout)
}

func TestFailuresOfStoppingAreLogged(t *testing.T) {
	var log journal
	c := open(t, bmq.WithLogger(log.logger()))
	cbridge.FakeAnswer(cbridge.FakeStop, -1, 1)
	cbridge.FakeAnswer(cbridge.FakeDestroy, -1, 1)
	require.NoError(t, c.Stop(t.Context()))
	require.Contains(t, log.String(), "libbmq could not stop")
	require.Contains(t, log.String(), "libbmq could not end a session")
}

// A stop that takes too long goes on in the background, and nothing of it is heard.
func TestASlowStopIsNotWaitedFor(t *testing.T) {
	c := open(t)
	cbridge.FakeHoldStop(true)
	t.Cleanup(func() { cbridge.FakeHoldStop(false) })
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	require.ErrorIs(t, c.Stop(ctx), context.DeadlineExceeded)
	c.waitEvents("Connected", "Disconnected")
	cbridge.FakeEvent(int32(sessionevents.TypeHostUnhealthy), 0, 3)
	require.Len(t, c.events, 2)
}

func TestResultsThatComeLate(t *testing.T) {
	c := connect(t)
	cbridge.FakeHold(true)
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	require.ErrorIs(t, c.OpenQueue(ctx, queue, bmq.WithRead()), context.DeadlineExceeded)
	cbridge.FakeHold(false) // the queue is opened, and closed again
	require.True(t, poll(func() bool {
		err := c.OpenQueue(t.Context(), queue, bmq.WithRead())
		return err == nil || !errors.Is(err, bmq.ErrAlreadyInProgress) && !errors.Is(err, bmq.ErrAlreadyOpened)
	}))
	require.NoError(t, c.CloseQueue(t.Context(), queue))
}

func TestOperationsEndWithTheSession(t *testing.T) {
	c := connect(t, bmq.WithTimeouts(bmq.Timeouts{DisconnectTimeout: brief}))
	const opened = "bmq://bmq.test.mem.priority/opened"
	require.NoError(t, c.OpenQueue(t.Context(), opened, bmq.WithRead(), bmq.WithWrite()))
	cbridge.FakeHold(true)
	results := make(chan error, 2)
	go func() { results <- c.OpenQueue(context.Background(), queue, bmq.WithRead()) }()
	go func() { results <- c.ConfigureQueue(context.Background(), opened, bmq.Paused()) }()
	require.True(t, poll(func() bool { return cbridge.FakeHeld() == 2 }))
	require.NoError(t, c.Stop(t.Context()))
	require.ErrorIs(t, <-results, bmq.ErrSessionStopped)
	require.ErrorIs(t, <-results, bmq.ErrSessionStopped)
}
