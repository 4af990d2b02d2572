//go:build cgo && bmqfake

package nativetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/logtest"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

func TestTheConnectionIsLostAndComesBack(t *testing.T) {
	c := open(t)
	c.post("before")
	c.waitMessages("before")
	cbridge.FakeConnection(false)
	c.waitEvents("Connected", "ConnectionLost")
	require.ErrorIs(t, c.handles[0].Confirm(), bmq.ErrNotConnected)
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	require.ErrorIs(t, c.Health(ctx), context.DeadlineExceeded)
	c.post("meanwhile")
	cbridge.FakeConnection(true)
	c.waitEvents("Connected", "ConnectionLost", "Reconnected", "QueueReopened", "StateRestored")
	c.waitAcks(bmq.AckSuccess, bmq.AckSuccess)
	c.waitMessages("before", "before", "meanwhile")
	require.NoError(t, c.handles[1].Confirm())
	require.NoError(t, c.Health(t.Context()))
}

func TestAQueueThatIsNotReopenedIsGone(t *testing.T) {
	c := open(t)
	cbridge.FakeConnection(false)
	c.post("lost")
	cbridge.FakeAnswer(cbridge.FakeReopen, -1, 1)
	cbridge.FakeConnection(true)
	c.wait("events", func() bool { return len(c.events) == 5 })
	require.Contains(t, c.events, "QueueReopenFailed")
	c.waitAcks(bmq.AckUnknown)
	require.ErrorIs(t, c.Post(t.Context(), queue, []byte("x")), bmq.ErrQueueNotOpened)
	require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	c.post("x")
	c.waitAcks(bmq.AckUnknown, bmq.AckSuccess)
}

func TestStoppingWhileTheConnectionIsDown(t *testing.T) {
	c := open(t)
	cbridge.FakeConnection(false)
	c.post("kept")
	require.NoError(t, c.Stop(t.Context()))
	c.waitAcks(bmq.AckUnknown)
	c.waitEvents("Connected", "ConnectionLost", "Disconnected")
}

func TestEventsOfLibbmqAreTakenAsTheyCome(t *testing.T) {
	c := open(t)
	for typ := int32(-5); typ < 30; typ++ {
		switch sessionevents.Type(typ) {
		case sessionevents.TypeConnectionLost, sessionevents.TypeReconnected, sessionevents.TypeStateRestored,
			sessionevents.TypeQueueReopenResult, sessionevents.TypeConnected: // these change the state
		default:
			cbridge.FakeEvent(typ, 0, 1)
			cbridge.FakeEvent(typ, -1, 1)
		}
	}
	c.post("x")
	c.waitAcks(bmq.AckSuccess)
	require.NotContains(t, c.events, "Disconnected", "that is for Stop to say")
	require.NotContains(t, c.events, "SlowConsumerHighWaterMark", "that is for the dispatcher to say")
}

func TestHostHealthReachesTheQueues(t *testing.T) {
	m := bmq.NewBasicHealthMonitor()
	c := connect(t, bmq.WithHostHealthMonitor(m))
	o := bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)}
	require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(o)))
	m.SetUnhealthy()
	require.ErrorIs(t, c.Post(t.Context(), queue, []byte("x")), bmq.ErrQueueSuspended)
	c.waitEvents("Connected", "HostUnhealthy", "QueueSuspended")
	m.SetHealthy()
	c.waitEvents("Connected", "HostUnhealthy", "QueueSuspended", "QueueResumed", "HostHealthRestored")
	c.post("x")
	c.waitMessages("x")
}

func TestSubscriptionsAreKnownByTheirHandles(t *testing.T) {
	c := connect(t)
	sub := bmq.Subscription{Handle: "all", Expression: "a == 1"}
	require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite(), bmq.WithSubscriptions(sub)))
	c.post("x")
	c.waitMessages("x")
	require.Equal(t, "all", c.messages[0].SubscriptionHandle())
}

func TestCredentialsAreAskedFor(t *testing.T) {
	nothingLeft(t)
	asked := 0
	give := func(f func() (bmq.AuthnCredential, error)) bmq.Option {
		return bmq.WithAuthnCredentialProvider(func(context.Context) (bmq.AuthnCredential, error) {
			asked++
			return f()
		})
	}
	good := bmq.AuthnCredential{Mechanism: bmq.MechanismBasic, Data: []byte("user:secret")}
	c, err := try(t, give(func() (bmq.AuthnCredential, error) { return good, nil }))
	require.NoError(t, err)
	require.NoError(t, c.Stop(t.Context()))
	for want, f := range map[string]func() (bmq.AuthnCredential, error){
		"no secret today": func() (bmq.AuthnCredential, error) { return good, errors.New("no secret today") },
		"oops":            func() (bmq.AuthnCredential, error) { panic("oops") },
	} {
		err := refusedStart(t, give(f))
		require.ErrorContains(t, err, "the credential provider failed")
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, 3, asked)
}

// refusedStart starts a session that is given up when its log has a warning in it.
func refusedStart(t *testing.T, opts ...bmq.Option) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return startUntil(ctx, t, append(opts, bmq.WithLogger(logtest.OnWarning(cancel)))...)
}

// startUntil starts a session that does not come up before ctx is canceled.
func startUntil(ctx context.Context, t *testing.T, opts ...bmq.Option) error {
	t.Helper()
	opts = append([]bmq.Option{bmq.WithEngine(kind), bmq.WithBroker(address(t)), bmq.WithLogger(quiet)}, opts...)
	_, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, opts...)
	require.ErrorIs(t, err, context.Canceled)
	return err
}

func TestACredentialProviderThatIsLateIsNotBlamedOnTheBroker(t *testing.T) {
	nothingLeft(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := startUntil(ctx, t, bmq.WithAuthnCredentialProvider(func(ctx context.Context) (bmq.AuthnCredential, error) {
		cancel()
		<-ctx.Done()
		return bmq.AuthnCredential{}, nil
	}))
	require.ErrorContains(t, err, "the credential provider has not answered")
}
