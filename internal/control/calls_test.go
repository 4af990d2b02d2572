package control_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestQueuesAndMessagesAreShownAndPurged(t *testing.T) {
	w := start(t)
	received := make(chan *bmq.Message, 10)
	s := w.session(received, bmq.WithMessageCompressionAlgorithm(bmq.CompressionZLIB))
	const fanout = "bmq://bmq.test.mem.fanout/q"
	require.NoError(t, s.OpenQueue(t.Context(), fanout, bmq.WithWrite()))
	require.NoError(t, s.OpenQueue(t.Context(), fanout+"?id=foo", bmq.WithRead()))
	large := bytes.Repeat([]byte("<b>large</b>"), 1000)
	_, err := s.PostAndWait(t.Context(), fanout, large, bmq.WithProperties(map[string]any{"n": 7, "s": "<i>", "b": true}))
	require.NoError(t, err)
	_, err = s.PostAndWait(t.Context(), fanout, []byte{0xff, 0})
	require.NoError(t, err)
	for range 2 {
		<-received
	}

	var queues []struct {
		URI, Mode           string
		Messages, Producers int
		Apps                []struct {
			ID                    string
			Messages, Unconfirmed int
			Consumers             []struct {
				ProcessName   string
				Connection    int
				Subscriptions []struct{ Messages int }
			}
		}
		Counters struct{ Posted, Pushed int }
	}
	w.call("GET", "/api/queues", "", &queues)
	require.Len(t, queues, 1)
	q := queues[0]
	require.Equal(t, fanout, q.URI)
	require.Equal(t, "fanout", q.Mode)
	require.Equal(t, 2, q.Messages)
	require.Equal(t, 1, q.Producers)
	require.Equal(t, 2, q.Apps[0].Unconfirmed)
	require.Equal(t, "tester", q.Apps[0].Consumers[0].ProcessName)
	require.Equal(t, 2, q.Apps[0].Consumers[0].Subscriptions[0].Messages)
	require.Zero(t, q.Apps[1].Unconfirmed)
	require.Equal(t, 2, q.Counters.Posted)
	var one map[string]any
	w.call("GET", "/api/queues?uri="+fanout, "", &one)
	require.Equal(t, fanout, one["uri"])

	var messages []struct {
		GUID          string
		Size          int
		HasProperties bool
		Compressed    bool
		AgeMs         *int
		Pending       []broker.Pending
	}
	w.call("GET", "/api/messages?uri="+fanout, "", &messages)
	require.Len(t, messages, 2)
	require.True(t, messages[0].Compressed)
	require.True(t, messages[0].HasProperties)
	require.NotNil(t, messages[0].AgeMs)
	require.Equal(t, []broker.Pending{{App: "foo", Connection: q.Apps[0].Consumers[0].Connection}, {App: "bar"}, {App: "baz"}}, messages[0].Pending)
	var content struct {
		Properties []struct {
			Name, Type string
			Value      any
		}
		Payload   string
		Text      *string
		Truncated bool
	}
	w.call("GET", "/api/message?uri="+fanout+"&guid="+messages[0].GUID, "", &content)
	require.Equal(t, string(large), *content.Text)
	require.Equal(t, base64.StdEncoding.EncodeToString(large), content.Payload)
	require.Equal(t, `[{b BOOL true} {n INT64 7} {s STRING <i>}]`, fmt.Sprint(content.Properties))
	content.Text = nil
	w.call("GET", "/api/message?uri="+fanout+"&guid="+messages[1].GUID, "", &content)
	require.Nil(t, content.Text, "it is no text")
	require.Equal(t, "/wA=", content.Payload)

	text := strings.Repeat("x", 1<<20-1)
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	ack, err := s.PostAndWait(t.Context(), queue, []byte(text+"é and more"))
	require.NoError(t, err)
	w.call("GET", "/api/message?uri="+queue+"&guid="+ack.GUID.String(), "", &content)
	require.True(t, content.Truncated)
	require.Equal(t, text, *content.Text, "what is cut within a character is text all the same")

	w.call("GET", "/api/messages?uri="+fanout+"&app=bar&offset=1&count=5", "", &messages)
	require.Len(t, messages, 1)
	status, _ := w.do("GET", "/api/messages?uri="+fanout+"&app=nosuch", "")
	require.Equal(t, 404, status)
	status, _ = w.do("GET", "/api/messages?uri="+fanout+"&count=many", "")
	require.Equal(t, 400, status)

	var purged struct{ Messages, Bytes int }
	w.call("POST", "/api/purge", `{"queue":"`+fanout+`","app":"bar"}`, &purged)
	require.Equal(t, 2, purged.Messages)
	w.call("POST", "/api/purge", `{"queue":"`+fanout+`"}`, &purged)
	require.Equal(t, 2, purged.Messages)
	_, err = s.PostAndWait(t.Context(), fanout, []byte("x"))
	require.NoError(t, err)
	w.call("POST", "/api/purge", `{"domain":"bmq.test.mem.fanout"}`, &purged)
	require.Equal(t, struct{ Messages, Bytes int }{1, 1}, purged)
}

func TestFaultsComeAndGo(t *testing.T) {
	w := start(t)
	s := w.session(make(chan *bmq.Message, 1))
	var fault map[string]any
	w.call("POST", "/api/faults", `{"on":"requesting","do":"refuse","request":"openQueue","queue":"`+queue+`","client":"tester","times":1,
		"status":{"category":"E_REFUSED","code":-7,"message":"not now"}}`, &fault)
	require.Equal(t, 1.0, fault["id"])
	require.Equal(t, map[string]any{"category": "E_REFUSED", "code": -7.0, "message": "not now"}, fault["status"])
	err := s.OpenQueue(t.Context(), queue, bmq.WithWrite())
	require.ErrorContains(t, err, "not now")
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	w.call("GET", "/api/faults/1?wait=10s", "", &fault)
	require.Equal(t, 1.0, fault["hits"])

	w.call("POST", "/api/faults", `{"on":"posting","do":"refuse","ack":"LIMIT_BYTES","skip":1}`, &fault)
	_, err = s.PostAndWait(t.Context(), queue, []byte("x"))
	require.NoError(t, err)
	ack, err := s.PostAndWait(t.Context(), queue, []byte("x"))
	require.Error(t, err)
	require.Equal(t, bmq.AckLimitBytes, ack.Status)
	w.call("POST", "/api/faults", `{"on":"sending","do":"delay","wait":"1ms","event":"ACK","bytes":3}`, nil)
	var list []map[string]any
	w.call("GET", "/api/faults", "", &list)
	require.Len(t, list, 3)
	require.Equal(t, map[string]any{"id": 2.0, "hits": 1.0, "on": "posting", "do": "refuse", "ack": "LIMIT_BYTES", "skip": 1.0}, list[1])
	require.Equal(t, map[string]any{"id": 3.0, "on": "sending", "do": "delay", "wait": "1ms", "event": "ACK", "bytes": 3.0}, list[2])
	w.call("DELETE", "/api/faults/2", "", nil)
	_, err = s.PostAndWait(t.Context(), queue, []byte("x"))
	require.NoError(t, err)
	w.call("DELETE", "/api/faults", "", &fault)
	require.Equal(t, 2.0, fault["removed"])
	require.Empty(t, w.broker.Faults())
}

func TestWaitingForAFaultEnds(t *testing.T) {
	w := start(t)
	w.call("POST", "/api/faults", `{"on":"posting","do":"drop"}`, nil)
	var fault map[string]any
	w.call("GET", "/api/faults/1?wait=1ms", "", &fault)
	require.Nil(t, fault["hits"], "it has not struck")
	status, _ := w.do("GET", "/api/faults/1?wait=1h", "")
	require.Equal(t, 400, status)
	done := make(chan int)
	go func() {
		status, _ := w.do("GET", "/api/faults/1?wait=1m", "")
		done <- status
	}()
	s := w.session(make(chan *bmq.Message, 1))
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	require.NoError(t, s.Post(t.Context(), queue, []byte("x")))
	require.Equal(t, 200, <-done)
}

func TestDomainsChangeAtRunTime(t *testing.T) {
	w := start(t)
	s := w.session(make(chan *bmq.Message, 1))
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	var config struct {
		Storage    struct{ QueueLimits struct{ Messages, Bytes int } }
		MessageTTL int
	}
	w.call("PATCH", "/api/domains/bmq.test.mem.priority", `{"storage":{"queueLimits":{"messages":1}}}`, &config)
	require.Equal(t, 1, config.Storage.QueueLimits.Messages)
	require.Equal(t, 1<<30, config.Storage.QueueLimits.Bytes, "the rest is as it was")
	for _, ok := range []bool{true, true, false} {
		_, err := s.PostAndWait(t.Context(), queue, []byte("x"))
		require.Equal(t, ok, err == nil, "one message more than the limit, as with the official broker")
	}
	var now, all json.RawMessage
	w.call("GET", "/api/domains/bmq.test.mem.priority", "", &now)
	w.call("PUT", "/api/domains/of.my.own", string(now), nil)
	require.NoError(t, s.OpenQueue(t.Context(), "bmq://of.my.own/q", bmq.WithWrite()))
	d, ok := w.broker.Config("of.my.own")
	require.True(t, ok)
	require.EqualValues(t, 1, d.QueueMessages)
	w.call("GET", "/api/domains", "", &all)
	require.Contains(t, string(all), `"name":"of.my.own","mode":"priority","queues":1,"messages":0`)

	// A domain without limits stays one.
	require.NoError(t, w.broker.Reconfigure(broker.Domain{Name: "free", Subscriptions: map[string]string{"": "x > 1"}, DeduplicationTime: -1}))
	w.call("PATCH", "/api/domains/free", `{"maxConsumers":3}`, nil)
	d, _ = w.broker.Config("free")
	require.Equal(t, broker.Domain{Name: "free", MaxConsumers: 3, Subscriptions: map[string]string{"": "x > 1"}, DeduplicationTime: -1}, d)
}

func TestPatchesAtTheSameTimeLoseNothing(t *testing.T) {
	w := start(t)
	for n := range 50 {
		var both sync.WaitGroup
		for _, name := range []string{"maxQueues", "maxConsumers", "maxProducers"} {
			both.Go(func() {
				status, text := w.do("PATCH", "/api/domains/bmq.test.mem.priority", fmt.Sprintf(`{"%s":%d}`, name, n+1))
				if status != 200 {
					t.Error(status, text)
				}
			})
		}
		both.Wait()
		d, _ := w.broker.Config("bmq.test.mem.priority")
		require.Equal(t, []int{n + 1, n + 1, n + 1}, []int{d.MaxQueues, d.MaxConsumers, d.MaxProducers})
	}
}

func TestAPatchDoesNotUndoAChangeAtTheSameTime(t *testing.T) {
	w := start(t)
	const name = "bmq.test.mem.priority"
	d, _ := w.broker.Config(name)
	for n := range 50 {
		d.MaxQueues = n + 1
		var all sync.WaitGroup
		for method, text := range map[string]string{"PUT": broker.DomainJSON(&d), "PATCH": fmt.Sprintf(`{"maxConsumers":%d}`, n+1)} {
			all.Go(func() {
				status, text := w.do(method, "/api/domains/"+name, text)
				if status != 200 {
					t.Error(status, text)
				}
			})
		}
		all.Wait()
		now, _ := w.broker.Config(name)
		require.Equal(t, n+1, now.MaxQueues)
	}
}

func TestTheBrokerIsStoppedAndRestarted(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		stop, restart string
		messages      int
	}{
		{`{}`, `{"keep":"all"}`, 1}, {`{"kill":true}`, `{"keep":"all"}`, 1}, {"", `{"keep":"all","kill":true}`, 1}, {"", `{"keep":"none"}`, 0}, {"", `{}`, 0},
	} {
		s := w.session(make(chan *bmq.Message, 1))
		require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
		_, err := s.PostAndWait(t.Context(), queue, []byte("x"))
		require.NoError(t, err)
		require.NoError(t, s.Stop(t.Context()))
		var info struct {
			URI       string
			Running   bool
			HoldsAcks bool
		}
		if c.stop != "" {
			w.call("POST", "/api/stop", c.stop, nil)
			w.call("GET", "/api/broker", "", &info)
			require.False(t, info.Running)
		}
		w.call("POST", "/api/restart", c.restart, nil)
		w.call("GET", "/api/broker", "", &info)
		require.True(t, info.Running)
		require.Equal(t, w.broker.URI(), info.URI)
		q, _ := w.broker.Queue(queue)
		require.EqualValues(t, c.messages, q.Messages, "%+v", c)
		w.broker.Forget(broker.KeepNone)
	}
}

func TestClockAcksConnectionsAndCommands(t *testing.T) {
	w := start(t)
	s := w.session(make(chan *bmq.Message, 1))
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
	w.call("POST", "/api/acks", `{"hold":true}`, nil)
	acked := make(chan *bmq.Ack, 1)
	require.NoError(t, s.Post(t.Context(), queue, []byte("x"), bmq.WithOnAck(func(a *bmq.Ack) { acked <- a })))
	require.Eventually(t, func() bool { q, _ := w.broker.Queue(queue); return q.Messages == 1 }, proctest.Timeout, time.Millisecond)
	require.Empty(t, acked)
	var info struct{ HoldsAcks bool }
	w.call("GET", "/api/broker", "", &info)
	require.True(t, info.HoldsAcks)
	w.call("POST", "/api/acks", `{"hold":false}`, nil)
	<-acked

	var command struct{ Text string }
	w.call("POST", "/api/command", `{"command":"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q PURGE *"}`, &command)
	require.Contains(t, command.Text, "Purged 1 message(s)")
	_, err := s.PostAndWait(t.Context(), queue, []byte("x"))
	require.NoError(t, err)
	var clock struct{ Now time.Time }
	w.call("POST", "/api/clock", `{"advance":"2h"}`, &clock)
	require.Greater(t, time.Until(clock.Now), time.Hour)
	q, _ := w.broker.Queue(queue)
	require.Zero(t, q.Messages, "it was too old")
	require.EqualValues(t, 1, q.Counters.Expired)

	var connections []broker.ConnectionInfo
	w.call("GET", "/api/connections", "", &connections)
	require.Len(t, connections, 1)
	require.Equal(t, []string{queue}, connections[0].Queues)
	var dropped struct{ Dropped int }
	w.call("DELETE", fmt.Sprintf("/api/connections/%d", connections[0].ID), "", &dropped)
	require.Equal(t, 1, dropped.Dropped)
	w.call("DELETE", "/api/connections?client=nobody", "", &dropped)
	require.Zero(t, dropped.Dropped)
	require.NoError(t, s.Stop(context.Background()))
}
