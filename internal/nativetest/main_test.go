//go:build cgo && (libbmq || bmqfake)

package nativetest_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	proctest.Main(programs)
	os.Exit(m.Run())
}

const (
	// patience is how long a test waits for what has to come.
	patience = 30 * time.Second
	// brief is how long it waits for what should not.
	brief = 20 * time.Millisecond

	queue = "bmq://bmq.test.mem.priority/native"
)

// nothingLeft fails the test, at its end, if anything is left of its sessions on either
// side of the border.
func nothingLeft(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		var left cbridge.Counts
		require.True(t, poll(func() bool {
			left = emptied()
			return left == (cbridge.Counts{}) && cbridge.Handles() == 0
		}), "left: %+v, %d handles", left, cbridge.Handles())
		goleak.VerifyNone(t, before)
	})
}

// poll looks until ok holds.
func poll(ok func() bool) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			return ok()
		}
	}
	return true
}

// client is a session that notes what its handlers are called with.
type client struct {
	*bmq.Session
	t *testing.T

	mu       sync.Mutex
	changed  chan struct{}
	events   []string
	messages []*bmq.Message
	handles  []*bmq.MessageHandle
	acks     []*bmq.Ack
}

var quiet = slog.New(slog.DiscardHandler)

// connect makes a session, whose end is checked.
func connect(t *testing.T, opts ...bmq.Option) *client {
	t.Helper()
	nothingLeft(t)
	c, err := try(t, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop(context.Background())) })
	return c
}

// try makes a session, perhaps.
func try(t *testing.T, opts ...bmq.Option) (*client, error) {
	t.Helper()
	return tryAt(t, address(t), opts...)
}

func tryAt(t *testing.T, uri string, opts ...bmq.Option) (*client, error) {
	t.Helper()
	c := &client{t: t, changed: make(chan struct{})}
	opts = append([]bmq.Option{
		bmq.WithEngine(kind), bmq.WithBroker(uri), bmq.WithLogger(quiet), bmq.WithOnMessage(c.onMessage),
	}, opts...)
	var err error
	c.Session, err = bmq.NewSession(t.Context(), c.onEvent, opts...)
	return c, err
}

// open connects and opens a queue for reading and writing.
func open(t *testing.T, opts ...bmq.Option) *client {
	t.Helper()
	c := connect(t, opts...)
	require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite()))
	return c
}

func (c *client) note(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *client) onEvent(e sessionevents.SessionEvent) {
	c.note(func() { c.events = append(c.events, fmt.Sprintf("%T", e)[len("sessionevents."):]) })
}

func (c *client) onMessage(m *bmq.Message, h *bmq.MessageHandle) {
	c.note(func() { c.messages, c.handles = append(c.messages, m), append(c.handles, h) })
}

func (c *client) onAck(a *bmq.Ack) { c.note(func() { c.acks = append(c.acks, a) }) }

// wait waits until ok holds, which is called with the lock held.
func (c *client) wait(what string, ok func() bool) {
	c.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
			c.mu.Lock()
		case <-limit.C:
			c.mu.Lock()
			require.FailNow(c.t, "waited in vain", "%s; events %v, %d messages, acks %v", what, c.events, len(c.messages), c.acks)
		}
	}
}

func (c *client) waitEvents(names ...string) {
	c.t.Helper()
	c.wait("events", func() bool { return len(c.events) >= len(names) })
	require.Equal(c.t, names, c.events)
}

func (c *client) waitAcks(status ...bmq.AckStatus) {
	c.t.Helper()
	c.wait("acks", func() bool { return len(c.acks) >= len(status) })
	var got []bmq.AckStatus
	for _, a := range c.acks {
		got = append(got, a.Status)
	}
	require.Equal(c.t, status, got)
}

func (c *client) waitMessages(payloads ...string) {
	c.t.Helper()
	c.wait("messages", func() bool { return len(c.messages) >= len(payloads) })
	var got []string
	for _, m := range c.messages {
		got = append(got, string(m.Data))
	}
	require.Equal(c.t, payloads, got)
}

// post posts messages that want acks.
func (c *client) post(payloads ...string) {
	c.t.Helper()
	for _, p := range payloads {
		require.NoError(c.t, c.Post(c.t.Context(), queue, []byte(p), bmq.WithOnAck(c.onAck)))
	}
}
