package portable

import (
	"context"
	"fmt"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
)

// recorder is a handler that writes down what happens, in order.
type recorder struct {
	mu       sync.Mutex
	notes    []string
	messages []engine.Message
	acks     []engine.Ack
	hold     chan struct{} // not nil: OnMessages waits until it is closed
	awaiting int
}

func newRecorder() *recorder { return &recorder{} }

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, text)
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	notes := r.notes
	r.notes = nil
	return notes
}

func (r *recorder) OnSessionEvent(e engine.SessionEvent) {
	text := sessionevents.Type(e.Type).String()
	if e.Owner != nil {
		text += fmt.Sprint(" ", e.Owner)
	}
	if !e.Status.OK() {
		text += " " + codeName(e.Status)
	}
	r.note(text)
}

func (r *recorder) OnMessages(b *engine.MessageBatch) {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		<-hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range b.Messages {
		text := fmt.Sprintf("message %v %s", m.Owner, m.Data)
		if m.Handle != nil {
			text += fmt.Sprint(" ", m.Handle)
		}
		r.notes = append(r.notes, text)
		r.messages = append(r.messages, m)
	}
	b.Release()
}

func (r *recorder) OnAcks(b *engine.AckBatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range b.Acks {
		r.notes = append(r.notes, fmt.Sprintf("ack %v %s", a.Cookie, codeName(engine.Status{Code: a.Status})))
		r.acks = append(r.acks, a)
	}
	b.Release()
}

func (r *recorder) Awaiting() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaiting++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.awaiting--
	}
}

func codeName(st engine.Status) string {
	names := map[engine.Code]string{
		engine.Success: "ok", engine.Unknown: "UNKNOWN", engine.Timeout: "TIMEOUT", engine.NotConnected: "NOT_CONNECTED",
		engine.Canceled: "CANCELED", engine.NotSupported: "NOT_SUPPORTED", engine.Refused: "REFUSED",
		engine.InvalidArgument: "INVALID_ARGUMENT", engine.NotReady: "NOT_READY",
	}
	if st.Packing {
		names[engine.PackQueueInvalid], names[engine.PackQueueSuspended] = "QUEUE_INVALID", "QUEUE_SUSPENDED"
		names[engine.PackPayloadTooBig] = "PAYLOAD_TOO_BIG"
	}
	if name, ok := names[st.Code]; ok {
		return name
	}
	return fmt.Sprint(int(st.Code))
}

// asked is an operation on a queue with a recorded answer.
type client struct {
	*scene
	name string
	q    engine.Queue
}

// kinds of queues to open.
type mode int

const (
	reader mode = 1 << iota
	writer
	sensitive // to bad host health
)

func uri(text string) wire.URI {
	u, err := wire.ParseURI("bmq://bmq.test/" + text)
	if err != nil {
		panic(err)
	}
	return u
}

var defaultOptions = engine.QueueOptions{MaxUnconfirmedMessages: 1000, MaxUnconfirmedBytes: 1 << 25}

func limited(n int64) engine.QueueOptions {
	return engine.QueueOptions{MaxUnconfirmedMessages: n, MaxUnconfirmedBytes: 1 << 25}
}

// opens begins to open a queue; "open NAME ok" is recorded when it is.
func (sc *scene) opens(name string, m mode) *client {
	opts := defaultOptions
	opts.SuspendsOnBadHostHealth = m&sensitive != 0
	return sc.opensWith(name, m, opts)
}

func (sc *scene) opensWith(name string, m mode, opts engine.QueueOptions) *client {
	c := &client{scene: sc, name: name}
	sc.s.OpenQueue(engine.OpenRequest{
		URI: uri(name), Read: m&reader != 0, Write: m&writer != 0, Options: opts, Timeout: 5 * time.Minute, Owner: name,
	}, func(q engine.Queue, st engine.Status) {
		c.q = q
		sc.rec.note("open " + name + " " + codeName(st))
	})
	synctest.Wait()
	return c
}

// open opens a queue, and plays the broker for that.
func (l *link) open(name string, m mode) *client { l.Helper(); return l.openIn(name, m, priority) }

func (l *link) openIn(name string, m mode, d domain) *client {
	l.Helper()
	c := l.opens(name, m)
	l.agreeFor(l.request(openQueue), d)
	if m&reader != 0 {
		l.does(configure)
	}
	l.expect("open " + name + " ok")
	return c
}

func (c *client) configures(opts engine.QueueOptions) {
	c.q.Configure(opts, 5*time.Minute, func(st engine.Status) { c.rec.note("configure " + c.name + " " + codeName(st)) })
	synctest.Wait()
}

func (c *client) closes() {
	c.q.Close(5*time.Minute, func(st engine.Status) { c.rec.note("close " + c.name + " " + codeName(st)) })
	synctest.Wait()
}

// posts posts messages that want acks, whose cookies they are themselves.
func (c *client) posts(messages ...string) {
	c.Helper()
	for _, m := range messages {
		require.Equal(c, "ok", codeName(c.post(m)))
	}
}

func (c *client) post(m string) engine.Status {
	return c.q.Post(context.Background(), engine.Put{Payload: []byte(m), WantAck: true, Cookie: m})
}

// tells posts messages that nobody waits for.
func (c *client) tells(messages ...string) {
	c.Helper()
	for _, m := range messages {
		require.Equal(c, "ok", codeName(c.q.Post(context.Background(), engine.Put{Payload: []byte(m)})))
	}
}

func (c *client) confirm(guid byte) string {
	return codeName(c.q.Confirm(wire.GUID{0x40, 15: guid}))
}
