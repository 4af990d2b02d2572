package bmq

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

// sink is a queue, and the engine that it belongs to, which take everything and do
// nothing.
type sink struct {
	engine.Engine
	puts, confirms atomic.Int64
}

func (s *sink) Configure(engine.QueueOptions, time.Duration, func(engine.Status)) {}
func (s *sink) Close(time.Duration, func(engine.Status))                          {}

func (s *sink) Post(context.Context, engine.Put) engine.Status {
	s.puts.Add(1)
	return engine.Status{}
}

func (s *sink) PostBatch(_ context.Context, posts []engine.QueuedPut) (int, engine.Status) {
	s.puts.Add(int64(len(posts)))
	return len(posts), engine.Status{}
}

func (s *sink) Confirm(wire.GUID) engine.Status {
	s.confirms.Add(1)
	return engine.Status{}
}

func (s *sink) ConfirmBatch(guids []wire.GUID) engine.Status {
	s.confirms.Add(int64(len(guids)))
	return engine.Status{}
}

// rig is a session over a sink.
type rig struct {
	*Session
	sink *sink
	q    *queue
	acks atomic.Int64
	ack  OnAck // counts acks
	done chan struct{}
}

const rigQueue = "bmq://domain/queue"

// newRig makes one whose handler confirms every message.
func newRig(tb testing.TB, borrow bool) *rig {
	r := &rig{sink: new(sink), q: &queue{uri: rigQueue, read: true, write: true}, done: make(chan struct{}, 1)}
	c := &core{
		onSessionEvent: func(sessionevents.SessionEvent) {},
		onMessage: func(_ *Message, h *MessageHandle) {
			if err := h.Confirm(); err != nil {
				panic(err)
			}
		},
		borrow: borrow, engine: r.sink, log: slog.New(slog.DiscardHandler), stop: make(chan struct{}),
	}
	c.queues.publish(r.q, r.sink)
	// What came is handled before the next is sent: no item waits for another.
	c.dispatch = newDispatcher(1, Watermarks{50, 2000}, 0, func(it item) {
		c.deliver(it)
		r.done <- struct{}{}
	})
	tb.Cleanup(func() { require.NoError(tb, c.dispatch.close(context.Background())) })
	r.ack = func(*Ack) { r.acks.Add(1) }
	r.Session = &Session{core: c}
	return r
}

// receive has an event of n messages handled.
func (r *rig) receive(n int, data []byte) {
	b := engine.NewMessageBatch()
	for i := range n {
		b.Messages = append(b.Messages, engine.Message{Owner: r.q, GUID: wire.GUID{1, byte(i)}, Data: data})
	}
	r.core.OnMessages(b)
	<-r.done
}

// answer has an event of n acks handled.
func (r *rig) answer(n int) {
	b := engine.NewAckBatch()
	for i := range n {
		b.Acks = append(b.Acks, engine.Ack{Owner: r.q, Cookie: r.ack, GUID: wire.GUID{1, byte(i)}})
	}
	r.core.OnAcks(b)
	<-r.done
}

func (r *rig) post(tb testing.TB, opts ...PostOption) {
	if err := r.Post(context.Background(), rigQueue, rigData, opts...); err != nil {
		tb.Fatal(err)
	}
}

var rigData = make([]byte, 1<<10)

// allocations is what f allocates, after it filled pools.
func allocations(f func()) float64 {
	for range 200 {
		f()
	}
	return testing.AllocsPerRun(1000, f)
}

func TestTheHotPathsHardlyAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget at random under the race detector")
	}
	ctx := context.Background()
	r, lending := newRig(t, false), newRig(t, true)
	ack := WithOnAck(r.ack)
	batch := r.NewBatch()
	message := &Message{QueueURI: rigQueue, GUID: MessageGUID{1}}
	properties := WithProperties(PropertyValueDict{"a": "text", "b": 1000, "c": true, "d": []byte{1}})
	for _, c := range []struct {
		name string
		most float64
		f    func()
	}{
		{"post", 0, func() { r.post(t) }},
		{"post with callback", 0, func() { r.post(t, ack) }},
		{"post with properties", 0, func() { r.post(t, properties) }},
		{"batch of 10 with callbacks", 0, func() {
			for range 10 {
				if batch.Add(rigQueue, rigData, ack) != nil {
					t.Fail()
				}
			}
			_, _ = r.PostBatch(ctx, batch)
		}},
		{"event of 100 acks", 1, func() { r.answer(100) }},
		{"event of a message, confirmed", 1, func() { r.receive(1, rigData) }},
		{"event of 100 messages, confirmed", 1, func() { r.receive(100, rigData) }},
		{"event of 100 borrowed messages, confirmed", 0, func() { lending.receive(100, rigData) }},
		{"confirmation by message", 0, func() { _ = r.Confirm(message) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.LessOrEqual(t, allocations(c.f), c.most)
		})
	}
	require.NotZero(t, r.sink.confirms.Load())
	require.NotZero(t, r.acks.Load())
}

func BenchmarkPost(b *testing.B) {
	r := newRig(b, false)
	for name, opts := range map[string][]PostOption{
		"plain": nil, "callback": {WithOnAck(r.ack)},
		"properties": {WithProperties(PropertyValueDict{"a": "text", "b": 1000, "c": true, "d": []byte{1}})},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.post(b, opts...)
			}
		})
	}
}

func BenchmarkDispatch(b *testing.B) {
	for _, borrow := range []bool{false, true} {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("messages=%d/borrowed=%t", n, borrow), func(b *testing.B) {
				r := newRig(b, borrow)
				b.ReportAllocs()
				for b.Loop() {
					r.receive(n, rigData)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.sink.confirms.Load()), "ns/message")
			})
		}
	}
	b.Run("acks=100", func(b *testing.B) {
		r := newRig(b, false)
		b.ReportAllocs()
		for b.Loop() {
			r.answer(100)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.acks.Load()), "ns/ack")
	})
}

func BenchmarkConfirm(b *testing.B) {
	r := newRig(b, false)
	h := &MessageHandle{core: r.core, queue: r.q, guid: MessageGUID{1}}
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Confirm(); err != nil {
			b.Fatal(err)
		}
	}
}
