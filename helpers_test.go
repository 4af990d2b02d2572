package bmq_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// recorder keeps what a session's handlers got, for tests to wait on.
type recorder struct {
	t  testing.TB
	mu sync.Mutex
	ch chan struct{} // closed at each change

	events   []sessionevents.SessionEvent
	messages []*bmq.Message
	handles  []*bmq.MessageHandle
	acks     []*bmq.Ack
}

func newRecorder(t testing.TB) *recorder { return &recorder{t: t, ch: make(chan struct{})} }

func (r *recorder) changed() {
	close(r.ch)
	r.ch = make(chan struct{})
}

func (r *recorder) onEvent(e sessionevents.SessionEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.changed()
}

func (r *recorder) onMessage(m *bmq.Message, h *bmq.MessageHandle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages, r.handles = append(r.messages, m), append(r.handles, h)
	r.changed()
}

func (r *recorder) onAck(a *bmq.Ack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acks = append(r.acks, a)
	r.changed()
}

// wait waits until ok says so. It is called with the lock held.
func (r *recorder) wait(what string, ok func() bool) {
	r.t.Helper()
	limit := time.After(patience)
	r.mu.Lock()
	for !ok() {
		ch := r.ch
		r.mu.Unlock()
		select {
		case <-ch:
		case <-limit:
			r.t.Fatalf("%s did not come; events %v, %d messages, acks %v", what, r.events, len(r.messages), r.acks)
		}
		r.mu.Lock()
	}
	r.mu.Unlock()
}

func (r *recorder) waitMessages(n int) []*bmq.Message {
	r.t.Helper()
	r.wait(fmt.Sprintf("%d messages", n), func() bool { return len(r.messages) >= n })
	return r.messages
}

func (r *recorder) waitAcks(n int) []*bmq.Ack {
	r.t.Helper()
	r.wait(fmt.Sprintf("%d acks", n), func() bool { return len(r.acks) >= n })
	return r.acks
}

// start runs an embedded broker and a session with it.
func start(t testing.TB, opts ...bmq.Option) (*bmq.Session, *recorder) {
	t.Helper()
	return startAt(t, bmqtest.Start(t), opts...)
}

// startAt makes a session with the given broker.
func startAt(t testing.TB, broker *bmqtest.Broker, opts ...bmq.Option) (*bmq.Session, *recorder) {
	t.Helper()
	r := newRecorder(t)
	opts = append([]bmq.Option{bmq.WithBroker(broker.URI()), bmq.WithOnMessage(r.onMessage)}, opts...)
	s, err := bmq.NewSession(t.Context(), r.onEvent, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s, r
}

// memory is the queue of most tests.
const memory = "bmq://bmq.test.mem.priority/test"
