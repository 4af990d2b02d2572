package portable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestMain(m *testing.M) {
	watchEdges()
	goleak.VerifyTestMain(m)
}

// scene is one session and the broker that the test plays. Everything happens in
// virtual time.
type scene struct {
	*testing.T
	cfg    engine.Config
	s      *Session
	dials  chan net.Conn // the broker's ends of new connections
	refuse atomic.Bool   // nobody listens
	logs   bytes.Buffer
	rec    *recorder

	// What the broker says of itself.
	response ctrl.BrokerResponse
}

const allFeatures = "PROTOCOL_ENCODING:BER,JSON;MPS:MESSAGE_PROPERTIES_EX;SUBSCRIPTIONS:CONFIGURE_STREAM"

// play runs a test in a bubble of virtual time. The session is stopped at its end.
func play(t *testing.T, test func(*testing.T, *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sc := newScene(t)
		defer sc.end()
		test(t, sc)
	})
}

func newScene(t *testing.T) *scene {
	sc := &scene{T: t, dials: make(chan net.Conn), rec: newRecorder()}
	sc.cfg = engine.Config{
		BrokerURI: "tcp://broker:30114", ProcessName: "test",
		ConnectTimeout: time.Minute, DisconnectTimeout: 30 * time.Second,
		OpenQueueTimeout: 5 * time.Minute, ConfigureQueueTimeout: 5 * time.Minute, CloseQueueTimeout: 5 * time.Minute,
		ChannelHighWatermark: 128 << 20, ChannelWriteTimeout: 5 * time.Second,
		HostHealthy: true, Dial: sc.dial, Handler: sc.rec,
		Logger: slog.New(slog.NewTextHandler(&lockedWriter{w: &sc.logs}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	sc.response = ctrl.BrokerResponse{
		Result: ctrl.Status{Category: ctrl.StatusSuccess}, ProtocolVersion: 1, BrokerVersion: 999999,
		BrokerIdentity: ctrl.ClientIdentity{ClientType: ctrl.ClientTCPBroker, Features: allFeatures},
	}
	return sc
}

func (sc *scene) end() {
	if sc.s == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sc.s.Stop(ctx)
	synctest.Wait()
	if sc.Failed() {
		sc.Log(sc.logs.String())
	}
}

func (sc *scene) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if sc.refuse.Load() {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	select {
	case sc.dials <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin starts the session without playing the broker; its result is recorded.
func (sc *scene) begin() {
	sc.s = New(sc.cfg)
	go func() { sc.rec.note("start " + codeName(sc.s.Start(context.Background()))) }()
}

// up starts the session and agrees to it.
func (sc *scene) up() *link {
	sc.Helper()
	sc.begin()
	l := sc.accept()
	l.negotiate()
	sc.expect("CONNECTED", "start ok")
	return l
}

// back agrees to the next connection of the session.
func (sc *scene) back() *link {
	sc.Helper()
	l := sc.accept()
	l.negotiate()
	return l
}

// accept waits for the next connection.
func (sc *scene) accept() *link {
	conn := <-sc.dials
	return &link{scene: sc, conn: conn, reader: framing.NewReader(conn, wire.MaxEventSize)}
}

// expect waits until nothing moves any more and checks what was recorded since it
// was called last.
func (sc *scene) expect(want ...string) {
	sc.Helper()
	synctest.Wait()
	got := sc.rec.take()
	if len(want) == 0 {
		require.Empty(sc, got)
		return
	}
	require.Equal(sc, want, got)
}

// expectAll is expect where goroutines race to be recorded first.
func (sc *scene) expectAll(want ...string) {
	sc.Helper()
	synctest.Wait()
	require.ElementsMatch(sc, want, sc.rec.take())
}

// pass lets virtual time pass.
func (sc *scene) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// link is the broker's end of one connection.
type link struct {
	*scene
	conn   net.Conn
	reader *framing.Reader
}

// patience is how long in virtual time a peer waits for what has to come. It is less
// than any timeout of the session.
const patience = 10 * time.Second

func (l *link) read(d time.Duration) (wire.Event, error) {
	_ = l.conn.SetReadDeadline(time.Now().Add(d))
	frame, err := l.reader.Next()
	if err != nil {
		return wire.Event{}, err
	}
	return wire.ParseEvent(bytes.Clone(frame))
}

// next returns the next event from the session, which has to have a certain type.
func (l *link) next(typ wire.EventType) wire.Event {
	l.Helper()
	ev, err := l.read(patience)
	require.NoError(l, err, "no %v came", typ)
	require.Equal(l, typ.String(), ev.Type.String())
	return ev
}

// silent checks that the session sends nothing for some time.
func (l *link) silent(d time.Duration) {
	l.Helper()
	ev, err := l.read(d)
	require.ErrorIs(l, err, os.ErrDeadlineExceeded, "got %v", ev.Type)
}

// gone checks that the session closes the connection.
func (l *link) gone() {
	l.Helper()
	_, err := l.read(patience)
	require.ErrorIs(l, err, io.EOF)
}

// drop cuts the connection.
func (l *link) drop() {
	_ = l.conn.Close()
	synctest.Wait()
}

// send sends bytes as they are.
func (l *link) send(b []byte) {
	l.Helper()
	_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.conn.Write(b)
	require.NoError(l, err)
}

// event sends an event with the given body.
func (l *link) event(typ wire.EventType, body []byte) {
	l.Helper()
	l.send(append(eventHeader(typ, len(body)), body...))
}

func eventHeader(typ wire.EventType, body int) []byte {
	h := make([]byte, wire.EventHeaderSize)
	wire.PutEventHeader(h, typ, wire.EventHeaderSize+body, 0)
	return h
}

// negotiate takes the session's identity and agrees.
func (l *link) negotiate() *ctrl.ClientIdentity {
	l.Helper()
	id := l.identity()
	l.control(&ctrl.NegotiationMessage{BrokerResponse: &l.response})
	synctest.Wait()
	return id
}

func (l *link) identity() *ctrl.ClientIdentity {
	l.Helper()
	ev := l.next(wire.EventControl)
	var msg ctrl.NegotiationMessage
	require.NoError(l, ctrl.Decode(ev.Body, ev.Encoding, &msg))
	require.NotNil(l, msg.ClientIdentity)
	return msg.ClientIdentity
}

func (l *link) control(m ctrl.Message) {
	l.Helper()
	l.send(ctrl.AppendEvent(nil, wire.EncodingBER, m))
}

// request returns the next event, which has to be a request of the given kind.
func (l *link) request(kind string) *ctrl.ControlMessage {
	l.Helper()
	ev := l.next(wire.EventControl)
	var msg ctrl.ControlMessage
	require.NoError(l, ctrl.Decode(ev.Body, ev.Encoding, &msg))
	require.Equal(l, kind, kindOf(&msg.Choice))
	require.NotNil(l, msg.RID)
	return &msg
}

const (
	openQueue  = "openQueue"
	closeQueue = "closeQueue"
	configure  = "configureStream"   // with subscriptions
	deconfig   = "deconfigureStream" // without
	oldConfig  = "configureQueueStream"
	oldDeconf  = "deconfigureQueueStream"
	disconnect = "disconnect"
)

func kindOf(c *ctrl.Choice) string {
	switch {
	case c.OpenQueue != nil:
		return openQueue
	case c.CloseQueue != nil:
		return closeQueue
	case c.ConfigureStream != nil && len(c.ConfigureStream.StreamParameters.Subscriptions) > 0:
		return configure
	case c.ConfigureStream != nil:
		return deconfig
	case c.ConfigureQueueStream != nil && c.ConfigureQueueStream.StreamParameters.ConsumerPriority != ctrl.InvalidPriority:
		return oldConfig
	case c.ConfigureQueueStream != nil:
		return oldDeconf
	case c.Disconnect != nil:
		return disconnect
	}
	return fmt.Sprintf("%+v", c)
}

// routing flags of a domain, for answer.
type domain struct {
	flags uint64
	dedup time.Duration
}

var priority = domain{ctrl.RoutingDeliverConsumerPriority, 5 * time.Minute}

// agree answers a request as a broker does that agrees.
func (l *link) agree(req *ctrl.ControlMessage) { l.Helper(); l.agreeFor(req, priority) }

func (l *link) agreeFor(req *ctrl.ControlMessage, d domain) {
	l.Helper()
	resp := ctrl.ControlMessage{RID: req.RID}
	switch c := &req.Choice; {
	case c.OpenQueue != nil:
		resp.Choice.OpenQueueResponse = &ctrl.OpenQueueResponse{
			OriginalRequest: *c.OpenQueue, RoutingConfiguration: ctrl.RoutingConfiguration{Flags: d.flags},
			DeduplicationTimeMs: int32(d.dedup.Milliseconds()),
		}
	case c.CloseQueue != nil:
		resp.Choice.CloseQueueResponse = &ctrl.Empty{}
	case c.ConfigureStream != nil:
		resp.Choice.ConfigureStreamResponse = &ctrl.ConfigureStreamResponse{Request: *c.ConfigureStream}
	case c.ConfigureQueueStream != nil:
		resp.Choice.ConfigureQueueStreamResponse = &ctrl.ConfigureQueueStreamResponse{Request: *c.ConfigureQueueStream}
	case c.Disconnect != nil:
		resp.Choice.DisconnectResponse = &ctrl.Empty{}
	}
	l.control(&resp)
	synctest.Wait()
}

// deny answers a request with a failure.
func (l *link) deny(req *ctrl.ControlMessage, category ctrl.StatusCategory, text string) {
	l.Helper()
	l.control(&ctrl.ControlMessage{RID: req.RID, Choice: ctrl.Choice{Status: &ctrl.Status{Category: category, Code: -1000, Message: text}}})
	synctest.Wait()
}

// does takes requests of the given kinds one by one and agrees to each.
func (l *link) does(kinds ...string) {
	l.Helper()
	for _, kind := range kinds {
		l.agree(l.request(kind))
	}
}

// put is a message that the session sent.
type put struct {
	wire.PutHeader
	data string
	wire []byte
}

// puts returns the messages of the next event, which has to be a PUT.
func (l *link) puts() (list []put) {
	l.Helper()
	r := wire.NewPutReader(l.next(wire.EventPut).Body)
	for m := new(wire.PutMessage); r.Next(m); {
		require.Equal(l, wire.Checksum(m.Data), m.CRC)
		list = append(list, put{m.PutHeader, string(m.Data), m.Wire})
	}
	require.NoError(l, r.Err())
	return list
}

// messages returns the next n messages, in however many events they come.
func (l *link) messages(n int) (list []put) {
	l.Helper()
	for len(list) < n {
		list = append(list, l.puts()...)
	}
	require.Equal(l, n, len(list))
	return list
}

// ack answers posts.
func (l *link) ack(status wire.AckStatus, list ...put) {
	l.Helper()
	body := wire.AppendRecordHeader(nil)
	for i := range list {
		body = wire.AppendAck(body, &wire.Ack{Status: status, GUID: list[i].GUID, QueueID: list[i].QueueID})
	}
	l.event(wire.EventAck, body)
	synctest.Wait()
}

// confirms returns the records of the next event, which has to be a CONFIRM.
func (l *link) confirms() (list []wire.Confirm) {
	l.Helper()
	r, err := wire.NewConfirmReader(l.next(wire.EventConfirm).Body)
	require.NoError(l, err)
	for c := new(wire.Confirm); r.Next(c); {
		list = append(list, *c)
	}
	return list
}

// appendPush appends a PUSH message without properties for the given subscriptions.
func appendPush(b []byte, qid int32, guid byte, data string, ids ...uint32) []byte {
	options := []byte(nil)
	if len(ids) > 0 {
		options = wire.AppendSubQueueIDs(nil, ids...)
	}
	b = wire.AppendPushHeader(b, &wire.PushHeader{QueueID: qid, GUID: wire.GUID{0x40, 15: guid}}, len(options), len(data))
	b = append(append(b, options...), data...)
	return wire.AppendPadding(b, len(data))
}

func (l *link) push(qid int32, guid byte, data string, ids ...uint32) {
	l.Helper()
	l.event(wire.EventPush, appendPush(nil, qid, guid, data, ids...))
	synctest.Wait()
}

// lockedWriter is for logs.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(b)
}

var errRefused = errors.New("connection refused")
