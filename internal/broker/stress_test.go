package broker_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// talker is a client with a goroutine of its own, over TCP.
type talker struct {
	conn net.Conn
	r    *framing.Reader
	rid  int32
}

func dialTalker(address string) (*talker, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &talker{conn: conn, r: framing.NewReader(conn, wire.MaxEventSize)}
	id := defaultIdentity()
	if _, err := conn.Write(ctrl.AppendEvent(nil, 0, &ctrl.NegotiationMessage{ClientIdentity: &id})); err != nil {
		return nil, err
	}
	_, err = c.r.Next()
	return c, err
}

// ask sends a request; events calls f for all events until the answer, or for ever.
func (c *talker) ask(choice ctrl.Choice) error {
	c.rid++
	_, err := c.conn.Write(ctrl.AppendEvent(nil, 0, &ctrl.ControlMessage{RID: &c.rid, Choice: choice}))
	return err
}

func (c *talker) events(f func(wire.Event) (done bool)) error {
	for {
		frame, err := c.r.Next()
		if err != nil {
			return err
		}
		ev, err := wire.ParseEvent(frame)
		if err != nil {
			return err
		}
		if f(ev) {
			return nil
		}
	}
}

func isControl(ev wire.Event) bool { return ev.Type == wire.EventControl }

// TestManyClientsAtOnce lets producers and consumers work on shared queues while
// connections are cut, and waits until every message was consumed.
func TestManyClientsAtOnce(t *testing.T) {
	const producers, consumers, queues, each = 4, 6, 3, 3000
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, b.Serve(l))
	defer b.Kill()
	uri := func(i int) string { return fmt.Sprintf("bmq://bmq.test.mem.priority/stress%d", i%queues) }

	var stop atomic.Bool
	var consuming, producing sync.WaitGroup
	consume := func(i int) error {
		c, err := dialTalker(l.Addr().String())
		if err != nil {
			return err
		}
		defer func() { _ = c.conn.Close() }()
		h := params(uri(i), 0, read)
		if err := errors.Join(c.ask(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: h}}), c.events(isControl)); err != nil {
			return err
		}
		if err := c.ask(ctrl.Choice{ConfigureStream: &ctrl.ConfigureStream{StreamParameters: ctrl.StreamParameters{
			AppID: ctrl.DefaultAppID, Subscriptions: []ctrl.Subscription{withWindow(sub(1), 50, 1<<20)}}}}); err != nil {
			return err
		}
		return c.events(func(ev wire.Event) bool {
			if ev.Type != wire.EventPush {
				return false
			}
			confirms := wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventConfirm, 0))
			r := wire.NewPushReader(ev.Body)
			var m wire.PushMessage
			for r.Next(&m) {
				confirms = wire.AppendConfirm(confirms, &wire.Confirm{GUID: m.GUID})
			}
			wire.FinishEvent(confirms, 0)
			_, err := c.conn.Write(confirms)
			return err != nil
		})
	}
	for i := range consumers {
		consuming.Go(func() {
			for !stop.Load() {
				if err := consume(i); err != nil && !errors.Is(err, io.EOF) && !stop.Load() {
					continue // cut; come back
				}
			}
		})
	}
	produce := func(i int) error {
		c, err := dialTalker(l.Addr().String())
		if err != nil {
			return err
		}
		defer func() { _ = c.conn.Close() }()
		h := params(uri(i), 0, write)
		if err := errors.Join(c.ask(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: h}}), c.events(isControl)); err != nil {
			return err
		}
		g := &peer{number: byte(200 + i)}
		var posts []byte
		for range each {
			start := len(posts)
			m := g.message(0, "stress")
			posts = wire.AppendPutHeader(wire.AppendEventHeader(posts, wire.EventPut, 0), &m.PutHeader, 0, len(m.data))
			posts = wire.AppendPadding(append(posts, m.data...), len(m.data))
			wire.FinishEvent(posts, start)
		}
		go func() { _, _ = c.conn.Write(posts) }()
		acked := 0
		return c.events(func(ev wire.Event) bool {
			if ev.Type == wire.EventAck {
				acked += (len(ev.Body) - 4) / wire.RecordSize
			}
			return acked == each
		})
	}
	for i := range producers {
		producing.Go(func() {
			for produce(i) != nil && !stop.Load() {
				continue // cut; post all again with the same GUIDs
			}
		})
	}
	for range 5 {
		b.DropConnections("")
		b.HoldAcks(true)
		_ = b.Queues()
		_ = b.Connections()
		b.HoldAcks(false)
	}
	producing.Wait()
	empty := func() bool {
		for _, q := range b.Queues() {
			if q.Messages > 0 {
				return false
			}
		}
		return true
	}
	require.Eventually(t, empty, time.Minute, 5*time.Millisecond)
	posted := int64(0)
	for _, q := range b.Queues() {
		posted += q.Counters.Posted
		require.Equal(t, q.Counters.Posted, q.Counters.Confirmed)
	}
	require.EqualValues(t, producers*each, posted, "what was posted again was recognised")
	stop.Store(true)
	b.Kill()
	consuming.Wait()
}
