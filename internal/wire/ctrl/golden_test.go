package ctrl_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func control(rid int32, c ctrl.Choice) *ctrl.ControlMessage {
	return &ctrl.ControlMessage{RID: &rid, Choice: c}
}

func writerParameters() ctrl.QueueHandleParameters {
	return ctrl.QueueHandleParameters{
		URI: "bmq://bmq.test.mem.priority/q1", Flags: ctrl.QueueFlagWrite | ctrl.QueueFlagAck, WriteCount: 1,
	}
}

func readerParameters() ctrl.QueueHandleParameters {
	return ctrl.QueueHandleParameters{
		URI: "bmq://bmq.test.mem.fanout/q1?id=foo", QID: 1, SubIDInfo: &ctrl.SubQueueIDInfo{SubID: 1, AppID: "foo"},
		Flags: ctrl.QueueFlagRead, ReadCount: 1,
	}
}

func configureStream() ctrl.ConfigureStream {
	return ctrl.ConfigureStream{QID: 1, StreamParameters: ctrl.StreamParameters{
		AppID: "foo",
		Subscriptions: []ctrl.Subscription{{
			SID:        1,
			Expression: ctrl.Expression{Version: ctrl.ExpressionVersion1, Text: "x > 5"},
			Consumers: []ctrl.ConsumerInfo{{
				MaxUnconfirmedMessages: 1000, MaxUnconfirmedBytes: 33554432, ConsumerPriority: 2, ConsumerPriorityCount: 1,
			}},
		}},
	}}
}

func configureQueueStream() ctrl.ConfigureQueueStream {
	return ctrl.ConfigureQueueStream{QID: 1, StreamParameters: ctrl.QueueStreamParameters{
		SubIDInfo:              &ctrl.SubQueueIDInfo{SubID: 1, AppID: "foo"},
		MaxUnconfirmedMessages: 1000, MaxUnconfirmedBytes: 33554432, ConsumerPriority: 2, ConsumerPriorityCount: 1,
	}}
}

const (
	clientFeatures = "PROTOCOL_ENCODING:BER,JSON;MPS:MESSAGE_PROPERTIES_EX"
	brokerFeatures = clientFeatures + ";SUBSCRIPTIONS:CONFIGURE_STREAM"
)

func TestControlEventsInBER(t *testing.T) {
	basic := []byte("user:pw")
	lifetime := uint64(600000)
	for _, c := range []struct {
		name    string
		message ctrl.Message
		event   string
	}{
		{
			"client identity",
			&ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{
				ProtocolVersion: ctrl.ProtocolVersion, SDKVersion: ctrl.UnreleasedVersion, ClientType: ctrl.ClientTCPClient,
				ProcessName: "app", PID: 4242, SessionID: 1, Features: clientFeatures, ClusterNodeID: -1,
				SDKLanguage: ctrl.LanguageCPP,
				GUIDInfo:    ctrl.GUIDInfo{ClientID: "0123456789AB", NanoSecondsFromEpoch: 1700000000000000000},
				UserAgent:   "gobmq:1",
			}},
			`00000094 41020000 3080 a080 a080 800101 81030f423f 820101 8303617070 84021092 850101 8600
			 8734 50524f544f434f4c5f454e434f44494e473a4245522c4a534f4e3b4d50533a4d4553534147455f50524f504552544945535f4558
			 8800 8901ff 8a0101 ab80 800c303132333435363738394142 810817979cfe362a0000 0000
			 8c07676f626d713a31 0000 0000 0000 04040404`,
		},
		{
			"broker response",
			&ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{
				ProtocolVersion: ctrl.ProtocolVersion, BrokerVersion: ctrl.UnreleasedVersion,
				BrokerIdentity: ctrl.ClientIdentity{
					ProtocolVersion: ctrl.ProtocolVersion, SDKVersion: ctrl.UnreleasedVersion, ClientType: ctrl.ClientTCPBroker,
					ProcessName: "bmqbrkr", PID: 1, SessionID: 1, HostName: "localhost", Features: brokerFeatures,
					ClusterNodeID: -1, SDKLanguage: ctrl.LanguageCPP, UserAgent: "bmqbrkr:999999",
				},
				HeartbeatIntervalMs: 3000,
			}},
			`000000d4 41020000 3080a080 a180a080 80010081 01008200 00008101 0182030f
			 423f8301 00a48080 01018103 0f423f82 01028307 626d7162 726b7284 01018501
			 0186096c 6f63616c 686f7374 87535052 4f544f43 4f4c5f45 4e434f44 494e473a
			 4245522c 4a534f4e 3b4d5053 3a4d4553 53414745 5f50524f 50455254 4945535f
			 45583b53 55425343 52495054 494f4e53 3a434f4e 46494755 52455f53 54524541
			 4d880089 01ff8a01 01ab8080 00810100 00008c0e 626d7162 726b723a 39393939
			 39390000 85020bb8 86010000 00000000 00030303`,
		},
		{
			"open a writer",
			control(1, ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: writerParameters()}}),
			`0000004c 41020000 30808001 01a180aa 80a08080 1e626d71 3a2f2f62 6d712e74 6573742e
			 6d656d2e 7072696f 72697479 2f713181 01008301 0c840100 85010186 01000000 00000000 00000202`,
		},
		{
			"writer is open",
			control(1, ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{
				OriginalRequest:      ctrl.OpenQueue{HandleParameters: writerParameters()},
				RoutingConfiguration: ctrl.RoutingConfiguration{Flags: ctrl.RoutingDeliverConsumerPriority},
				DeduplicationTimeMs:  ctrl.DefaultDeduplicationTimeMs,
			}}),
			`0000005c 41020000 30808001 01a180ab 80a080a0 80801e62 6d713a2f 2f626d71
			 2e746573 742e6d65 6d2e7072 696f7269 74792f71 31810100 83010c84 01008501
			 01860100 00000000 a1808001 02000082 030493e0 00000000 00000202`,
		},
		{
			"open a reader with an application id",
			control(2, ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: readerParameters()}}),
			`0000005c 41020000 30808001 02a180aa 80a08080 23626d71 3a2f2f62 6d712e74
			 6573742e 6d656d2e 66616e6f 75742f71 313f6964 3d666f6f 810101a2 80800101
			 8103666f 6f000083 01028401 01850100 86010000 00000000 00000001`,
		},
		{
			"configure",
			control(3, ctrl.Choice{ConfigureStream: ptr(configureStream())}),
			`00000058 41020000 30808001 03a180b0 80800101 a1808003 666f6fa1 80308080
			 0101a180 80010181 0578203e 20350000 a2803080 800203e8 81040200 00008201
			 02830101 00000000 00000000 00000000 00000000 04040404`,
		},
		{
			"configured",
			control(3, ctrl.Choice{ConfigureStreamResponse: &ctrl.ConfigureStreamResponse{Request: configureStream()}}),
			`0000005c 41020000 30808001 03a180b1 80a08080 0101a180 8003666f 6fa18030
			 80800101 a1808001 01810578 203e2035 0000a280 30808002 03e88104 02000000
			 82010283 01010000 00000000 00000000 00000000 00000000 04040404`,
		},
		{
			"stop delivery",
			control(4, ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{
				QID: 1, StreamParameters: ctrl.StreamParameters{AppID: "foo"},
			}}),
			`00000028 41020000 30808001 04a180b0 80800101 a1808003 666f6fa1 80000000 00000000 00000001`,
		},
		{
			"stop delivery in the old style",
			control(4, ctrl.Choice{ConfigureQueueStream: &ctrl.ConfigureQueueStream{
				QID: 1,
				StreamParameters: ctrl.QueueStreamParameters{
					SubIDInfo: &ctrl.SubQueueIDInfo{SubID: 1, AppID: "foo"}, ConsumerPriority: ctrl.InvalidPriority,
				},
			}}),
			`0000003c 41020000 30808001 04a180ae 80800101 a180a080 80010181 03666f6f
			 00008101 00820100 83048000 00008401 00000000 00000000 00030303`,
		},
		{
			"configure in the old style",
			control(3, ctrl.Choice{ConfigureQueueStream: ptr(configureQueueStream())}),
			`0000003c 41020000 30808001 03a180ae 80800101 a180a080 80010181 03666f6f
			 00008102 03e88204 02000000 83010284 01010000 00000000 00000202`,
		},
		{
			"configured in the old style",
			control(3, ctrl.Choice{ConfigureQueueStreamResponse: &ctrl.ConfigureQueueStreamResponse{Request: configureQueueStream()}}),
			`00000040 41020000 30808001 03a180af 80a08080 0101a180 a0808001 01810366
			 6f6f0000 810203e8 82040200 00008301 02840101 00000000 00000000 00000202`,
		},
		{
			"close",
			control(5, ctrl.Choice{CloseQueue: &ctrl.CloseQueue{HandleParameters: readerParameters(), IsFinal: true}}),
			`00000060 41020000 30808001 05a180ac 80a08080 23626d71 3a2f2f62 6d712e74
			 6573742e 6d656d2e 66616e6f 75742f71 313f6964 3d666f6f 810101a2 80800101
			 8103666f 6f000083 01028401 01850100 86010000 00810101 00000000 00000202`,
		},
		{
			"closed",
			control(5, ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}}),
			`00000018 41020000 30808001 05a180ad 80000000 00000001`,
		},
		{
			"disconnect",
			control(6, ctrl.Choice{Disconnect: &ctrl.Empty{}}),
			`00000018 41020000 30808001 06a180a1 80000000 00000001`,
		},
		{
			"disconnected",
			control(6, ctrl.Choice{DisconnectResponse: &ctrl.Empty{}}),
			`00000018 41020000 30808001 06a180a2 80000000 00000001`,
		},
		{
			"refused",
			control(1, ctrl.Choice{Status: &ctrl.Status{Category: ctrl.StatusRefused, Code: -10, Message: "no such domain"}}),
			`00000030 41020000 30808001 01a180a0 808001fa 8101f682 0e6e6f20 73756368
			 20646f6d 61696e00 00000000 00030303`,
		},
		{
			"admin command",
			control(1, ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: "help"}}),
			`00000020 41020000 30808001 01a180a7 80800468 656c7000 00000000 00030303`,
		},
		{
			"admin response",
			control(1, ctrl.Choice{AdminCommandResponse: &ctrl.AdminCommandResponse{Text: "ok"}}),
			`0000001c 41020000 30808001 01a180a8 8080026f 6b000000 00000001`,
		},
		{
			"authenticate",
			&ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{Mechanism: "BASIC", Data: &basic}},
			`00000028 4f020000 3080a080 a0808005 42415349 43810775 7365723a 70770000 00000000 04040404`,
		},
		{
			"authenticated",
			&ctrl.AuthenticationMessage{Response: &ctrl.AuthenticationResponse{LifetimeMs: &lifetime}},
			`00000028 4f020000 3080a080 a180a080 80010081 01008200 00008103 0927c000 00000000 00030303`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			event := wiretest.Hex(t, c.event)
			require.Equal(t, event, ctrl.AppendEvent(nil, wire.EncodingBER, c.message))
			got := emptyLike(c.message)
			decodeEvent(t, event, got)
			require.Equal(t, c.message, got)
		})
	}
}

func TestIntegersInBERHaveTheFewestOctets(t *testing.T) {
	for n, octets := range map[int64]string{
		0: "00", 1: "01", 127: "7f", 128: "0080", 255: "00ff", 256: "0100", 1000: "03e8", 32767: "7fff", 32768: "008000",
		33554432: "02000000", -1: "ff", -128: "80", -129: "ff7f", -32768: "8000", -32769: "ff7fff",
		math.MinInt32: "80000000", math.MaxInt32: "7fffffff", math.MinInt64: "8000000000000000", math.MaxInt64: "7fffffffffffffff",
	} {
		// The second attribute of GuidInfo, the first one being empty, is a signed integer.
		want := append([]byte{0x80, 0, 0x81, byte(len(octets) / 2)}, wiretest.Hex(t, octets)...)
		m := &ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{GUIDInfo: ctrl.GUIDInfo{NanoSecondsFromEpoch: n}}}
		event := ctrl.AppendEvent(nil, wire.EncodingBER, m)
		require.Contains(t, string(event), string(want), n)
		got := &ctrl.NegotiationMessage{}
		decodeEvent(t, event, got)
		require.Equal(t, m, got)
	}
	for n, octets := range map[uint64]string{
		0: "00", 127: "7f", 128: "0080", math.MaxUint32: "00ffffffff", 1 << 63: "008000000000000000", math.MaxUint64: "00ffffffffffffffff",
	} {
		want := append([]byte{0x83, byte(len(octets) / 2)}, wiretest.Hex(t, octets)...)
		m := control(1, ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: ctrl.QueueHandleParameters{Flags: n}}})
		event := ctrl.AppendEvent(nil, wire.EncodingBER, m)
		require.Contains(t, string(event), string(want), n)
		got := &ctrl.ControlMessage{}
		decodeEvent(t, event, got)
		require.Equal(t, m, got)
	}
}

func TestLengthsAbove127InBERHaveLengthOctets(t *testing.T) {
	for n, octets := range map[int]string{127: "7f", 128: "8180", 255: "81ff", 256: "820100", 65536: "83010000"} {
		text := make([]byte, n)
		for i := range text {
			text[i] = 'x'
		}
		m := control(1, ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: string(text)}})
		event := ctrl.AppendEvent(nil, wire.EncodingBER, m)
		want := append(append([]byte{0x80}, wiretest.Hex(t, octets)...), 'x')
		require.Contains(t, string(event), string(want))
		got := &ctrl.ControlMessage{}
		decodeEvent(t, event, got)
		require.Equal(t, m, got)
	}
}

func ptr[T any](v T) *T { return &v }

// emptyLike returns an empty message of the same kind.
func emptyLike(m ctrl.Message) ctrl.Message {
	switch m.(type) {
	case *ctrl.NegotiationMessage:
		return &ctrl.NegotiationMessage{}
	case *ctrl.AuthenticationMessage:
		return &ctrl.AuthenticationMessage{}
	}
	return &ctrl.ControlMessage{}
}

// decodeEvent reads a whole event into m.
func decodeEvent(tb testing.TB, event []byte, m ctrl.Message) {
	tb.Helper()
	ev, err := wire.ParseEvent(event)
	require.NoError(tb, err)
	require.NoError(tb, ctrl.Decode(ev.Body, ev.Encoding, m))
}
