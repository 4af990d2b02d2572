package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// authenticate sends a credential and returns the answer, nil if there is none.
func (p *peer) authenticate(mechanism, data string) *ctrl.AuthenticationResponse {
	r := ctrl.AuthenticationRequest{Mechanism: mechanism}
	if data != "" {
		raw := []byte(data)
		r.Data = &raw
	}
	p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.AuthenticationMessage{Request: &r}))
	list := p.take(wire.EventAuthentication)
	if len(list) == 0 {
		return nil
	}
	var m ctrl.AuthenticationMessage
	p.decode(list[0], &m)
	return m.Response
}

func withUsers() broker.Config {
	return broker.Config{Authentication: broker.Authentication{
		Users: map[string]string{"user": "pw", "other": "pw2"}, RefuseAnonymous: true,
	}}
}

func TestAnonymousIsWelcomeByDefault(t *testing.T) {
	for _, e := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			p := w.dial()
			p.encoding = e
			r := p.authenticate("anonymous", "")
			require.Equal(t, ctrl.AuthenticationResponse{}, *r, "success, without a lifetime")
			p.encoding = wire.EncodingBER
			p.negotiate(defaultIdentity())
		})
	}
}

func TestUnknownMechanismIsRefusedAndClosed(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		for _, mechanism := range []string{"X", "BASIC"} {
			p := w.dial()
			r := p.authenticate(mechanism, "user:pw")
			require.Equal(t, ctrl.Status{
				Category: ctrl.StatusRefused, Code: -2, Message: "Authentication mechanism '" + mechanism + "' not supported.",
			}, r.Status)
			require.True(t, p.ended())
		}
	})
}

func TestBasicAuthentication(t *testing.T) {
	inWorld(t, withUsers(), func(t *testing.T, w *world) {
		good := w.dial()
		r := good.authenticate("Basic", "user:pw")
		require.Equal(t, ctrl.StatusSuccess, r.Status.Category)
		require.EqualValues(t, 600000, *r.LifetimeMs)
		good.negotiate(defaultIdentity())

		wrong := w.dial()
		r = wrong.authenticate("BASIC", "user:wrong")
		require.Equal(t, ctrl.Status{
			Category: ctrl.StatusRefused, Code: -11,
			Message: "Failed to authenticate with mechanism 'BASIC'. (rc = -1). Detailed error: Invalid username or password for user 'user'",
		}, r.Status)
		require.Nil(t, r.LifetimeMs)
		require.True(t, wrong.ended())

		for _, data := range []string{"", "user", "nobody:pw", ":"} {
			p := w.dial()
			require.Equal(t, ctrl.StatusRefused, p.authenticate("BASIC", data).Status.Category, data)
			require.True(t, p.ended())
		}

		anonymous := w.dial()
		require.Equal(t, ctrl.StatusRefused, anonymous.authenticate("ANONYMOUS", "").Status.Category)
		require.True(t, anonymous.ended())

		none := w.dial()
		id := defaultIdentity()
		none.write(ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.NegotiationMessage{ClientIdentity: &id}))
		require.True(t, none.ended())
		require.True(t, none.silent(), "closed without an answer")
	})
}

func TestReauthentication(t *testing.T) {
	open := func(w *world) *peer {
		p := w.dial()
		require.Equal(t, ctrl.StatusSuccess, p.authenticate("BASIC", "user:pw").Status.Category)
		p.negotiate(defaultIdentity())
		return p
	}
	inWorld(t, withUsers(), func(t *testing.T, w *world) {
		same := open(w)
		require.Equal(t, ctrl.StatusSuccess, same.authenticate("BASIC", "user:pw").Status.Category)
		same.open(priorityQueue, 0, write)
		same.write(append(wire.AppendEventHeader(nil, wire.EventAuthentication, 0)[:0], 0, 0, 0, 12, 0x4f, 2, 0, 0, 1, 2, 3, 4))
		require.True(t, same.silent(), "what can't be read is ignored")
		require.False(t, same.ended())

		wrong := open(w)
		require.EqualValues(t, -11, wrong.authenticate("BASIC", "user:wrong").Status.Code)
		require.True(t, wrong.ended())

		other := open(w)
		require.Equal(t, ctrl.Status{
			Category: ctrl.StatusRefused, Code: -1, Message: "Principal cannot change during reauthentication",
		}, other.authenticate("BASIC", "other:pw2").Status)
		require.True(t, other.ended())

		mechanism := open(w)
		require.Nil(t, mechanism.authenticate("ANONYMOUS", ""))
		require.True(t, mechanism.ended())
	})
}

func TestAuthenticationThatNobodyAskedForIsIgnored(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		p := w.client()
		require.Nil(t, p.authenticate("ANONYMOUS", ""))
		require.False(t, p.ended())
		p.open(priorityQueue, 0, write)
	})
}
