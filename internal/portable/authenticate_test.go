package portable

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
	"io"
)

func newFrames(r io.Reader) *framing.Reader { return framing.NewReader(r, wire.MaxEventSize) }

func countWarnings(sc *scene, text string) int { return strings.Count(sc.logs.String(), text) }

// authenticating has sessions present credentials, a different one each time.
func authenticating(sc *scene, each func(ctx context.Context, n int) error) {
	n := 0
	sc.cfg.Credentials = func(ctx context.Context) (engine.Credential, error) {
		n++
		return engine.Credential{Mechanism: "BASIC", Data: []byte{'0' + byte(n)}}, each(ctx, n)
	}
}

func always(context.Context, int) error { return nil }

// credential returns what the session presents.
func (l *link) credential() string {
	l.Helper()
	ev := l.next(wire.EventAuthentication)
	var msg ctrl.AuthenticationMessage
	require.NoError(l, ctrl.Decode(ev.Body, ev.Encoding, &msg))
	require.Equal(l, "BASIC", msg.Request.Mechanism)
	return string(*msg.Request.Data)
}

func (l *link) accepts(lifetime time.Duration) {
	l.Helper()
	resp := &ctrl.AuthenticationResponse{Status: ctrl.Status{Category: ctrl.StatusSuccess}}
	if lifetime != 0 {
		ms := uint64(lifetime / time.Millisecond)
		resp.LifetimeMs = &ms
	}
	l.control(&ctrl.AuthenticationMessage{Response: resp})
}

func (l *link) rejects() {
	l.Helper()
	st := ctrl.Status{Category: ctrl.StatusRefused, Code: -11, Message: "wrong password"}
	l.control(&ctrl.AuthenticationMessage{Response: &ctrl.AuthenticationResponse{Status: st}})
}

// authenticated is a session that is up, with a credential that lives so long.
func authenticated(sc *scene, lifetime time.Duration) *link {
	sc.Helper()
	return authenticatedBy(sc, lifetime, always)
}

func authenticatedBy(sc *scene, lifetime time.Duration, each func(ctx context.Context, n int) error) *link {
	sc.Helper()
	authenticating(sc, each)
	sc.begin()
	l := sc.accept()
	require.Equal(sc, "1", l.credential())
	l.accepts(lifetime)
	l.negotiate()
	sc.expect("CONNECTED", "start ok")
	return l
}

func TestAuthenticationComesFirst(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := authenticated(sc, 0)
		l.silent(24 * time.Hour)
		l.drop()
		l = sc.accept()
		require.Equal(t, "2", l.credential(), "each connection asks for a credential")
		l.accepts(0)
		l.negotiate()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
	})
}

func TestAuthenticationThatFailsIsTriedAgain(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		authenticating(sc, always)
		sc.begin()
		for _, answer := range []func(*link){
			(*link).rejects, (*link).drop,
			func(l *link) { l.control(&ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{}}) },
			func(l *link) { l.control(&ctrl.NegotiationMessage{BrokerResponse: &l.response}) },
			func(l *link) { l.event(wire.EventAuthentication, []byte("garbage!")) },
		} {
			l := sc.accept()
			l.credential()
			answer(l)
			sc.expect()
		}
		l := sc.accept()
		require.Equal(t, "6", l.credential())
		l.accepts(0)
		l.negotiate()
		sc.expect("CONNECTED", "start ok")
		require.Contains(t, sc.logs.String(), "wrong password")
	})
}

func TestACredentialProviderThatFailsFailsTheAttempt(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		cause := errors.New("no secret")
		sc.cfg.Credentials = func(context.Context) (engine.Credential, error) { return engine.Credential{}, cause }
		sc.s = New(sc.cfg)
		go func() {
			for {
				select {
				case conn := <-sc.dials:
					_ = conn.SetReadDeadline(time.Now().Add(patience))
					_, _ = conn.Read(make([]byte, 1))
				case <-sc.s.done:
					return
				}
			}
		}()
		st := sc.s.Start(t.Context())
		require.Equal(t, engine.Timeout, st.Code)
		require.ErrorIs(t, st.Err, cause)
	})
}

// While the provider is at work nobody has asked the broker for anything.
func TestACredentialProviderThatIsLateIsNotBlamedOnTheBroker(t *testing.T) {
	for name, provide := range map[string]func(context.Context) error{
		"has not answered":          func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"failed: the vault is late": func(context.Context) error { <-time.After(59 * time.Second); return errors.New("the vault is late") },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				authenticating(sc, func(ctx context.Context, _ int) error { return provide(ctx) })
				go func() { (<-sc.dials).Close() }()
				sc.s = New(sc.cfg)
				st := sc.s.Start(t.Context())
				require.Equal(t, engine.Timeout, st.Code)
				require.Equal(t, "the last attempt failed: authentication: the credential provider "+name, st.Text)
			})
		})
	}
}

func TestACredentialIsPresentedAgainBeforeItsEnd(t *testing.T) {
	for _, test := range []struct{ lifetime, want time.Duration }{
		{10 * time.Minute, 9 * time.Minute},
		{20 * time.Second, 15 * time.Second},
		{5 * time.Second, time.Second},
		{time.Millisecond, time.Second},
	} {
		play(t, func(t *testing.T, sc *scene) {
			l := authenticated(sc, test.lifetime)
			for i := range 3 {
				l.silent(test.want - time.Millisecond)
				require.Equal(t, string(rune('2'+i)), l.credential())
				l.accepts(test.lifetime)
			}
			sc.expect()
			l.open("q", writer)
		})
	}
}

func TestALifetimeBeyondAllBoundsIsTaken(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		authenticating(sc, always)
		sc.begin()
		l := sc.accept()
		l.credential()
		ms := uint64(math.MaxUint64)
		l.control(&ctrl.AuthenticationMessage{Response: &ctrl.AuthenticationResponse{LifetimeMs: &ms, Status: ctrl.Status{Category: ctrl.StatusSuccess}}})
		l.negotiate()
		l.silent(24 * time.Hour)
	})
}

func TestALifetimeMayEnd(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := authenticated(sc, time.Minute)
		l.silent(50 * time.Second)
		l.credential()
		l.accepts(0)
		l.silent(time.Hour)
		sc.expect()
	})
}

func TestAProviderThatFailsLaterEndsTheConnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := authenticatedBy(sc, time.Minute, func(_ context.Context, n int) error {
			if n == 2 {
				return errors.New("no secret")
			}
			return nil
		})
		sc.pass(time.Minute)
		l.gone()
		l = sc.accept()
		l.credential()
		l.accepts(0)
		l.negotiate()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
	})
}

func TestARefusedCredentialEndsTheConnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := authenticated(sc, time.Minute)
		l.silent(50 * time.Second)
		require.Equal(t, "2", l.credential())
		l.rejects()
		l.gone()
		l = sc.accept()
		require.Equal(t, "3", l.credential())
		l.accepts(0)
		l.negotiate()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
		l.silent(time.Hour)
	})
}

func TestAProviderThatTakesLongLearnsOfTheEndOfTheConnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		ended := make(chan struct{})
		l := authenticatedBy(sc, time.Minute, func(ctx context.Context, n int) error {
			if n == 1 {
				return nil
			}
			<-ctx.Done()
			<-time.After(time.Second)
			close(ended)
			return ctx.Err()
		})
		sc.pass(time.Minute)
		sc.stops()
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok") // without waiting for it
		<-ended
	})
}

func TestAuthenticationThatNobodyAskedForIsIgnored(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up() // without credentials
		for range 3 {
			l.accepts(time.Minute)
			l.rejects()
		}
		l.event(wire.EventAuthentication, []byte("garbage!"))
		l.silent(time.Hour)
		sc.expect()
	})
	play(t, func(t *testing.T, sc *scene) {
		l := authenticated(sc, time.Hour)
		l.accepts(time.Minute)
		l.silent(30 * time.Minute)
		sc.expect()
	})
}
