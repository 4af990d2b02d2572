package bmqtest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const queue = "bmq://bmq.test.mem.priority/q"

// client is a client that waits for each answer.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *framing.Reader
	rid  int32
}

func dial(t *testing.T, b *bmqtest.Broker) *client {
	conn, err := b.DialContext(t.Context(), "tcp", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{t: t, conn: conn, r: framing.NewReader(conn, wire.MaxEventSize)}
	c.write(&ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{
		ProtocolVersion: 1, SDKVersion: ctrl.UnreleasedVersion, ClientType: ctrl.ClientTCPClient, ProcessName: "app",
		SDKLanguage: ctrl.LanguageCPP, GUIDInfo: ctrl.GUIDInfo{ClientID: "0123456789AB"},
	}})
	return c
}

func (c *client) write(m ctrl.Message) {
	_, err := c.conn.Write(ctrl.AppendEvent(nil, wire.EncodingBER, m))
	require.NoError(c.t, err)
}

// next returns the next event, or the error that ended the connection.
func (c *client) next() (wire.Event, error) {
	frame, err := c.r.Next()
	if err != nil {
		return wire.Event{}, err
	}
	return wire.ParseEvent(append([]byte(nil), frame...))
}

// negotiated waits for the answer to the identity.
func (c *client) negotiated() ctrl.Status {
	ev, err := c.next()
	require.NoError(c.t, err)
	var m ctrl.NegotiationMessage
	require.NoError(c.t, ctrl.Decode(ev.Body, ev.Encoding, &m))
	return m.BrokerResponse.Result
}

func (c *client) request(choice ctrl.Choice) ctrl.Choice {
	c.rid++
	c.write(&ctrl.ControlMessage{RID: &c.rid, Choice: choice})
	ev, err := c.next()
	require.NoError(c.t, err)
	var m ctrl.ControlMessage
	require.NoError(c.t, ctrl.Decode(ev.Body, ev.Encoding, &m))
	return m.Choice
}

func (c *client) open(uri string) *ctrl.Status {
	return c.request(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: ctrl.QueueHandleParameters{
		URI: uri, Flags: ctrl.QueueFlagWrite, WriteCount: 1,
	}}}).Status
}

func (c *client) post(n byte) {
	c.put(wire.PutHeader{Flags: wire.FlagAckRequested, GUID: wire.GUID{1, n}}, []byte{n})
}

func (c *client) put(h wire.PutHeader, data []byte) {
	b := wire.AppendPutHeader(wire.AppendEventHeader(nil, wire.EventPut, 0), &h, 0, len(data))
	b = wire.AppendPadding(append(b, data...), len(data))
	wire.FinishEvent(b, 0)
	_, err := c.conn.Write(b)
	require.NoError(c.t, err)
}

func (c *client) ack() wire.AckStatus {
	ev, err := c.next()
	require.NoError(c.t, err)
	r, err := wire.NewAckReader(ev.Body)
	require.NoError(c.t, err)
	var a wire.Ack
	require.True(c.t, r.Next(&a))
	return a.Status
}

func TestFaultsAndObservers(t *testing.T) {
	b := bmqtest.Start(t)
	refuse := b.Inject(bmqtest.Fault{On: bmqtest.Negotiating, Do: bmqtest.Refuse, Times: 1,
		Status: bmqtest.Status{Category: bmqtest.Refused, Code: 1, Message: "no"}})
	require.Equal(t, ctrl.Status{Category: ctrl.StatusRefused, Code: 1, Message: "no"}, dial(t, b).negotiated())
	require.NoError(t, refuse.Await(t.Context()))
	require.Equal(t, 1, refuse.Hits())
	refuse.Remove()

	c := dial(t, b)
	require.Equal(t, ctrl.Status{}, c.negotiated())
	open := b.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Queue: queue, Client: "app", Times: 1,
		Do: bmqtest.Refuse, Status: bmqtest.Status{Category: bmqtest.NotReady, Message: "later"}})
	require.Equal(t, &ctrl.Status{Category: ctrl.StatusNotReady, Message: "later"}, c.open(queue))
	require.Nil(t, c.open(queue))
	require.Equal(t, 1, open.Hits())
	b.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackStorageFailure, Times: 1})
	c.post(1)
	require.Equal(t, wire.AckStorageFailure, c.ack())
	c.post(2)
	require.Equal(t, wire.AckSuccess, c.ack())

	q, ok := b.Queue(queue)
	require.True(t, ok)
	require.EqualValues(t, 1, q.Messages)
	require.Equal(t, bmqtest.Priority, q.Mode)
	require.Equal(t, "__default", q.Apps[0].ID)
	require.EqualValues(t, 1, q.Counters.Posted)
	require.Equal(t, []bmqtest.Queue{q}, b.Queues())
	list := b.Messages(queue, "", 0, 10)
	require.Len(t, list, 1)
	require.Equal(t, []byte{2}, list[0].Data)
	require.Equal(t, "01020000000000000000000000000000", list[0].GUID)
	conns := b.Connections()
	require.Equal(t, "app", conns[len(conns)-1].ProcessName)
	require.Contains(t, b.Admin("DOMAINS DOMAIN bmq.test.mem.priority QUEUE q PURGE *"), "Purged 1 message(s)")

	b.DropConnections("app")
	_, err := c.next()
	require.Error(t, err)
}

func TestDomainsOfOnesOwn(t *testing.T) {
	b := bmqtest.Start(t,
		bmqtest.WithDomain(bmqtest.Domain{Name: "mine", QueueMessages: 1, MessageTTL: time.Minute}),
		bmqtest.WithRedirect("old", "mine"))
	c := dial(t, b)
	c.negotiated()
	require.NotNil(t, c.open(queue), "there are no built-in domains beside one's own")
	require.Nil(t, c.open("bmq://old/q"))
	for n, want := range []wire.AckStatus{wire.AckSuccess, wire.AckSuccess, wire.AckLimitMessages} {
		c.post(byte(n + 1))
		require.Equal(t, want, c.ack())
	}
	d, ok := b.Domain("mine")
	require.True(t, ok)
	d.QueueMessages = 10
	require.NoError(t, b.SetDomain(d))
	c.post(4)
	require.Equal(t, wire.AckSuccess, c.ack())
	require.ErrorContains(t, b.Advance(-2*time.Minute), "time goes forward only")
	require.NoError(t, b.Advance(0))
	q, _ := b.Queue("bmq://mine/q")
	require.EqualValues(t, 3, q.Messages)
	require.NoError(t, b.Advance(2*time.Minute))
	q, _ = b.Queue("bmq://mine/q")
	require.Zero(t, q.Messages)
	require.EqualValues(t, 3, q.Counters.Expired)
	_, ok = b.Domain("nope")
	require.False(t, ok)

	both := bmqtest.Start(t, nil, bmqtest.WithBuiltinDomains(), bmqtest.WithDomain(bmqtest.Domain{Name: "mine"}))
	c = dial(t, both)
	c.negotiated()
	require.Nil(t, c.open(queue))
}

func TestMessagesSurviveARestart(t *testing.T) {
	b := bmqtest.Start(t)
	c := dial(t, b)
	c.negotiated()
	require.Nil(t, c.open(queue))
	b.HoldAcks(true)
	c.post(1)
	require.Eventually(t, func() bool { q, _ := b.Queue(queue); return q.Messages == 1 }, time.Minute, time.Millisecond)
	b.Kill()
	_, err := c.next()
	require.Error(t, err, "the ACK is lost")
	b.HoldAcks(false)
	require.NoError(t, b.Restart(context.Background(), bmqtest.KeepAll))
	c = dial(t, b)
	c.negotiated()
	require.Nil(t, c.open(queue))
	c.post(1)
	require.Equal(t, wire.AckSuccess, c.ack())
	q, _ := b.Queue(queue)
	require.EqualValues(t, 1, q.Messages, "posted twice, stored once")
	require.NoError(t, b.Restart(context.Background(), bmqtest.KeepPersistent))
	require.Empty(t, b.Queues())
}

func TestTheWholeRunsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bmqtest.Start(t, bmqtest.WithInMemoryNetwork(), bmqtest.WithHeartbeats(time.Second, 2))
		require.Equal(t, "tcp://bmqtest.invalid:30114", b.URI())
		c := dial(t, b)
		c.negotiated()
		require.Nil(t, c.open(queue))
		start := time.Now()
		for range 2 {
			ev, err := c.next()
			require.NoError(t, err)
			require.Equal(t, wire.EventHeartbeatReq, ev.Type)
		}
		_, err := c.next()
		require.Error(t, err)
		require.Equal(t, 4*time.Second, time.Since(start))
	})
}

func TestAuthenticationOptions(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithUser("user", "pw"), bmqtest.WithoutAnonymous(),
		bmqtest.WithoutSubscriptions(), bmqtest.WithoutPropertiesEx(), bmqtest.WithThrottle(bmqtest.Throttle{LowThreshold: 1}))
	c := dial(t, b)
	_, err := c.next()
	require.Error(t, err, "nothing was shown")
}

func TestWarningsOfAConfigurationGoToTheLogger(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "domains"), 0o755))
	domain := `{"definition":{"location":"local","parameters":{"mode":{"broadcast":{}},"messageTtl":300,"maxIdleTime":5,
		"storage":{"config":{"inMemory":{}},"domainLimits":{"messages":1,"bytes":1},"queueLimits":{"messages":1,"bytes":1}}}}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "domains", "d.json"), []byte(domain), 0o600))
	var log bytes.Buffer
	b := bmqtest.Start(t, bmqtest.WithConfigDir(dir), bmqtest.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.Contains(t, log.String(), "maxIdleTime")
	d, ok := b.Domain("d")
	require.True(t, ok)
	require.Equal(t, bmqtest.Broadcast, d.Mode)
	require.Equal(t, "broadcast", fmt.Sprint(d.Mode))
	_, err := bmqtest.New(bmqtest.WithConfigDir(filepath.Join(dir, "nope")))
	require.ErrorContains(t, err, "the configuration has no domains")
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	b := bmqtest.Start(t)
	_, err := bmqtest.New(bmqtest.WithListenAddress(b.URI()[len("tcp://"):]))
	require.ErrorContains(t, err, "address already in use")
}

func TestMessagesCanBeTakenApart(t *testing.T) {
	b := bmqtest.Start(t)
	c := dial(t, b)
	c.negotiated()
	require.Nil(t, c.open(queue))
	properties := wire.AppendProperties(nil, []wire.Property{
		{Name: "b", Type: wire.PropertyBinary, Bin: []byte{1, 2}},
		{Name: "n", Type: wire.PropertyInt32, Num: -7},
		{Name: "s", Type: wire.PropertyString, Str: "text"},
		{Name: "t", Type: wire.PropertyBool, Num: 1},
	}, false)
	c.put(wire.PutHeader{Flags: wire.FlagAckRequested | wire.FlagProperties, GUID: wire.GUID{1, 1}, Schema: 3}, append(properties, "payload"...))
	require.Equal(t, wire.AckSuccess, c.ack())
	large := bytes.Repeat([]byte("x"), 5000)
	deflated, smaller := wire.Deflate(nil, large)
	require.True(t, smaller)
	c.put(wire.PutHeader{Flags: wire.FlagAckRequested, GUID: wire.GUID{1, 2}, Compression: wire.CompressionZlib}, deflated)
	require.Equal(t, wire.AckSuccess, c.ack())

	list := b.Messages(queue, "", 0, 10)
	require.Len(t, list, 2)
	require.Equal(t, []bmqtest.Pending{{App: "__default"}}, list[0].Pending)
	got, payload, err := list[0].Decode()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"b": []byte{1, 2}, "n": int64(-7), "s": "text", "t": true}, got)
	require.Equal(t, "payload", string(payload))
	got, payload, err = list[1].Decode()
	require.NoError(t, err)
	require.Empty(t, got)
	require.Equal(t, large, payload)

	messages, size, err := b.Purge(queue, "__default")
	require.NoError(t, err)
	require.EqualValues(t, 2, messages)
	require.EqualValues(t, len(properties)+len("payload")+len(deflated), size)
	_, _, err = b.Purge(queue, "other")
	require.ErrorContains(t, err, `has no application "other"`)
	_, _, err = b.Purge("bmq://nope/q", "")
	require.ErrorContains(t, err, `there is no queue "bmq://nope/q"`)
}

func TestFaultsThatCanNotStrikeAreRefused(t *testing.T) {
	b := bmqtest.Start(t)
	for want, f := range map[string]bmqtest.Fault{
		"On has to be one of connecting, negotiating": {Do: bmqtest.Cut},
		"Do has to be one of [drop refuse]":           {On: bmqtest.Posting, Do: bmqtest.Corrupt},
		"Event is for receiving and sending":          {On: bmqtest.Posting, Do: bmqtest.Drop, Event: bmqtest.EventPut},
		"Request is for requesting":                   {On: bmqtest.Sending, Do: bmqtest.Drop, Request: bmqtest.OpenQueue},
		"Queue is for requesting and posting":         {On: bmqtest.Sending, Do: bmqtest.Drop, Queue: queue},
		"Client is not for connecting":                {On: bmqtest.Connecting, Do: bmqtest.Cut, Client: "app"},
		"Wait is for delay, which needs it":           {On: bmqtest.Sending, Do: bmqtest.Delay},
		"can't be negative":                           {On: bmqtest.Sending, Do: bmqtest.Drop, Times: -1},
		"Bytes is for cut, truncate and corrupt":      {On: bmqtest.Requesting, Do: bmqtest.Cut, Bytes: 1},
		"Status is for refuse":                        {On: bmqtest.Requesting, Do: bmqtest.Drop, Status: bmqtest.Status{Code: 1}},
		"Ack is for refuse":                           {On: bmqtest.Posting, Do: bmqtest.Drop, Ack: bmqtest.NackUnknown},
	} {
		func() {
			defer func() { require.ErrorContains(t, recover().(error), want) }()
			b.Inject(f)
		}()
	}
}

func TestOneConnectionCanBeDropped(t *testing.T) {
	b := bmqtest.Start(t)
	c, other := dial(t, b), dial(t, b)
	c.negotiated()
	other.negotiated()
	require.True(t, b.DropConnection(b.Connections()[0].ID))
	_, err := c.next()
	require.Error(t, err)
	require.Len(t, b.Connections(), 1)
	require.False(t, b.DropConnection(99))
	require.Equal(t, 1, b.DropConnections(""))
}

// Types that nobody knows come from clients of another version, or hostile ones.
func TestAPropertyOfAnUnknownTypeIsBytes(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "mine", Subscriptions: map[string]string{"": "x > 1 || y > 1"}}))
	c := dial(t, b)
	c.negotiated()
	require.Nil(t, c.open("bmq://mine/q"))
	post := func(id, typ byte) {
		properties := wire.AppendProperties(nil, []wire.Property{
			{Name: "x", Type: wire.PropertyBinary, Bin: []byte{1, 2, 3}}, {Name: "y", Type: wire.PropertyInt32, Num: 2},
		}, false)
		require.EqualValues(t, wire.PropertyBinary, properties[6]>>2)
		properties[6] = typ << 2
		c.put(wire.PutHeader{Flags: wire.FlagAckRequested | wire.FlagProperties, GUID: wire.GUID{1, id}, Schema: 3}, append(properties, "payload"...))
		require.Equal(t, wire.AckSuccess, c.ack())
	}
	types := []byte{0, 8, 31, byte(wire.PropertyBinary)}
	d, _ := b.Domain("mine")
	id := byte(0)
	for _, c := range []struct {
		subscriptions map[string]string
		stored        int
	}{
		{d.Subscriptions, 0},
		{map[string]string{"": "y > 1"}, 1}, // expressions see no properties where not all can be read
		{nil, 5},
	} {
		d.Subscriptions = c.subscriptions
		require.NoError(t, b.SetDomain(d))
		for _, typ := range types {
			id++
			post(id, typ)
		}
		require.Len(t, b.Messages("bmq://mine/q", "", 0, 10), c.stored)
	}
	list := b.Messages("bmq://mine/q", "", 0, 10)
	for _, m := range list {
		properties, payload, err := m.Decode()
		require.NoError(t, err)
		require.Equal(t, map[string]any{"x": []byte{1, 2, 3}, "y": int64(2)}, properties)
		require.Equal(t, "payload", string(payload))
	}
}
