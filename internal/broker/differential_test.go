package broker_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/officialbroker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// TestAnOfficialBrokerAnswersTheSame has the same clients do the same at random to this
// broker and to an official one, and compares all they get, field by field.
// BMQ_TEST_SEEDS says for how many seeds, or from which one on: 1000+20.
func TestAnOfficialBrokerAnswersTheSame(t *testing.T) {
	official := officialbroker.ForTest(t, officialbroker.Config{})
	first, seeds := 0, 5
	if text := os.Getenv("BMQ_TEST_SEEDS"); text != "" {
		if _, err := fmt.Sscanf(text, "%d+%d", &first, &seeds); err != nil {
			first = 0
			_, err := fmt.Sscan(text, &seeds)
			require.NoError(t, err)
		}
	}
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	require.NoError(t, b.Listen("127.0.0.1:0"))
	defer b.Kill()
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := &differential{t: t, addresses: [2]string{b.Address(), official.Address()}, random: mathrand.New(mathrand.NewPCG(uint64(seed), 1)), tag: rand.Text()[:8], ranked: seed%2 == 1, expressions: []string{""}}
			if d.ranked {
				d.expressions = [][]string{{""}, {"x > 2", "x <= 2"}, {"exists(x)"}, {"x >"}}[seed/2%4]
			}
			for range 2 {
				d.clients = append(d.clients, d.connect())
			}
			for range 120 {
				d.step()
			}
		})
	}
}

// rival is a client of one broker that keeps what it gets.
type rival struct {
	conn  net.Conn
	ended chan struct{} // closed when nothing more is read

	mu   sync.Mutex
	got  transcript
	last time.Time
}

func dialRival(t *testing.T, address, features string) *rival {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	require.NoError(t, err)
	r := &rival{conn: conn, ended: make(chan struct{}), last: time.Now()}
	t.Cleanup(func() {
		_ = conn.Close() // the client may have left
		<-r.ended
	})
	in := framing.NewReader(conn, wire.MaxEventSize)
	id := defaultIdentity()
	id.Features = features
	r.write(t, ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.NegotiationMessage{ClientIdentity: &id}))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	if _, err = in.Next(); err != nil {
		close(r.ended)
	}
	require.NoError(t, err, "negotiation")
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
	go func() {
		defer close(r.ended)
		for {
			frame, err := in.Next()
			if err != nil {
				return
			}
			ev, err := wire.ParseEvent(bytes.Clone(frame))
			if err != nil {
				return
			}
			r.mu.Lock()
			r.got.add(t, ev)
			r.last = time.Now()
			r.mu.Unlock()
		}
	}()
	return r
}

func (r *rival) write(t *testing.T, b []byte) {
	r.mu.Lock()
	r.last = time.Now()
	r.mu.Unlock()
	_, err := r.conn.Write(b)
	require.NoError(t, err)
}

// path is where a broker keeps its domains.
var path = regexp.MustCompile(`Domain file '.*/`)

// answers returns what has come, without what may differ, and for how long nothing has.
func (r *rival) answers() (tr transcript, quiet time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.got.control {
		if m, ok := c.(ctrl.ControlMessage); ok && m.Choice.Status != nil {
			status := *m.Choice.Status
			status.Message = path.ReplaceAllString(status.Message, "Domain file '")
			m.Choice.Status = &status
			c = m
		}
		tr.control = append(tr.control, c)
	}
	tr.acks = slices.Clone(r.got.acks)
	slices.SortStableFunc(tr.acks, func(a, b wire.Ack) int { return bytes.Compare(a.GUID[:], b.GUID[:]) })
	for _, m := range r.got.pushes {
		m.ids = slices.Sorted(slices.Values(m.ids))
		tr.pushes = append(tr.pushes, m)
	}
	// Applications of one session get a message in an order of their own.
	for i := 1; i < len(tr.pushes); i++ {
		a, b := &tr.pushes[i-1], &tr.pushes[i]
		if a.GUID == b.GUID && a.QueueID > b.QueueID {
			*a, *b = *b, *a
		}
	}
	return tr, time.Since(r.last)
}

// twin is a client of both brokers.
type twin struct {
	ours, theirs *rival
	held         []pushed // that it has not confirmed
	open         []ctrl.QueueHandleParameters
	old          bool // it reads old style properties, and posts none
	pushes       int  // that were looked at
	controls     int
}

type differential struct {
	t         *testing.T
	addresses [2]string // of this broker and of the official one
	random    *mathrand.Rand
	ranked    bool // consumers have priorities; else they have windows
	// expressions are for subscriptions. No message matches two of them: who gets it then
	// is left to chance by the official broker.
	expressions []string
	tag         string
	clients     []*twin
	sid         uint32
	rid         int32
	counter     uint32
	done        []string
	// again is what who has to send next: what it sent last was refused, and has its
	// effect in the official broker nevertheless, once consumers come or go.
	again *ctrl.ConfigureStream
	who   *twin
}

func (d *differential) connect() *twin {
	const properties = ";" + ctrl.FeatureProperties + ":" + ctrl.FeaturePropertiesEx
	features := pick(d, "PROTOCOL_ENCODING:BER,JSON"+properties, "PROTOCOL_ENCODING:JSON"+properties, "PROTOCOL_ENCODING:BER")
	return &twin{
		ours: dialRival(d.t, d.addresses[0], features), theirs: dialRival(d.t, d.addresses[1], features),
		old: !strings.HasSuffix(features, properties),
	}
}

// leave ends the connections of a client, which comes again with new ones.
func (d *differential) leave(i int, how string) {
	c := d.clients[i]
	d.done = append(d.done, fmt.Sprintf("client %d: %s", i, how))
	if how == "disconnect" {
		_, raw := d.request(ctrl.Choice{Disconnect: &ctrl.Empty{}})
		c.ours.write(d.t, raw)
		c.theirs.write(d.t, raw)
		d.settle(c, c.controls+2)
	}
	for _, r := range []*rival{c.ours, c.theirs} {
		require.NoError(d.t, r.conn.Close())
		<-r.ended
	}
	d.clients[i] = d.connect()
	d.settle(d.clients[i], 0)
}

func pick[T any](d *differential, from ...T) T { return from[d.random.IntN(len(from))] }

func (d *differential) uri() string {
	q := "bmq://bmq.test.mem."
	switch n := d.random.IntN(20); {
	case n < 9:
		return q + "priority/" + d.tag + pick(d, "a", "b")
	case n < 16:
		return q + "fanout/" + d.tag
	case n < 18:
		return q + "broadcast/" + d.tag
	default:
		return pick(d, "bmq://no.such.domain/q", "bmq:/x", q+"priority/", q+"priority/"+strings.Repeat("q", 70), q+"priority/a b", "")
	}
}

// step does one thing and waits until both brokers have said the same.
func (d *differential) step() {
	c := pick(d, d.clients...)
	var what string
	var raw []byte
	switch n := d.random.IntN(100); {
	case d.again != nil:
		c = d.who
		what, raw = d.request(ctrl.Choice{ConfigureStream: d.again})
		d.again = nil
	case n < 22:
		what, raw = d.request(d.open())
	case n < 45:
		d.who = c
		what, raw = d.request(d.configure())
	case n < 55:
		what, raw = d.request(d.close(c))
	case n < 85:
		what, raw = d.post(c)
	case n < 95 && len(c.held) > 0:
		what, raw = d.confirm(c)
	case n >= 97:
		d.leave(slices.Index(d.clients, c), pick(d, "disconnect", "vanish"))
		return
	default:
		what, raw = "heartbeat", wire.HeartbeatReq
	}
	d.done = append(d.done, fmt.Sprintf("client %d: %s", slices.Index(d.clients, c), what))
	controls := c.controls
	if wire.EventType(raw[4]&0x3f) == wire.EventControl {
		controls += 2 // the encoding is noted beside the answer
	}
	c.ours.write(d.t, raw)
	c.theirs.write(d.t, raw)
	d.settle(c, controls)
}

// settle waits until both have said the same and nothing more, to one client as many
// control messages as it has to get.
func (d *differential) settle(c *twin, controls int) {
	const patience, calm = 20 * time.Second, 10 * time.Millisecond
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		got, _ := c.ours.answers()
		same := len(got.control) >= controls
		for _, c := range d.clients {
			ours, quiet := c.ours.answers()
			theirs, theirQuiet := c.theirs.answers()
			same = same && min(quiet, theirQuiet) > calm && equalTranscripts(ours, theirs)
		}
		if same {
			break
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			d.report()
			return
		}
	}
	for _, c := range d.clients {
		tr, _ := c.theirs.answers()
		c.held = append(c.held, tr.pushes[c.pushes:]...)
		c.pushes = len(tr.pushes)
		for _, m := range tr.control[c.controls:] {
			if m, ok := m.(ctrl.ControlMessage); ok && m.Choice.OpenQueueResponse != nil {
				c.open = append(c.open, m.Choice.OpenQueueResponse.OriginalRequest.HandleParameters)
			}
		}
		c.controls = len(tr.control)
	}
}

func equalTranscripts(a, b transcript) bool {
	return fmt.Sprintf("%+v", printable(a)) == fmt.Sprintf("%+v", printable(b))
}

// printable is a transcript without pointers.
func printable(tr transcript) []string {
	var lines []string
	for _, c := range tr.control {
		if m, ok := c.(ctrl.ControlMessage); ok {
			lines = append(lines, asJSON(&m))
		}
	}
	return append(lines, fmt.Sprintf("%+v", tr.acks), fmt.Sprintf("%+v", tr.pushes), fmt.Sprintf("%+v", tr.beats))
}

// asJSON shows a control message.
func asJSON(m ctrl.Message) string {
	return strings.TrimRight(string(ctrl.AppendEvent(nil, wire.EncodingJSON, m)[8:]), "\x01\x02\x03\x04")
}

func (d *differential) report() {
	var steps strings.Builder
	for _, s := range d.done {
		steps.WriteString(s + "\n")
	}
	for i, c := range d.clients {
		ours, _ := c.ours.answers()
		theirs, _ := c.theirs.answers()
		require.Equal(d.t, printable(theirs), printable(ours), "client %d (expected is the official broker), after\n%s", i, steps.String())
	}
	require.Fail(d.t, "they do not come to rest", steps.String())
}

func (d *differential) request(c ctrl.Choice) (string, []byte) {
	d.rid++
	id := d.rid
	m := &ctrl.ControlMessage{RID: &id, Choice: c}
	return asJSON(m), ctrl.AppendEvent(nil, wire.EncodingBER, m)
}

// handle makes parameters that mostly make sense.
func (d *differential) handle() ctrl.QueueHandleParameters {
	uri := d.uri()
	p := params(uri, uint32(d.random.IntN(4)), pick(d, read, write, write|ctrl.QueueFlagAck, read|write, read|write))
	if strings.Contains(uri, "fanout") {
		if p.Flags = pick(d, read, write); p.Flags == read || d.random.IntN(10) == 0 {
			app := pick(d, "foo", "bar", "nosuch")
			p.SubIDInfo = subID(app)
			p.URI += "?id=" + app
		}
		p = withCounts(p)
	}
	switch d.random.IntN(25) {
	case 0:
		p.ReadCount = pick[int32](d, -1, 0, 2)
	case 1:
		p.WriteCount = pick[int32](d, -1, 0, 2)
	case 2:
		p.Flags = pick[uint64](d, 0, 1, 3, 16)
	case 3:
		p.AdminCount = 1
	case 4:
		p.QID = pick[uint32](d, 0xfffffff6, 0xffffffff, 1<<31)
	}
	return p
}

func withCounts(p ctrl.QueueHandleParameters) ctrl.QueueHandleParameters {
	q := params(p.URI, p.QID, p.Flags)
	q.SubIDInfo = p.SubIDInfo
	return q
}

func (d *differential) open() ctrl.Choice {
	return ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: d.handle()}}
}

// close closes what is open, or what is not. The official broker does not survive that
// an application is closed which the client did not open while it has another.
func (d *differential) close(c *twin) ctrl.Choice {
	req := &ctrl.CloseQueue{HandleParameters: d.handle(), IsFinal: d.random.IntN(4) == 0}
	if len(c.open) == 0 || d.random.IntN(10) == 0 {
		req.HandleParameters.QID = 9
		return ctrl.Choice{CloseQueue: req}
	}
	i := d.random.IntN(len(c.open))
	req.HandleParameters = c.open[i]
	c.open = slices.Delete(c.open, i, i+1)
	if req.IsFinal {
		c.open = slices.DeleteFunc(c.open, func(p ctrl.QueueHandleParameters) bool { return p.QID == req.HandleParameters.QID })
	}
	return ctrl.Choice{CloseQueue: req}
}

func (d *differential) configure() ctrl.Choice {
	if d.random.IntN(5) == 0 {
		return d.configureOld()
	}
	req := &ctrl.ConfigureStream{QID: uint32(d.random.IntN(4))}
	req.StreamParameters.AppID = pick(d, ctrl.DefaultAppID, ctrl.DefaultAppID, "foo", "bar", "nosuch")
	for range pick(d, 0, 1, 1, 1, 2) {
		d.sid++
		// What rules.md says about priorities and expressions whose consumers are full makes
		// a difference: there are full ones, or priorities and expressions.
		s := sub(d.sid)
		if d.ranked {
			s = withPriority(s, pick[int32](d, 0, 0, 1, -3))
		} else {
			s = withWindow(s, pick[int64](d, 0, 1, 2, 5, 100), pick[int64](d, 1, 100, 1<<20))
		}
		if text := pick(d, d.expressions...); text != "" {
			s = withExpression(s, text)
		}
		if d.random.IntN(20) == 0 {
			s.Consumers[0].ConsumerPriorityCount = 0
			d.again = &ctrl.ConfigureStream{QID: req.QID}
			d.again.StreamParameters.AppID = req.StreamParameters.AppID
		}
		req.StreamParameters.Subscriptions = append(req.StreamParameters.Subscriptions, s)
	}
	return ctrl.Choice{ConfigureStream: req}
}

// configureOld is the request of SDKs that know no subscriptions.
func (d *differential) configureOld() ctrl.Choice {
	req := &ctrl.ConfigureQueueStream{QID: uint32(d.random.IntN(4))}
	p := &req.StreamParameters
	p.MaxUnconfirmedMessages, p.MaxUnconfirmedBytes, p.ConsumerPriorityCount = 1000, 1<<20, 1
	if app := pick(d, "", "", "foo", "bar", "nosuch"); app != "" {
		p.SubIDInfo = subID(app)
	}
	switch {
	case d.ranked:
		p.ConsumerPriority = pick[int32](d, 0, 1, ctrl.InvalidPriority)
		if p.ConsumerPriority == ctrl.InvalidPriority {
			p.MaxUnconfirmedMessages, p.MaxUnconfirmedBytes, p.ConsumerPriorityCount = 0, 0, 0
		}
	default:
		p.MaxUnconfirmedMessages = pick[int64](d, 0, 1, 5, 100)
	}
	return ctrl.Choice{ConfigureQueueStream: req}
}

// subID is what clients have as the subId of an application. The official broker takes
// one for two applications, and crashes.
func subID(app string) *ctrl.SubQueueIDInfo {
	return &ctrl.SubQueueIDInfo{AppID: app, SubID: map[string]uint32{"foo": 3, "bar": 1, "nosuch": 6}[app]}
}

func (d *differential) post(c *twin) (string, []byte) {
	qid := uint32(d.random.IntN(4))
	b := wire.AppendEventHeader(nil, wire.EventPut, 0)
	what := fmt.Sprintf("post to %d", qid)
	for range 1 + d.random.IntN(3) {
		d.counter++
		p := &peer{t: d.t}
		m := p.message(qid, fmt.Sprint("message ", d.counter))
		if !c.old && d.random.IntN(2) == 0 {
			x := int64(d.random.IntN(5))
			m = p.withX(qid, x, fmt.Sprint("x = ", x))
		}
		m.GUID = wire.GUID{0x40, 0, 0, 0, 0, 0, byte(d.counter >> 8), byte(d.counter)}
		copy(m.GUID[8:], d.tag)
		m.CRC = wire.Checksum(m.data)
		b = wire.AppendPutHeader(b, &m.PutHeader, 0, len(m.data))
		b = wire.AppendPadding(append(b, m.data...), len(m.data))
		what += fmt.Sprintf(" %q", m.data)
	}
	wire.FinishEvent(b, 0)
	return what, b
}

func (d *differential) confirm(c *twin) (string, []byte) {
	i := d.random.IntN(len(c.held))
	m := c.held[i]
	c.held = slices.Delete(c.held, i, i+1)
	confirm := wire.Confirm{QueueID: m.QueueID, GUID: m.GUID, SubQueueID: pick[uint32](d, 0, 1, 2)}
	b := wire.AppendConfirm(wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventConfirm, 0)), &confirm)
	wire.FinishEvent(b, 0)
	return fmt.Sprintf("confirm %+v", confirm), b
}
