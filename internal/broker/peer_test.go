package broker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a broker on a memory network, inside a bubble of its own.
type world struct {
	t       *testing.T
	broker  *broker.Broker
	network broker.MemoryNetwork
}

// inWorld runs f with a broker in a bubble of testing/synctest: whatever the
// broker does is done when a peer looks at what it received.
func inWorld(t *testing.T, config broker.Config, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, err := broker.New(config)
		require.NoError(t, err)
		w := &world{t: t, broker: b}
		w.serve()
		defer b.Kill()
		f(t, w)
	})
}

func (w *world) serve() {
	l, err := w.network.Listen()
	require.NoError(w.t, err)
	require.NoError(w.t, w.broker.Serve(l))
}

// peer is a client that does exactly what it is told.
type peer struct {
	t        *testing.T
	conn     net.Conn
	encoding wire.Encoding
	rid      int32
	counter  uint32
	number   byte

	mu     sync.Mutex
	events []wire.Event
	err    error // why the connection ended
}

var peers byte

// dial opens a connection and sends nothing.
func (w *world) dial() *peer {
	conn, err := w.network.DialContext(context.Background())
	require.NoError(w.t, err)
	peers++
	p := &peer{t: w.t, conn: conn, number: peers}
	go p.read()
	w.t.Cleanup(func() { _ = conn.Close() })
	return p
}

func (p *peer) read() {
	r := framing.NewReader(p.conn, wire.MaxEventSize)
	for {
		frame, err := r.Next()
		if err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
			return
		}
		ev, err := wire.ParseEvent(append([]byte(nil), frame...))
		if err != nil {
			panic(err)
		}
		p.mu.Lock()
		p.events = append(p.events, ev)
		p.mu.Unlock()
	}
}

// defaultIdentity is that of the C++ SDK.
func defaultIdentity() ctrl.ClientIdentity {
	return ctrl.ClientIdentity{
		ProtocolVersion: 1, SDKVersion: 999999, ClientType: ctrl.ClientTCPClient, ProcessName: "peer", SessionID: 1,
		Features:      "PROTOCOL_ENCODING:BER,JSON;MPS:MESSAGE_PROPERTIES_EX",
		ClusterNodeID: -1, SDKLanguage: ctrl.LanguageCPP,
		GUIDInfo: ctrl.GUIDInfo{ClientID: "0123456789AB", NanoSecondsFromEpoch: 1},
	}
}

// client connects and negotiates as the C++ SDK does.
func (w *world) client() *peer { return w.clientAs(defaultIdentity()) }

func (w *world) clientAs(id ctrl.ClientIdentity) *peer {
	p := w.dial()
	if !ctrl.HasFeature(id.Features, ctrl.FeatureEncoding, "BER") {
		p.encoding = wire.EncodingJSON
	}
	r := p.negotiate(id)
	require.Equal(w.t, ctrl.StatusSuccess, r.Result.Category, r.Result.Message)
	return p
}

func (p *peer) negotiate(id ctrl.ClientIdentity) ctrl.BrokerResponse {
	p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.NegotiationMessage{ClientIdentity: &id}))
	var m ctrl.NegotiationMessage
	p.decode(p.one(wire.EventControl), &m)
	require.NotNil(p.t, m.BrokerResponse)
	return *m.BrokerResponse
}

func (p *peer) decode(ev wire.Event, m ctrl.Message) {
	require.Equal(p.t, p.encoding, ev.Encoding)
	require.NoError(p.t, ctrl.Decode(ev.Body, ev.Encoding, m))
}

func (p *peer) write(b []byte) {
	_, err := p.conn.Write(b)
	require.NoError(p.t, err)
}

// settle waits until nothing happens any more.
func (p *peer) settle() { synctest.Wait() }

// take removes and returns the events of one type that have come, after things
// have settled.
func (p *peer) take(t wire.EventType) []wire.Event {
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	var taken, rest []wire.Event
	for _, ev := range p.events {
		if ev.Type == t {
			taken = append(taken, ev)
		} else {
			rest = append(rest, ev)
		}
	}
	p.events = rest
	return taken
}

func (p *peer) one(t wire.EventType) wire.Event {
	p.t.Helper()
	list := p.take(t)
	require.Len(p.t, list, 1, "%s events", t)
	return list[0]
}

// ended tells whether the broker closed the connection.
func (p *peer) ended() bool {
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil && (errors.Is(p.err, io.EOF) || errors.Is(p.err, io.ErrUnexpectedEOF))
}

// silent tells whether nothing has come.
func (p *peer) silent() bool {
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events) == 0
}

// send sends a request and returns its id.
func (p *peer) send(c ctrl.Choice) int32 {
	p.rid++
	id := p.rid
	p.write(ctrl.AppendEvent(nil, p.encoding, &ctrl.ControlMessage{RID: &id, Choice: c}))
	return id
}

// request sends a request and returns its answer.
func (p *peer) request(c ctrl.Choice) ctrl.Choice {
	p.t.Helper()
	id := p.send(c)
	var m ctrl.ControlMessage
	p.decode(p.one(wire.EventControl), &m)
	require.NotNil(p.t, m.RID)
	require.Equal(p.t, id, *m.RID)
	return m.Choice
}

// params are handle parameters whose counts follow from the flags.
func params(uri string, qid uint32, flags uint64) ctrl.QueueHandleParameters {
	p := ctrl.QueueHandleParameters{URI: uri, QID: qid, Flags: flags}
	if flags&ctrl.QueueFlagRead != 0 {
		p.ReadCount = 1
	}
	if flags&ctrl.QueueFlagWrite != 0 {
		p.WriteCount = 1
	}
	return p
}

const (
	read  = ctrl.QueueFlagRead
	write = ctrl.QueueFlagWrite
)

func (p *peer) tryOpen(h ctrl.QueueHandleParameters) (*ctrl.OpenQueueResponse, *ctrl.Status) {
	p.t.Helper()
	c := p.request(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: h}})
	return c.OpenQueueResponse, c.Status
}

func (p *peer) openWith(h ctrl.QueueHandleParameters) {
	p.t.Helper()
	r, failed := p.tryOpen(h)
	require.Nil(p.t, failed)
	require.Equal(p.t, h, r.OriginalRequest.HandleParameters)
}

func (p *peer) open(uri string, qid uint32, flags uint64) {
	p.t.Helper()
	p.openWith(params(uri, qid, flags))
}

// openApp opens a fanout queue for an application.
func (p *peer) openApp(uri string, qid, subID uint32, app string) {
	p.t.Helper()
	h := params(uri+"?id="+app, qid, read)
	h.SubIDInfo = &ctrl.SubQueueIDInfo{SubID: subID, AppID: app}
	p.openWith(h)
}

// sub is a subscription with the limits and the priority that SDKs use by default.
func sub(sid uint32) ctrl.Subscription {
	return ctrl.Subscription{SID: sid, Consumers: []ctrl.ConsumerInfo{{
		MaxUnconfirmedMessages: 1000, MaxUnconfirmedBytes: 32 << 20, ConsumerPriority: 0, ConsumerPriorityCount: 1,
	}}}
}

func withWindow(s ctrl.Subscription, messages, bytes int64) ctrl.Subscription {
	s.Consumers[0].MaxUnconfirmedMessages, s.Consumers[0].MaxUnconfirmedBytes = messages, bytes
	return s
}

func withPriority(s ctrl.Subscription, priority int32) ctrl.Subscription {
	s.Consumers[0].ConsumerPriority = priority
	return s
}

func withExpression(s ctrl.Subscription, text string) ctrl.Subscription {
	s.Expression = ctrl.Expression{Version: ctrl.ExpressionVersion1, Text: text}
	return s
}

func (p *peer) configureApp(qid uint32, app string, subs ...ctrl.Subscription) {
	p.t.Helper()
	req := ctrl.ConfigureStream{QID: qid, StreamParameters: ctrl.StreamParameters{AppID: app, Subscriptions: subs}}
	c := p.request(ctrl.Choice{ConfigureStream: &req})
	require.Nil(p.t, c.Status)
	require.Equal(p.t, req, c.ConfigureStreamResponse.Request)
}

func (p *peer) configure(qid uint32, subs ...ctrl.Subscription) {
	p.t.Helper()
	p.configureApp(qid, ctrl.DefaultAppID, subs...)
}

// consume opens and configures a queue for reading.
func (p *peer) consume(uri string, qid, sid uint32) {
	p.t.Helper()
	p.open(uri, qid, read)
	p.configure(qid, sub(sid))
}

func (p *peer) close(h ctrl.QueueHandleParameters, final bool) {
	p.t.Helper()
	c := p.request(ctrl.Choice{CloseQueue: &ctrl.CloseQueue{HandleParameters: h, IsFinal: final}})
	require.NotNil(p.t, c.CloseQueueResponse, "%+v", c.Status)
}

func (p *peer) disconnect() {
	p.t.Helper()
	require.NotNil(p.t, p.request(ctrl.Choice{Disconnect: &ctrl.Empty{}}).DisconnectResponse)
}

// guid makes a new GUID.
func (p *peer) guid() (g wire.GUID) {
	p.counter++
	g[0] = 0x40
	binary.BigEndian.PutUint32(g[4:], p.counter)
	g[15] = p.number
	return g
}

// put is a PUT message without options.
type put struct {
	wire.PutHeader
	data []byte
}

func (p *peer) message(qid uint32, data string) put {
	return put{wire.PutHeader{Flags: wire.FlagAckRequested, QueueID: int32(qid), GUID: p.guid()}, []byte(data)}
}

// post sends messages in one event.
func (p *peer) post(list ...put) {
	b := wire.AppendEventHeader(nil, wire.EventPut, 0)
	for i := range list {
		m := &list[i]
		m.CRC = wire.Checksum(m.data)
		b = wire.AppendPutHeader(b, &m.PutHeader, 0, len(m.data))
		b = append(b, m.data...)
		b = wire.AppendPadding(b, len(m.data))
	}
	wire.FinishEvent(b, 0)
	p.write(b)
}

// produce posts texts to a queue and expects them to be accepted.
func (p *peer) produce(qid uint32, texts ...string) []wire.GUID {
	p.t.Helper()
	var list []put
	for _, text := range texts {
		list = append(list, p.message(qid, text))
	}
	p.post(list...)
	var guids []wire.GUID
	for i, a := range p.acks() {
		require.Equal(p.t, wire.AckSuccess, a.Status)
		require.Equal(p.t, list[i].GUID, a.GUID)
		guids = append(guids, a.GUID)
	}
	require.Len(p.t, guids, len(texts))
	return guids
}

// acks removes and returns the ACKs that have come.
func (p *peer) acks() []wire.Ack { return p.ackRecords(p.take(wire.EventAck)) }

func (p *peer) ackRecords(events []wire.Event) (list []wire.Ack) {
	for _, ev := range events {
		r, err := wire.NewAckReader(ev.Body)
		require.NoError(p.t, err)
		var a wire.Ack
		for r.Next(&a) {
			list = append(list, a)
		}
	}
	return list
}

// statuses are those of the ACKs that have come.
func (p *peer) statuses() (list []wire.AckStatus) {
	for _, a := range p.acks() {
		list = append(list, a.Status)
	}
	return list
}

// pushed is a PUSH message.
type pushed struct {
	wire.PushHeader
	ids  []uint32
	data string
}

// pushes removes and returns the messages that have come.
func (p *peer) pushes() []pushed { return p.pushRecords(p.take(wire.EventPush)) }

func (p *peer) pushRecords(events []wire.Event) (list []pushed) {
	for _, ev := range events {
		r := wire.NewPushReader(ev.Body)
		var m wire.PushMessage
		for r.Next(&m) {
			refs, err := wire.AppendSubscriptions(nil, m.Options)
			require.NoError(p.t, err)
			out := pushed{PushHeader: m.PushHeader, data: string(m.Data)}
			for _, ref := range refs {
				out.ids = append(out.ids, ref.ID)
			}
			list = append(list, out)
		}
		require.NoError(p.t, r.Err())
	}
	return list
}

// texts are the contents of the messages that have come.
func (p *peer) texts() (list []string) {
	p.t.Helper()
	for _, m := range p.pushes() {
		list = append(list, m.data)
	}
	return list
}

// confirm confirms messages in one event.
func (p *peer) confirm(qid, subID uint32, guids ...wire.GUID) {
	b := wire.AppendEventHeader(nil, wire.EventConfirm, 0)
	b = wire.AppendRecordHeader(b)
	for _, g := range guids {
		b = wire.AppendConfirm(b, &wire.Confirm{QueueID: int32(qid), GUID: g, SubQueueID: subID})
	}
	wire.FinishEvent(b, 0)
	p.write(b)
}

// vanish drops the connection without a word.
func (p *peer) vanish() {
	require.NoError(p.t, p.conn.Close())
	p.settle()
}

// after lets time pass, for the broker and everybody else.
func after(d time.Duration) { time.Sleep(d) }
