package broker_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// These tests replay what official clients sent to the official broker, and
// compare what this broker answers with what that one did, event by event and
// field by field. What differs from run to run is left out: process ids, session
// ids, host names, GUIDs that the broker makes, and how ACK and PUSH messages were
// batched into events.

const captures = "../wire/testdata/captures"

// notReplayed are recordings that can't be compared, and why.
var notReplayed = map[string]string{
	"62-heartbeats-tool.jsonl":               "the broker's process was stopped for a while, its timers too",
	"64-heartbeats-broker-silent-tool.jsonl": "the broker's process was stopped for a while, its timers too",
	"65-admin-raw.jsonl":                     "commands print what other recordings left in the broker; TestCommandsPrintWhatTheOfficialBrokerPrints compares",
	"66-admin-ber-raw.jsonl":                 "as 65",
}

// differences are places where this broker answers otherwise on purpose.
var differences = map[string]string{
	"95-reauthentication-raw.jsonl": "connection 3: the official broker aborts on an authentication that nobody asked for; here it is ignored",
}

// line is one line of a recording.
type line struct {
	T    float64 `json:"t"`
	Conn int     `json:"conn"`
	Dir  string  `json:"dir"`
	Type string  `json:"type"`
	Hex  string  `json:"hex"`
	Text string  `json:"text"`
}

func readCapture(t *testing.T, path string) (lines []line) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var l line
		require.NoError(t, json.Unmarshal(s.Bytes(), &l))
		lines = append(lines, l)
	}
	require.NoError(t, s.Err())
	return lines
}

// captureConfig is the configuration that the official broker had.
func captureConfig(name string) broker.Config {
	big := func(d broker.Domain) broker.Domain {
		d.QueueMessages, d.QueueBytes, d.DomainMessages, d.DomainBytes = 1000000, 1<<30, 1000000, 1<<30
		d.MessageTTL = max(d.MessageTTL, 2*time.Second)
		return d
	}
	five := 300 * time.Second
	c := broker.Config{Domains: []broker.Domain{
		big(broker.Domain{Name: "bmq.test.mem.priority", MessageTTL: five}),
		big(broker.Domain{Name: "bmq.test.mem.fanout", Mode: broker.Fanout, AppIDs: []string{"foo", "bar"}, MessageTTL: five}),
		big(broker.Domain{Name: "bmq.test.mem.broadcast", Mode: broker.Broadcast, MessageTTL: five}),
		big(broker.Domain{Name: "bmq.test.mmap.priority", Persistent: true, MessageTTL: five}),
		{Name: "bmq.test.mem.tiny", QueueMessages: 10, QueueBytes: 4096, DomainMessages: 1000, DomainBytes: 1 << 20, MessageTTL: five},
		big(broker.Domain{Name: "bmq.test.mem.poison", MaxDeliveryAttempts: 2, MessageTTL: five}),
		big(broker.Domain{Name: "bmq.test.mem.shortttl", MessageTTL: 2 * time.Second}),
		big(broker.Domain{Name: "bmq.test.mem.one", MaxProducers: 1, MaxConsumers: 1, MaxQueues: 1, MessageTTL: five}),
	}}
	switch number := name[:2]; number {
	case "61", "62", "63", "64":
		c.Heartbeats = broker.Heartbeats{Interval: time.Second, MaxMissed: 10}
	case "69", "96":
		c.Authentication = broker.Authentication{Users: map[string]string{"user": "pw", "user2": "pw2"}, RefuseAnonymous: true}
	case "77":
		c.Domains = append(c.Domains, big(broker.Domain{Name: "bmq.test.mem.appsub", Mode: broker.Fanout,
			AppIDs: []string{"foo", "bar"}, Subscriptions: map[string]string{"foo": "x > 5"}, MessageTTL: five}))
	case "80", "81":
		c.HideSubscriptions = true
	case "82", "83":
		c.HidePropertiesEx = true
	}
	return c
}

func TestRecordedSessions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		name := filepath.Base(path)
		t.Run(strings.TrimSuffix(name, ".jsonl"), func(t *testing.T) {
			if why := notReplayed[name]; why != "" {
				t.Skip(why)
			}
			inWorld(t, captureConfig(name), func(t *testing.T, w *world) {
				r := &replay{world: w, conns: make(map[int]*replayed), known: make(map[wire.GUID]bool), name: name}
				r.run(readCapture(t, path))
			})
		})
	}
}

// replay plays the client's part of a recording.
type replay struct {
	*world
	name  string
	conns map[int]*replayed
	known map[wire.GUID]bool // GUIDs that clients made
	held  []line             // sent while the broker's process was stopped
	stop  bool
	start time.Time
}

// replayed is one connection of a recording.
type replayed struct {
	*peer
	want   transcript
	got    transcript
	cut    bool // while the broker's process was stopped: its last answers were lost
	gone   bool // the recording has an end of the connection from the broker
	legacy bool // the broker makes the GUIDs
}

// transcript is what the broker sent on one connection.
type transcript struct {
	control []any
	acks    []wire.Ack
	pushes  []pushed
	beats   []string
}

func (r *replay) run(lines []line) {
	r.start = time.Now()
	for _, l := range lines {
		if d := time.Duration(l.T*1e9) - time.Since(r.start); d > 0 {
			after(d)
		}
		switch l.Dir {
		case "note":
			r.note(l)
		case "c2b":
			if r.stop && l.Type != "_OPEN" {
				r.held = append(r.held, l)
				r.conns[l.Conn].cut = r.conns[l.Conn].cut || l.Type == "_FIN"
			} else {
				r.client(l)
			}
		default:
			r.expect(l)
		}
	}
	for id, c := range r.conns {
		r.compare(id, c)
	}
}

// note does to the broker and to connections what the note says.
func (r *replay) note(l line) {
	switch {
	case l.Type == "broker" && strings.Contains(l.Text, "SIGSTOP"):
		r.stop = true
	case l.Type == "broker" && strings.Contains(l.Text, "SIGCONT"):
		r.stop = false
		for _, h := range r.held {
			r.client(h)
		}
		r.held = nil
	case l.Type == "broker" && strings.Contains(l.Text, "process gone"):
		r.stop, r.held = false, nil
		r.broker.Kill()
	case l.Type == "broker" && strings.Contains(l.Text, "restarted"):
		r.broker.Forget(broker.KeepPersistent)
		r.serve()
	}
}

func (r *replay) client(l line) {
	c := r.conns[l.Conn]
	if l.Type == "_OPEN" {
		c = &replayed{peer: r.dial()}
		r.conns[l.Conn] = c
		return
	}
	if l.Type == "_FIN" || l.Type == "_RST" {
		if r.name >= "90" && !(differences[r.name] != "" && l.Conn == 3) {
			require.Equal(r.t, c.gone, c.ended(), "whether the broker ended connection %d first", l.Conn)
		}
		_ = c.conn.(interface{ CloseWrite() error }).CloseWrite()
		c.settle()
		return
	}
	raw, err := hex.DecodeString(l.Hex)
	require.NoError(r.t, err)
	r.learn(c, l.Type, raw)
	// An end of the connection that the client had not noticed fails the write.
	_, _ = c.conn.Write(raw)
	c.settle()
	c.collect()
}

// learn takes note of what a client says about GUIDs, and puts the GUIDs that this
// broker made in the place of those that the official one made.
func (r *replay) learn(c *replayed, typ string, raw []byte) {
	switch typ {
	case "PUT":
		reader := wire.NewPutReader(raw[8:])
		var m wire.PutMessage
		for reader.Next(&m) {
			if !c.legacy {
				r.known[m.GUID] = true
			}
		}
	case "CONFIRM":
		c.collect()
		for i, m := range c.want.pushes {
			if !r.known[m.GUID] && i < len(c.got.pushes) {
				copied := bytes.ReplaceAll(raw, m.GUID[:], c.got.pushes[i].GUID[:])
				copy(raw, copied)
			}
		}
	case "CONTROL":
		var m ctrl.NegotiationMessage
		if ev, err := wire.ParseEvent(raw); err == nil && ctrl.Decode(ev.Body, ev.Encoding, &m) == nil && m.ClientIdentity != nil {
			c.legacy = m.ClientIdentity.GUIDInfo.ClientID == ""
		}
	}
}

func (r *replay) expect(l line) {
	c := r.conns[l.Conn]
	switch l.Type {
	case "_REFUSED":
		_, err := r.network.DialContext(r.t.Context())
		require.Error(r.t, err)
	case "_FIN", "_RST":
		c.gone = true
	default:
		raw, err := hex.DecodeString(l.Hex)
		require.NoError(r.t, err)
		ev, err := wire.ParseEvent(raw)
		require.NoError(r.t, err)
		c.want.add(r.t, ev)
	}
}

// collect moves what has come into the transcript.
func (c *replayed) collect() {
	c.mu.Lock()
	events := c.events
	c.events = nil
	c.mu.Unlock()
	for _, ev := range events {
		c.got.add(c.t, ev)
	}
}

func (tr *transcript) add(t *testing.T, ev wire.Event) {
	switch ev.Type {
	case wire.EventControl:
		var n ctrl.NegotiationMessage
		if err := ctrl.Decode(ev.Body, ev.Encoding, &n); err == nil && n.BrokerResponse != nil {
			id := &n.BrokerResponse.BrokerIdentity
			id.PID, id.SessionID, id.HostName, id.ProcessName = 0, 0, "", ""
			tr.control = append(tr.control, ev.Encoding, *n.BrokerResponse)
			return
		}
		var m ctrl.ControlMessage
		require.NoError(t, ctrl.Decode(ev.Body, ev.Encoding, &m))
		tr.control = append(tr.control, ev.Encoding, m)
	case wire.EventAuthentication:
		var m ctrl.AuthenticationMessage
		require.NoError(t, ctrl.Decode(ev.Body, ev.Encoding, &m))
		tr.control = append(tr.control, ev.Encoding, m)
	case wire.EventAck:
		p := &peer{t: t, events: []wire.Event{ev}}
		tr.acks = append(tr.acks, p.ackRecords([]wire.Event{ev})...)
	case wire.EventPush:
		p := &peer{t: t}
		tr.pushes = append(tr.pushes, p.pushRecords([]wire.Event{ev})...)
	default:
		tr.beats = append(tr.beats, ev.Type.String())
	}
}

func (r *replay) compare(id int, c *replayed) {
	c.settle()
	c.collect()
	for _, tr := range []*transcript{&c.want, &c.got} {
		for i := range tr.acks {
			if a := &tr.acks[i]; c.legacy && !a.GUID.IsZero() {
				a.GUID = wire.GUID{0xff}
			}
		}
		for i := range tr.pushes {
			if m := &tr.pushes[i]; !r.known[m.GUID] {
				m.GUID = wire.GUID{0xff}
			}
		}
	}
	if c.cut {
		c.got.control = c.got.control[:min(len(c.got.control), len(c.want.control))]
		c.got.acks = append([]wire.Ack(nil), c.got.acks[:min(len(c.got.acks), len(c.want.acks))]...)
	}
	require.Equal(r.t, c.want.control, c.got.control, "control messages of connection %d", id)
	require.Equal(r.t, c.want.acks, c.got.acks, "ACKs of connection %d", id)
	require.Equal(r.t, c.want.pushes, c.got.pushes, "PUSH messages of connection %d", id)
	require.Equal(r.t, c.want.beats, c.got.beats, "heartbeats of connection %d", id)
	if _, differs := differences[r.name]; !differs || id != 3 {
		require.Equal(r.t, c.gone, c.ended(), "end of connection %d", id)
	}
}
