package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestControlEncodingFollowsTheFeatureString(t *testing.T) {
	for features, want := range map[string]wire.Encoding{
		"":                                     wire.EncodingBER,
		"MPS:MESSAGE_PROPERTIES_EX":            wire.EncodingBER,
		"PROTOCOL_ENCODING:BER,JSON":           wire.EncodingBER,
		"PROTOCOL_ENCODING:JSON,BER":           wire.EncodingBER,
		"PROTOCOL_ENCODING:JSON":               wire.EncodingJSON,
		"PROTOCOL_ENCODING:XML":                wire.EncodingBER,
		"PROTOCOL_ENCODING:":                   wire.EncodingBER,
		"MPS:;PROTOCOL_ENCODING:JSON":          wire.EncodingBER,
		"protocol_encoding:JSON":               wire.EncodingBER,
		"MPS:X;PROTOCOL_ENCODING:JSON;OTHER:Y": wire.EncodingJSON,
	} {
		for _, sent := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
			t.Run(features+"/"+sent.String(), func(t *testing.T) {
				inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
					p := w.dial()
					id := defaultIdentity()
					id.Features = features
					p.write(ctrl.AppendEvent(nil, sent, &ctrl.NegotiationMessage{ClientIdentity: &id}))
					require.Equal(t, want, p.one(wire.EventControl).Encoding)
					// Requests may come in either encoding, whatever the answers are in.
					p.encoding = sent
					p.send(ctrl.Choice{Disconnect: &ctrl.Empty{}})
					require.Equal(t, want, p.one(wire.EventControl).Encoding)
				})
			})
		}
	}
}

func TestBrokerIntroducesItselfAsTheOfficialOneDoes(t *testing.T) {
	const base = "PROTOCOL_ENCODING:BER,JSON;HA:GRACEFUL_SHUTDOWN,GRACEFUL_SHUTDOWN_V2,BROADCAST_TO_PROXIES"
	for want, config := range map[string]broker.Config{
		base + ";MPS:MESSAGE_PROPERTIES_EX;SUBSCRIPTIONS:CONFIGURE_STREAM": {},
		base + ";MPS:MESSAGE_PROPERTIES_EX":                                {HideSubscriptions: true},
		base:                                                               {HidePropertiesEx: true},
	} {
		inWorld(t, config, func(t *testing.T, w *world) {
			p := w.dial()
			r := p.negotiate(defaultIdentity())
			require.Equal(t, ctrl.Status{}, r.Result)
			require.EqualValues(t, 1, r.ProtocolVersion)
			require.EqualValues(t, 999999, r.BrokerVersion)
			require.False(t, r.IsDeprecatedSDK)
			require.EqualValues(t, 3000, r.HeartbeatIntervalMs)
			require.Zero(t, r.MaxMissedHeartbeats, "heartbeats are off unless configured")
			b := r.BrokerIdentity
			require.Equal(t, want, b.Features)
			require.Equal(t, ctrl.ClientTCPBroker, b.ClientType)
			require.Equal(t, ctrl.LanguageCPP, b.SDKLanguage)
			require.Equal(t, "bmqbrkr:99.99.99", b.UserAgent)
			require.Empty(t, b.GUIDInfo)
			require.EqualValues(t, -1, b.ClusterNodeID)
		})
	}
}

func TestOldSDKsAreToldAndGetASession(t *testing.T) {
	for _, c := range []struct {
		language   ctrl.ClientLanguage
		version    int32
		category   ctrl.StatusCategory
		deprecated bool
	}{
		{ctrl.LanguageCPP, 10499, ctrl.StatusNotSupported, true},
		{ctrl.LanguageCPP, 10500, ctrl.StatusSuccess, true},
		{ctrl.LanguageCPP, 10899, ctrl.StatusSuccess, true},
		{ctrl.LanguageCPP, 10900, ctrl.StatusSuccess, false},
		{ctrl.LanguageJava, 1, ctrl.StatusNotSupported, true},
		{ctrl.LanguageJava, 2, ctrl.StatusSuccess, false},
		{ctrl.LanguageUnknown, 0, ctrl.StatusSuccess, false},
	} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			p := w.dial()
			id := defaultIdentity()
			id.SDKLanguage, id.SDKVersion = c.language, c.version
			r := p.negotiate(id)
			require.Equal(t, c.category, r.Result.Category, "%+v", c)
			require.Equal(t, c.deprecated, r.IsDeprecatedSDK, "%+v", c)
			p.open(priorityQueue, 0, write)
		})
	}
}

func TestOnlyClientsAndAdministratorsGetASession(t *testing.T) {
	for typ, welcome := range map[ctrl.ClientType]bool{
		ctrl.ClientUnknown: false, ctrl.ClientTCPBroker: false, ctrl.ClientTCPClient: true, ctrl.ClientTCPAdmin: true,
	} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			p := w.dial()
			id := defaultIdentity()
			id.ClientType = typ
			p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.NegotiationMessage{ClientIdentity: &id}))
			require.Equal(t, !welcome, p.silent())
			require.Equal(t, !welcome, p.ended())
		})
	}
}

func TestNegotiationHasThreeMinutes(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		late, inTime := w.dial(), w.dial()
		after(3*time.Minute - time.Second)
		require.False(t, late.ended())
		inTime.negotiate(defaultIdentity())
		after(2 * time.Second)
		require.True(t, late.ended())
		require.True(t, late.silent())
		require.False(t, inTime.ended())
	})
}

func TestASecondIdentityIsIgnored(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		p := w.client()
		id := defaultIdentity()
		p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.NegotiationMessage{ClientIdentity: &id}))
		require.True(t, p.silent())
		p.open(priorityQueue, 0, write)
	})
}

func heartbeats() broker.Config {
	return broker.Config{Heartbeats: broker.Heartbeats{Interval: time.Second, MaxMissed: 3}}
}

func TestSilentClientIsAskedEachIntervalAndThenClosed(t *testing.T) {
	inWorld(t, heartbeats(), func(t *testing.T, w *world) {
		p := w.dial()
		r := p.negotiate(defaultIdentity())
		require.EqualValues(t, 1000, r.HeartbeatIntervalMs)
		require.EqualValues(t, 3, r.MaxMissedHeartbeats)
		p.open(priorityQueue, 0, write) // ends the grace
		after(time.Second + time.Millisecond)
		require.Empty(t, p.take(wire.EventHeartbeatReq), "it was not silent")
		for range 3 {
			after(time.Second)
			require.Len(t, p.take(wire.EventHeartbeatReq), 1)
			require.False(t, p.ended())
		}
		after(time.Second)
		require.True(t, p.ended())
	})
}

func TestAnsweringClientIsAskedEverySecondInterval(t *testing.T) {
	inWorld(t, heartbeats(), func(t *testing.T, w *world) {
		p := w.client()
		asked := 0
		for range 20 {
			after(time.Second)
			for range p.take(wire.EventHeartbeatReq) {
				asked++
				p.write(wire.HeartbeatRsp)
			}
		}
		require.Equal(t, 10, asked)
		require.False(t, p.ended())
	})
}

func TestClientHasThreeMinutesOfGraceBeforeItsFirstEvent(t *testing.T) {
	inWorld(t, heartbeats(), func(t *testing.T, w *world) {
		p := w.client()
		after(183*time.Second + time.Millisecond)
		require.False(t, p.ended())
		require.Len(t, p.take(wire.EventHeartbeatReq), 183, "it is asked during the grace")
		after(time.Second)
		require.True(t, p.ended())
	})
}

func TestJavaGetsNoHeartbeats(t *testing.T) {
	inWorld(t, heartbeats(), func(t *testing.T, w *world) {
		id := defaultIdentity()
		id.SDKLanguage = ctrl.LanguageJava
		p := w.clientAs(id)
		p.open(priorityQueue, 0, write)
		after(time.Hour)
		require.True(t, p.silent())
		require.False(t, p.ended())
	})
}

func TestHeartbeatsAreAnsweredAndOffByDefault(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		p := w.client()
		p.write(wire.HeartbeatReq)
		require.Len(t, p.take(wire.EventHeartbeatRsp), 1)
		after(24 * time.Hour)
		require.True(t, p.silent())
		require.False(t, p.ended())
	})
}
