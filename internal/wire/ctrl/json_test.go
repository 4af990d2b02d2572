package ctrl_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func fanoutReader() ctrl.QueueHandleParameters {
	return ctrl.QueueHandleParameters{
		URI: "bmq://bmq.test.mem.fanout/q1", SubIDInfo: &ctrl.SubQueueIDInfo{SubID: 1, AppID: "foo"},
		Flags: ctrl.QueueFlagRead, ReadCount: 1,
	}
}

const fanoutReaderJSON = `{"uri":"bmq:\/\/bmq.test.mem.fanout\/q1","qId":0,"subIdInfo":{"subId":1,"appId":"foo"},` +
	`"flags":2,"readCount":1,"writeCount":0,"adminCount":0}`

func TestControlEventsInJSON(t *testing.T) {
	stream := configureStream()
	stream.QID = 0
	const streamJSON = `{"qId":0,"streamParameters":{"appId":"foo","subscriptions":[{"sId":1,` +
		`"expression":{"version":"E_VERSION_1","text":"x > 5"},"consumers":[{"maxUnconfirmedMessages":1000,` +
		`"maxUnconfirmedBytes":33554432,"consumerPriority":2,"consumerPriorityCount":1}]}]}}`
	for _, c := range []struct {
		message ctrl.Message
		text    string
	}{
		{
			&ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{
				ProtocolVersion: 1, SDKVersion: 16, ClientType: ctrl.ClientTCPClient, ProcessName: "app", PID: 4242, SessionID: 1,
				HostName: "h", Features: "PROTOCOL_ENCODING:JSON;MPS:MESSAGE_PROPERTIES_EX", ClusterNodeID: -1,
				SDKLanguage: ctrl.LanguageJava,
			}},
			`{"clientIdentity":{"protocolVersion":1,"sdkVersion":16,"clientType":"E_TCPCLIENT","processName":"app","pid":4242,` +
				`"sessionId":1,"hostName":"h","features":"PROTOCOL_ENCODING:JSON;MPS:MESSAGE_PROPERTIES_EX","clusterName":"",` +
				`"clusterNodeId":-1,"sdkLanguage":"E_JAVA","guidInfo":{"clientId":"","nanoSecondsFromEpoch":0},"userAgent":""}}`,
		},
		{
			control(1, ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: fanoutReader()}}),
			`{"rId":1,"openQueue":{"handleParameters":` + fanoutReaderJSON + `}}`,
		},
		{
			control(1, ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{
				OriginalRequest: ctrl.OpenQueue{HandleParameters: fanoutReader()},
				RoutingConfiguration: ctrl.RoutingConfiguration{
					Flags: ctrl.RoutingMultipleSubStreams | ctrl.RoutingDeliverConsumerPriority,
				},
				DeduplicationTimeMs: 300000,
			}}),
			`{"rId":1,"openQueueResponse":{"originalRequest":{"handleParameters":` + fanoutReaderJSON + `},` +
				`"routingConfiguration":{"flags":10},"deduplicationTimeMs":300000}}`,
		},
		{control(2, ctrl.Choice{ConfigureStream: &stream}), `{"rId":2,"configureStream":` + streamJSON + `}`},
		{
			control(2, ctrl.Choice{ConfigureStreamResponse: &ctrl.ConfigureStreamResponse{Request: stream}}),
			`{"rId":2,"configureStreamResponse":{"request":` + streamJSON + `}}`,
		},
		{
			control(2, ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{
				StreamParameters: ctrl.StreamParameters{AppID: ctrl.DefaultAppID},
			}}),
			`{"rId":2,"configureStream":{"qId":0,"streamParameters":{"appId":"__default"}}}`,
		},
		{
			control(3, ctrl.Choice{CloseQueue: &ctrl.CloseQueue{HandleParameters: fanoutReader(), IsFinal: true}}),
			`{"rId":3,"closeQueue":{"handleParameters":` + fanoutReaderJSON + `,"isFinal":true}}`,
		},
		{control(3, ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}}), `{"rId":3,"closeQueueResponse":{}}`},
		{control(4, ctrl.Choice{Disconnect: &ctrl.Empty{}}), `{"rId":4,"disconnect":{}}`},
		{control(4, ctrl.Choice{DisconnectResponse: &ctrl.Empty{}}), `{"rId":4,"disconnectResponse":{}}`},
		{
			control(1, ctrl.Choice{Status: &ctrl.Status{Category: ctrl.StatusRefused, Code: -10, Message: "no such domain"}}),
			`{"rId":1,"status":{"category":"E_REFUSED","code":-10,"message":"no such domain"}}`,
		},
		{
			&ctrl.ControlMessage{Choice: ctrl.Choice{Disconnect: &ctrl.Empty{}}},
			`{"disconnect":{}}`,
		},
		{
			&ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{Mechanism: "BASIC", Data: ptr([]byte("user:pw"))}},
			`{"authenticationRequest":{"mechanism":"BASIC","data":"dXNlcjpwdw=="}}`,
		},
		{
			&ctrl.AuthenticationMessage{Request: &ctrl.AuthenticationRequest{Data: ptr([]byte{0xff, 0xfb, 0xfe})}},
			`{"authenticationRequest":{"mechanism":"","data":"\/\/v+"}}`,
		},
		{
			&ctrl.AuthenticationMessage{Response: &ctrl.AuthenticationResponse{LifetimeMs: ptr(uint64(math.MaxUint64))}},
			`{"authenticationResponse":{"status":{"category":"E_SUCCESS","code":0,"message":""},"lifetimeMs":18446744073709551615}}`,
		},
		{
			control(math.MinInt32, ctrl.Choice{AdminCommandResponse: &ctrl.AdminCommandResponse{
				Text: "quote\" backslash\\ slash/ \b\f\n\r\t bell\a delete\x7f é 漢 \U0001f600",
			}}),
			`{"rId":-2147483648,"adminCommandResponse":{"text":` +
				`"quote\" backslash\\ slash\/ \b\f\n\r\t bell\u0007 delete` + "\x7f é 漢 \U0001f600" + `"}}`,
		},
	} {
		t.Run(c.text[:min(40, len(c.text))], func(t *testing.T) {
			event := ctrl.AppendEvent(nil, wire.EncodingJSON, c.message)
			ev, err := wire.ParseEvent(event)
			require.NoError(t, err)
			text, ok := wire.Unpad(ev.Body)
			require.True(t, ok)
			require.Equal(t, c.text, string(text))
			require.True(t, json.Valid(text))
			got := emptyLike(c.message)
			require.NoError(t, ctrl.Decode(ev.Body, ev.Encoding, got))
			require.Equal(t, c.message, got)
		})
	}
}

func TestJSONIsReadAsOtherClientsWriteIt(t *testing.T) {
	disconnect := control(4, ctrl.Choice{Disconnect: &ctrl.Empty{}})
	for name, c := range map[string]struct {
		text string
		want ctrl.Message
	}{
		"white space":            {" {\n\t\"rId\" : 4 ,\r\n \"disconnect\" : { } } ", disconnect},
		"members in any order":   {`{"disconnect":{},"rId":4}`, disconnect},
		"unknown members":        {`{"rId":4,"more":{"a":[1,{"b":null}]},"disconnect":{"also":true}}`, disconnect},
		"absent optional":        {`{"rId":4,"disconnect":{},"status":null}`, disconnect},
		"absent optional before": {`{"status":null,"rId":4,"disconnect":{}}`, disconnect},
		"null id":                {`{"rId":null,"disconnect":{}}`, &ctrl.ControlMessage{Choice: ctrl.Choice{Disconnect: &ctrl.Empty{}}}},
		"no contents":            {`{}`, &ctrl.ControlMessage{}},
		"no selection":           {`{}`, &ctrl.NegotiationMessage{}},
		"unknown selection":      {`{"rId":4,"makeCoffee":{}}`, control(4, ctrl.Choice{})},
		"unknown message":        {`{"makeCoffee":{}}`, &ctrl.NegotiationMessage{}},
		"escapes": {
			`{"rId":4,"adminCommand":{"command":"\u003d \/ \" \\ \b\f\n\r\t \ud83d\ude00"}}`,
			control(4, ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: "= / \" \\ \b\f\n\r\t \U0001f600"}}),
		},
		"number of an enumerator": {
			`{"rId":4,"status":{"category":-6,"code":1,"message":"no"}}`,
			control(4, ctrl.Choice{Status: &ctrl.Status{Category: ctrl.StatusRefused, Code: 1, Message: "no"}}),
		},
		"empty array": {
			`{"rId":4,"configureStream":{"qId":7,"streamParameters":{"appId":"a","subscriptions":[]}}}`,
			control(4, ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{QID: 7, StreamParameters: ctrl.StreamParameters{AppID: "a"}}}),
		},
		"defaults of what is missing": {
			`{"rId":4,"configureStream":{"streamParameters":{"subscriptions":[{"consumers":[{}]}]}}}`,
			control(4, ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{StreamParameters: ctrl.StreamParameters{
				AppID:         ctrl.DefaultAppID,
				Subscriptions: []ctrl.Subscription{{Consumers: []ctrl.ConsumerInfo{{ConsumerPriority: ctrl.InvalidPriority}}}},
			}}}),
		},
		"identity without anything": {
			`{"clientIdentity":{}}`,
			&ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{
				SDKVersion: ctrl.UnreleasedVersion, SessionID: 1, ClusterNodeID: -1, SDKLanguage: ctrl.LanguageCPP,
			}},
		},
		"response without anything": {
			`{"brokerResponse":{}}`,
			&ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{
				BrokerIdentity: ctrl.ClientIdentity{
					SDKVersion: ctrl.UnreleasedVersion, SessionID: 1, ClusterNodeID: -1, SDKLanguage: ctrl.LanguageCPP,
				},
				HeartbeatIntervalMs: 3000, MaxMissedHeartbeats: 10,
			}},
		},
		"old style configure without limits": {
			`{"configureQueueStream":{"streamParameters":{"subIdInfo":{}}}}`,
			&ctrl.ControlMessage{Choice: ctrl.Choice{ConfigureQueueStream: &ctrl.ConfigureQueueStream{
				StreamParameters: ctrl.QueueStreamParameters{
					SubIDInfo: &ctrl.SubQueueIDInfo{AppID: ctrl.DefaultAppID}, ConsumerPriority: ctrl.InvalidPriority,
				},
			}}},
		},
		"open response without deduplication time": {
			`{"openQueueResponse":{}}`,
			&ctrl.ControlMessage{Choice: ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{DeduplicationTimeMs: 300000}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := emptyLike(c.want)
			require.NoError(t, ctrl.Decode([]byte(c.text+"\x04\x04\x04\x04"), wire.EncodingJSON, got))
			require.Equal(t, c.want, got)
		})
	}
}

func TestJSONThatDoesNotFitTheSchemaIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		m    ctrl.Message
	}{
		"nothing":                      {"", &ctrl.ControlMessage{}},
		"padding only":                 {"\x01", &ctrl.ControlMessage{}},
		"unfinished":                   {`{"rId":1,`, &ctrl.ControlMessage{}},
		"array for an object":          {`[]`, &ctrl.ControlMessage{}},
		"null for an object":           {`null`, &ctrl.ControlMessage{}},
		"number for a choice":          {`1`, &ctrl.NegotiationMessage{}},
		"choice of two":                {`{"placeHolder":{},"more":{}}`, &ctrl.NegotiationMessage{}},
		"null for a selection":         {`{"placeHolder":null}`, &ctrl.NegotiationMessage{}},
		"two selections":               {`{"rId":1,"disconnect":{},"disconnectResponse":{}}`, &ctrl.ControlMessage{}},
		"one selection twice":          {`{"rId":1,"disconnect":{},"disconnect":{}}`, &ctrl.ControlMessage{}},
		"text for an integer":          {`{"rId":"1"}`, &ctrl.ControlMessage{}},
		"fraction for an integer":      {`{"rId":1.5}`, &ctrl.ControlMessage{}},
		"integer too large":            {`{"rId":2147483648}`, &ctrl.ControlMessage{}},
		"negative unsigned integer":    {`{"configureStream":{"qId":-1}}`, &ctrl.ControlMessage{}},
		"null for an integer":          {`{"configureStream":{"qId":null}}`, &ctrl.ControlMessage{}},
		"number for text":              {`{"adminCommand":{"command":1}}`, &ctrl.ControlMessage{}},
		"object for an array":          {`{"configureStream":{"streamParameters":{"subscriptions":{}}}}`, &ctrl.ControlMessage{}},
		"number in an array":           {`{"configureStream":{"streamParameters":{"subscriptions":[1]}}}`, &ctrl.ControlMessage{}},
		"number for a flag":            {`{"closeQueue":{"isFinal":1}}`, &ctrl.ControlMessage{}},
		"unknown enumerator":           {`{"status":{"category":"E_FINE"}}`, &ctrl.ControlMessage{}},
		"unknown number":               {`{"status":{"category":1}}`, &ctrl.ControlMessage{}},
		"number of an enumerator text": {`{"status":{"category":"-1"}}`, &ctrl.ControlMessage{}},
		"null for an enumerator":       {`{"status":{"category":null}}`, &ctrl.ControlMessage{}},
		"no base64":                    {`{"authenticationRequest":{"data":"%"}}`, &ctrl.AuthenticationMessage{}},
		"nested without end": {
			`{"more":` + strings.Repeat("[", 100000), &ctrl.ControlMessage{},
		},
		"very many small elements": {
			`{"configureStream":{"streamParameters":{"subscriptions":[{}` + strings.Repeat(",{}", 1<<16) + `]}}}`, &ctrl.ControlMessage{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := ctrl.Decode([]byte(c.text), wire.EncodingJSON, c.m)
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.Less(t, len(err.Error()), 200, "the error repeats the input")
		})
	}
}
