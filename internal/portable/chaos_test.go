package portable

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// chaos is a session whose broker refuses, delays and hangs up at random, and whose
// application does this and that.
type chaos struct {
	*scene
	mu     sync.Mutex
	luck   *rand.Rand // the broker's
	random *rand.Rand // the application's
	calm   bool       // the broker agrees to everything at once
	broker atomic.Pointer[chaosBroker]

	clients []*chaosClient
	posts   map[int]bool // accepted, not answered
	post    int
	ops     map[string]int // answers that are awaited
}

type chaosClient struct {
	name string
	mode mode
	q    engine.Queue // nil: not open
	busy bool         // opening or closing
}

func (ch *chaos) chance(percent int) bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return !ch.calm && ch.luck.IntN(100) < percent
}

// chaosBroker is the broker's side of one connection. It works on requests one by one.
type chaosBroker struct {
	ch         *chaos
	conn       net.Conn
	mu         sync.Mutex
	configured map[string]int64 // limit of messages of what is being delivered, by URI
	qids       map[uint32]map[uint32]string
}

func (ch *chaos) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if ch.chance(20) {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	b := &chaosBroker{ch: ch, conn: theirs, configured: make(map[string]int64), qids: make(map[uint32]map[uint32]string)}
	ch.broker.Store(b)
	go b.run()
	return ours, nil
}

func (b *chaosBroker) run() {
	defer b.conn.Close()
	frames := framing.NewReader(b.conn, wire.MaxEventSize)
	if _, err := frames.Next(); err != nil || b.ch.chance(10) {
		return
	}
	hello := b.ch.response
	if b.ch.chance(20) {
		hello.BrokerIdentity.Features = noFeatures
	}
	b.send(&ctrl.NegotiationMessage{BrokerResponse: &hello})
	requests := make(chan *ctrl.ControlMessage, 1000)
	defer close(requests)
	go b.work(requests)
	for {
		frame, err := frames.Next()
		if err != nil {
			return
		}
		ev, _ := wire.ParseEvent(frame)
		switch ev.Type {
		case wire.EventControl:
			var msg ctrl.ControlMessage
			if err := ctrl.Decode(ev.Body, ev.Encoding, &msg); err != nil {
				panic(err)
			}
			requests <- &msg
		case wire.EventPut:
			b.acknowledge(ev.Body)
		}
		if b.ch.chance(2) {
			return
		}
	}
}

// acknowledge answers most posts.
func (b *chaosBroker) acknowledge(body []byte) {
	acks := wire.AppendRecordHeader(nil)
	r := wire.NewPutReader(body)
	for m := new(wire.PutMessage); r.Next(m); {
		if m.Flags&wire.FlagAckRequested != 0 && !b.ch.chance(20) {
			acks = wire.AppendAck(acks, &wire.Ack{GUID: m.GUID})
		}
	}
	_, _ = b.conn.Write(append(eventHeader(wire.EventAck, len(acks)), acks...))
}

func (b *chaosBroker) send(m ctrl.Message) {
	_, _ = b.conn.Write(ctrl.AppendEvent(nil, wire.EncodingBER, m))
}

func (b *chaosBroker) work(requests <-chan *ctrl.ControlMessage) {
	for req := range requests {
		switch {
		case b.ch.chance(5):
			time.Sleep(6 * time.Minute) // longer than any timeout
		case b.ch.chance(20):
			time.Sleep(time.Second)
		}
		if b.ch.chance(3) {
			_ = b.conn.Close()
			return
		}
		b.send(b.answer(req))
	}
}

func (b *chaosBroker) uri(qid uint32, appID string) string {
	for _, uri := range b.qids[qid] {
		if parsed := uriOf(uri); parsed.AppID == appID || parsed.AppID == "" && appID == ctrl.DefaultAppID {
			return uri
		}
	}
	return ""
}

func uriOf(text string) wire.URI {
	u, err := wire.ParseURI(text)
	if err != nil {
		panic(err)
	}
	return u
}

// answer does what a request asks for, or refuses.
func (b *chaosBroker) answer(req *ctrl.ControlMessage) *ctrl.ControlMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	resp := &ctrl.ControlMessage{RID: req.RID}
	refuse := func() *ctrl.ControlMessage {
		resp.Choice.Status = &ctrl.Status{Category: ctrl.StatusRefused, Code: -6, Message: "no"}
		return resp
	}
	switch c := &req.Choice; {
	case c.OpenQueue != nil:
		if b.ch.chance(10) {
			return refuse()
		}
		p := c.OpenQueue.HandleParameters
		if b.qids[p.QID] == nil {
			b.qids[p.QID] = make(map[uint32]string)
		}
		sub := uint32(0)
		if p.SubIDInfo != nil {
			sub = p.SubIDInfo.SubID
		}
		b.qids[p.QID][sub] = p.URI
		resp.Choice.OpenQueueResponse = &ctrl.OpenQueueResponse{OriginalRequest: *c.OpenQueue, DeduplicationTimeMs: 60_000}
	case c.CloseQueue != nil:
		p := c.CloseQueue.HandleParameters
		sub := uint32(0)
		if p.SubIDInfo != nil {
			sub = p.SubIDInfo.SubID
		}
		delete(b.configured, p.URI)
		delete(b.qids[p.QID], sub)
		if c.CloseQueue.IsFinal && len(b.qids[p.QID]) > 0 {
			panic(fmt.Sprintf("the final close of %s with %v open", p.URI, b.qids[p.QID]))
		}
		resp.Choice.CloseQueueResponse = &ctrl.Empty{}
	case c.ConfigureStream != nil:
		p := &c.ConfigureStream.StreamParameters
		limit := int64(0)
		if len(p.Subscriptions) > 0 {
			limit = p.Subscriptions[0].Consumers[0].MaxUnconfirmedMessages
		}
		if !b.configure(*req.RID, b.uri(c.ConfigureStream.QID, p.AppID), limit) {
			return refuse()
		}
		resp.Choice.ConfigureStreamResponse = &ctrl.ConfigureStreamResponse{Request: *c.ConfigureStream}
	case c.ConfigureQueueStream != nil:
		p := &c.ConfigureQueueStream.StreamParameters
		app := ctrl.DefaultAppID
		if p.SubIDInfo != nil {
			app = p.SubIDInfo.AppID
		}
		if !b.configure(*req.RID, b.uri(c.ConfigureQueueStream.QID, app), p.MaxUnconfirmedMessages) {
			return refuse()
		}
		resp.Choice.ConfigureQueueStreamResponse = &ctrl.ConfigureQueueStreamResponse{Request: *c.ConfigureQueueStream}
	case c.Disconnect != nil:
		resp.Choice.DisconnectResponse = &ctrl.Empty{}
	}
	return resp
}

// configure has a queue deliver, or not if the limit is 0. It answers false to refuse.
func (b *chaosBroker) configure(rid int32, uri string, limit int64) bool {
	if uri == "" || limit > 0 && b.ch.chance(10) && b.ch.canFail(rid) {
		return false
	}
	if delete(b.configured, uri); limit > 0 {
		b.configured[uri] = limit
	}
	return true
}

// canFail tells whether the session is expected to be as it was after a configure
// request was refused: a queue that is not resumed is not in use all the same.
func (ch *chaos) canFail(rid int32) bool {
	ch.s.mu.Lock()
	defer ch.s.mu.Unlock()
	r := ch.s.requests[rid]
	return r != nil && (r.kind == requestConfigure || r.kind == requestReconfigure)
}

// await notes that an answer has to come, and returns what takes it.
func (ch *chaos) await(op string) (answered func()) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	op = fmt.Sprint(op, " ", len(ch.ops))
	ch.ops[op] = 1
	return func() {
		ch.mu.Lock()
		defer ch.mu.Unlock()
		ch.ops[op]--
		if ch.ops[op] < 0 {
			panic(op + " was answered twice")
		}
	}
}

func (ch *chaos) OnSessionEvent(e engine.SessionEvent) {
	ch.rec.OnSessionEvent(e)
	if c, ok := e.Owner.(*chaosClient); ok && e.Type == eventQueueReopenResult && !e.Status.OK() {
		c.q = nil
	}
}

func (ch *chaos) OnMessages(b *engine.MessageBatch) { b.Release() }
func (ch *chaos) Awaiting() func()                  { return func() {} }

func (ch *chaos) OnAcks(b *engine.AckBatch) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for _, a := range b.Acks {
		if !ch.posts[a.Cookie.(int)] {
			panic(fmt.Sprintf("post %v was answered, and nobody waits", a.Cookie))
		}
		delete(ch.posts, a.Cookie.(int))
	}
	b.Release()
}

// act does something at random.
func (ch *chaos) act() string {
	n := ch.random.IntN
	c := ch.clients[n(len(ch.clients))]
	timeout := []time.Duration{time.Second, 5 * time.Minute}[n(2)]
	opts := limited(int64(1 + n(5)))
	opts.SuspendsOnBadHostHealth = n(2) == 0
	switch action := n(10); {
	case action < 2 && c.q == nil && !c.busy:
		c.busy = true
		answered := ch.await("open")
		ch.s.OpenQueue(engine.OpenRequest{
			URI: uri(c.name), Read: c.mode&reader != 0, Write: c.mode&writer != 0, Options: opts, Timeout: timeout, Owner: c,
		}, func(q engine.Queue, _ engine.Status) {
			c.q, c.busy = q, false
			answered()
		})
		return "open " + c.name
	case action == 2 && c.q != nil && !c.busy:
		c.busy = true
		answered := ch.await("close")
		c.q.Close(timeout, func(engine.Status) {
			c.q, c.busy = nil, false
			answered()
		})
		return "close " + c.name
	case action == 3 && c.q != nil:
		answered := ch.await("configure")
		c.q.Configure(opts, timeout, func(engine.Status) { answered() })
		return "configure " + c.name
	case action < 6 && c.q != nil && c.mode&writer != 0:
		q := c.q // a post may cost the connection, and that the queue, while this goes on
		for range 1 + n(5) {
			ch.mu.Lock()
			ch.post++
			cookie := ch.post
			ch.posts[cookie] = true
			ch.mu.Unlock()
			if st := q.Post(context.Background(), engine.Put{Payload: make([]byte, 1+n(2000)), WantAck: true, Cookie: cookie}); !st.OK() {
				ch.mu.Lock()
				delete(ch.posts, cookie)
				ch.mu.Unlock()
			}
		}
		return "post " + c.name
	case action == 6:
		healthy := n(2) == 0
		ch.s.SetHostHealth(healthy)
		return fmt.Sprint("healthy ", healthy)
	case action == 7:
		d := []time.Duration{time.Second, time.Minute, 7 * time.Minute}[n(3)]
		time.Sleep(d)
		return fmt.Sprint("pass ", d)
	case action == 8 && n(4) == 0:
		_ = ch.broker.Load().conn.Close()
		return "drop"
	}
	return ""
}

// check looks whether all queues are either in use or about to be, and whether the
// session's books are right.
func (ch *chaos) check(t *testing.T) {
	s := ch.s
	s.mu.Lock()
	defer s.mu.Unlock()
	routes := make(map[routeKey]*subscription)
	open := make(map[*stream]int)
	for _, q := range s.queues {
		switch q.state {
		case queueOpened:
			require.Nil(t, q.request)
			require.Equal(t, stateStarted, s.state)
		case queuePending:
			require.Equal(t, stateReconnecting, s.state)
		default:
			require.NotNil(t, q.request, "%v", q.state)
			require.NotNil(t, q.timer, "%v", q.state)
			sent := s.requests[q.request.rid] == q.request
			require.True(t, sent || slices.Contains(s.kept, q.request), "%v: nobody will answer", q.state)
		}
		if q.configuring != nil {
			require.True(t, s.requests[q.configuring.rid] == q.configuring || slices.Contains(s.kept, q.configuring))
		}
		for key, sub := range q.allRoutes {
			routes[key] = sub
		}
		if !q.parted {
			open[q.stream]++
		}
		if s.health.pending[q] == nil {
			require.Equal(t, q.suspended, q.gate.suspended)
		}
	}
	require.Equal(t, len(routes), len(s.routes.table))
	for _, st := range s.streams {
		require.Equal(t, open[st], st.open)
		require.NotZero(t, st.open)
	}
	if s.state == stateStarted {
		require.Equal(t, s.reopens <= 0, s.restored)
	}
}

// settled checks that the broker delivers what it should when nothing goes on any more.
func (ch *chaos) settled(t *testing.T) {
	ch.s.mu.Lock()
	defer ch.s.mu.Unlock()
	require.Equal(t, stateStarted, ch.s.state)
	require.Empty(t, ch.s.requests)
	require.Empty(t, ch.s.kept)
	b := ch.broker.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	want := make(map[string]int64)
	for _, q := range ch.s.queues {
		require.Equal(t, queueOpened, q.state)
		require.Equal(t, ch.s.health.suspends(q), q.suspended)
		if q.req.Read && !q.suspended {
			want[q.uri] = q.options.MaxUnconfirmedMessages
		}
	}
	require.Equal(t, want, b.configured)
	require.Equal(t, !ch.s.health.healthy, ch.s.health.bad)
}

func TestASessionUnderRandomFaults(t *testing.T) {
	seeds := uint64(300)
	if raceEnabled || testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			ch := &chaos{
				scene: newScene(t), luck: rand.New(rand.NewPCG(seed, 1)), random: rand.New(rand.NewPCG(seed, 2)),
				posts: make(map[int]bool), ops: make(map[string]int),
			}
			ch.cfg.Dial, ch.cfg.Handler = ch.dial, ch
			for _, name := range []string{"q?id=foo", "q?id=bar", "q", "p", "rw"} {
				m := map[string]mode{"q": writer, "rw": reader | writer}[name]
				ch.clients = append(ch.clients, &chaosClient{name: name, mode: max(m, reader)})
			}
			var story []string
			defer func() {
				if t.Failed() {
					t.Logf("seed %d: %v\n%v", seed, story, ch.logs.String())
				}
			}()
			ch.s = New(ch.cfg)
			require.True(t, ch.s.Start(t.Context()).OK())
			for range 150 {
				story = append(story, ch.act())
				synctest.Wait()
				ch.check(t)
			}
			ch.mu.Lock()
			ch.calm = true
			ch.mu.Unlock()
			time.Sleep(30 * time.Minute)
			synctest.Wait()
			ch.check(t)
			ch.settled(t)
			ch.s.Stop(t.Context())
			synctest.Wait()
			require.Empty(t, ch.posts, "posts without an answer")
			for _, n := range slices.Collect(maps.Values(ch.ops)) {
				require.Zero(t, n, "an operation without an answer")
			}
			require.Empty(t, ch.s.streams)
			require.Empty(t, ch.s.routes.table)
			require.Zero(t, ch.s.out.pending.n)
			_ = ch.broker.Load().conn.Close()
		})
		if t.Failed() {
			return
		}
	}
}
