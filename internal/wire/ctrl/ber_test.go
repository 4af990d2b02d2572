package ctrl_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func TestBERIsReadInAllItsForms(t *testing.T) {
	status := control(1, ctrl.Choice{Status: &ctrl.Status{Category: ctrl.StatusRefused, Code: -10, Message: "no"}})
	stream := func(subscriptions ...ctrl.Subscription) ctrl.Message {
		return control(1, ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{
			StreamParameters: ctrl.StreamParameters{AppID: ctrl.DefaultAppID, Subscriptions: subscriptions},
		}})
	}
	for name, c := range map[string]struct {
		body string
		want ctrl.Message
	}{
		"indefinite lengths":     {"3080 800101 a180 a080 8001fa 8101f6 82026e6f 0000 0000 0000", status},
		"definite lengths":       {"3011 800101 a10c a00a 8001fa 8101f6 82026e6f", status},
		"long form lengths":      {"308114 800101 a182000d a0810a 8001fa 8101f6 82026e6f", status},
		"mixed lengths":          {"3080 800101 a10e a080 8001fa 8101f6 82026e6f 0000 0000", status},
		"members in any order":   {"3080 a180 a080 82026e6f 8101f6 8001fa 0000 0000 800101 0000", status},
		"data behind the value":  {"3011 800101 a10c a00a 8001fa 8101f6 82026e6f 04040404 ff", status},
		"repeated member":        {"3080 800107 800101 a180 a080 8001fa 8101f6 82037965 73 82026e6f 0000 0000 0000", status},
		"unknown members":        {"3080 850155 a680 a080 800101 0000 3003020105 0000 800101 a70400020000 a180 a080 8001fa 8101f6 82026e6f 9e00 0000 0000 0000", status},
		"leading octets":         {"3080 80020001 a180 a080 8001fa 8104fffffff6 82026e6f 0000 0000 0000", status},
		"unknown selection":      {"3080 800101 a180 be80 800101 0000 0000 0000", control(1, ctrl.Choice{})},
		"no selection":           {"3080 800101 a180 0000 0000", control(1, ctrl.Choice{})},
		"no negotiation":         {"3080 a080 0000 0000", &ctrl.NegotiationMessage{}},
		"tags of several octets": {"3080 9f81000199 bf1f80 9f7f00 0000 bf22020500 a180 bf7f00 0000 0000", &ctrl.ControlMessage{}},
		"unknown contents":       {"3080 a603ffffff a180 be03ffffff 0000 0000", &ctrl.ControlMessage{}},
		"sign of an unsigned":    {"3080 a180 b080 8001ce a180 0000 0000 0000 0000", &ctrl.ControlMessage{Choice: ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{QID: 1<<32 - 50, StreamParameters: ctrl.StreamParameters{AppID: ctrl.DefaultAppID}}}}},
		"simple unknown one":     {"3080 800101 a180 9e0101 0000 0000", control(1, ctrl.Choice{})},
		"no contents":            {"3080 0000", &ctrl.ControlMessage{}},
		"no contents, definite":  {"3000", &ctrl.ControlMessage{}},
		"defaults":               {"3080 800101 a180 b080 a180 0000 0000 0000 0000", stream()},
		"defaults of sequences":  {"3080 800101 a180 b080 0000 0000 0000", stream()},
		"empty array":            {"3080 800101 a180 b080 a180 a180 0000 0000 0000 0000 0000", stream()},
		"array that comes twice": {"3080 800101 a180 b080 a180 a180 3080 800105 0000 0000 a105 3003 800106 0000 0000 0000 0000", stream(ctrl.Subscription{SID: 5}, ctrl.Subscription{SID: 6})},
		"unsigned with top bit":  {"3080 800101 a180 b080 a180 a180 3080 800500ffffffff 0000 0000 0000 0000 0000 0000", stream(ctrl.Subscription{SID: 1<<32 - 1})},
		"unsigned without":       {"3080 800101 a180 b080 a180 a180 3080 8004ffffffff 0000 0000 0000 0000 0000 0000", stream(ctrl.Subscription{SID: 1<<32 - 1})},
		"true is not only 1":     {"3080 a180 ac80 8101ff 0000 0000 0000", &ctrl.ControlMessage{Choice: ctrl.Choice{CloseQueue: &ctrl.CloseQueue{IsFinal: true}}}},
		"text that is no text":   {"3080 a180 a780 8002c328 0000 0000 0000", &ctrl.ControlMessage{Choice: ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: "\xc3\x28"}}}},
		"octets":                 {"3080 a080 a080 800141 810300ff00 0000 0000 0000", &ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{Mechanism: "A", Data: &[]byte{0, 255, 0}}}},
		"no octets":              {"3080 a080 a080 8100 0000 0000 0000", &ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{Data: &[]byte{}}}},
		"definite negotiation":   {"3004 a002 a200", &ctrl.NegotiationMessage{PlaceHolder: &ctrl.Empty{}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := emptyLike(c.want)
			require.NoError(t, ctrl.Decode(wiretest.Hex(t, c.body), wire.EncodingBER, got))
			require.Equal(t, c.want, got)
		})
	}
}

func TestBERThatDoesNotFitTheSchemaIsRefused(t *testing.T) {
	deep := strings.Repeat("a080", 100)
	for name, c := range map[string]struct {
		body string
		m    ctrl.Message
		text string
	}{
		"nothing":                       {"", &ctrl.ControlMessage{}, "no sequence"},
		"half a head":                   {"30", &ctrl.ControlMessage{}, "ends within"},
		"no sequence":                   {"0201 01", &ctrl.ControlMessage{}, "no sequence"},
		"context tag":                   {"b080 0000", &ctrl.ControlMessage{}, "no sequence"},
		"primitive sequence":            {"1000", &ctrl.ControlMessage{}, "no sequence"},
		"set":                           {"3180 0000", &ctrl.ControlMessage{}, "no sequence"},
		"no end":                        {"3080 800101", &ctrl.ControlMessage{}, "ends within"},
		"no end of a member":            {"3080 800101 a180 a180", &ctrl.ControlMessage{}, "ends within"},
		"half an end":                   {"3080 00", &ctrl.ControlMessage{}, "ends within"},
		"length beyond the data":        {"3005 800101", &ctrl.ControlMessage{}, "ends within"},
		"length beyond the parent":      {"3004 80030101 0000", &ctrl.ControlMessage{}, "ends within"},
		"length octets beyond the data": {"3082 01", &ctrl.ControlMessage{}, "length"},
		"five length octets":            {"30850000000003800101", &ctrl.ControlMessage{}, "length"},
		"length of 4 GiB":               {"3084ffffffff 800101", &ctrl.ControlMessage{}, "ends within"},
		"reserved length":               {"30ff", &ctrl.ControlMessage{}, "length"},
		"indefinite primitive":          {"3080 8080 0000 0000", &ctrl.ControlMessage{}, "indefinite"},
		"universal tag in a sequence":   {"3080 020101 0000", &ctrl.ControlMessage{}, "class"},
		"application tag":               {"3080 400101 0000", &ctrl.ControlMessage{}, "class"},
		"half a tag":                    {"3080 9f", &ctrl.ControlMessage{}, "ends within"},
		"tag without length":            {"3080 9f01", &ctrl.ControlMessage{}, "ends within"},
		"tag without end":               {"3080 9f818181", &ctrl.ControlMessage{}, "ends within"},
		"universal tag of two octets":   {"3080 1f8101 00 0000", &ctrl.ControlMessage{}, "class"},
		"end with contents":             {"3080 0001", &ctrl.ControlMessage{}, "end of contents"},
		"empty integer":                 {"3080 8000 0000", &ctrl.ControlMessage{}, "integer"},
		"wide integer":                  {"3080 80050000000001 0000", &ctrl.ControlMessage{}, "integer"},
		"wide unsigned":                 {"3080 a180 b080 80050100000000 0000 0000 0000", &ctrl.ControlMessage{}, "integer"},
		"constructed integer":           {"3080 a080 0000 0000", &ctrl.ControlMessage{}, "constructed"},
		"constructed text":              {"3080 a180 a780 a080 0000 0000 0000 0000", &ctrl.ControlMessage{}, "constructed"},
		"primitive choice":              {"3080 8101 00 0000", &ctrl.ControlMessage{}, "choice"},
		"primitive selection":           {"3080 a180 8001 00 0000 0000", &ctrl.ControlMessage{}, "primitive"},
		"primitive array":               {"3080 a180 b080 a180 8100 0000 0000 0000 0000", &ctrl.ControlMessage{}, "primitive"},
		"universal tag in a choice":     {"3080 a180 2180 0000 0000 0000", &ctrl.ControlMessage{}, "class"},
		"choice with another number":    {"3080 a180 a280 0000 0000 0000", &ctrl.NegotiationMessage{}, "no choice"},
		"two selections":                {"3080 a180 a180 0000 a280 0000 0000 0000", &ctrl.ControlMessage{}, "more than one"},
		"negotiation without selection": {"3080 0000", &ctrl.NegotiationMessage{}, "no choice"},
		"negotiation of two":            {"3080 a080 a280 0000 0000 a080 a280 0000 0000 0000", &ctrl.NegotiationMessage{}, "more than one"},
		"array of integers":             {"3080 a180 b080 a180 a180 020101 0000 0000 0000 0000 0000", &ctrl.ControlMessage{}, "array element"},
		"flag of no octet":              {"3080 a180 ac80 8100 0000 0000 0000", &ctrl.ControlMessage{}, "boolean"},
		"flag of two octets":            {"3080 a180 ac80 81020001 0000 0000 0000", &ctrl.ControlMessage{}, "boolean"},
		"unknown enumerator":            {"3080 a180 a080 800101 0000 0000 0000", &ctrl.ControlMessage{}, "StatusCategory"},
		"wide enumerator":               {"3080 a180 a080 80050000000000 0000 0000 0000", &ctrl.ControlMessage{}, "integer"},
		"nested too deep":               {"3080 a5 80" + deep, &ctrl.ControlMessage{}, "deep"},
		"unknown without end":           {"3080 a580 800101", &ctrl.ControlMessage{}, "ends within"},
		"unknown selection, no end":     {"3080 a180 be80 a080", &ctrl.ControlMessage{}, "ends within"},
		"very many small elements": {
			"3080 a180 b080 a180 a180" + strings.Repeat("3000", 1<<16+1) + "0000 0000 0000 0000 0000", &ctrl.ControlMessage{}, "more than",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := ctrl.Decode(wiretest.Hex(t, c.body), wire.EncodingBER, c.m)
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestBERCutShortAnywhereIsRefused(t *testing.T) {
	event := ctrl.AppendEvent(nil, wire.EncodingBER, control(3, ctrl.Choice{ConfigureStream: ptr(configureStream())}))
	body, ok := wire.Unpad(event[wire.EventHeaderSize:])
	require.True(t, ok)
	for n := range len(body) {
		require.ErrorIs(t, ctrl.Decode(body[:n:n], wire.EncodingBER, &ctrl.ControlMessage{}), wire.ErrMalformed, n)
	}
	require.NoError(t, ctrl.Decode(body, wire.EncodingBER, &ctrl.ControlMessage{}))
}

func TestDecodeForgetsWhatTheMessageHeld(t *testing.T) {
	disconnect := ctrl.AppendEvent(nil, wire.EncodingBER, control(4, ctrl.Choice{Disconnect: &ctrl.Empty{}}))
	m := control(3, ctrl.Choice{ConfigureStream: ptr(configureStream())})
	decodeEvent(t, disconnect, m)
	require.Equal(t, control(4, ctrl.Choice{Disconnect: &ctrl.Empty{}}), m)
	require.ErrorIs(t, ctrl.Decode(disconnect, 2, m), wire.ErrMalformed)
	require.Equal(t, &ctrl.ControlMessage{}, m)
}

func TestDecodedMessageKeepsNothingOfTheInput(t *testing.T) {
	m := &ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{Mechanism: "BASIC", Data: ptr([]byte("user:pw"))}}
	for _, e := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
		event := ctrl.AppendEvent(nil, e, m)
		got := &ctrl.AuthenticationMessage{}
		decodeEvent(t, event, got)
		copy(event, bytes.Repeat([]byte{0xff}, len(event)))
		require.Equal(t, m, got)
	}
}

func TestAppendEventLeavesWhatStandsBefore(t *testing.T) {
	m := control(4, ctrl.Choice{Disconnect: &ctrl.Empty{}})
	one := ctrl.AppendEvent(nil, wire.EncodingBER, m)
	two := ctrl.AppendEvent(bytes.Clone(one), wire.EncodingJSON, m)
	require.Equal(t, append(bytes.Clone(one), ctrl.AppendEvent(nil, wire.EncodingJSON, m)...), two)
}
