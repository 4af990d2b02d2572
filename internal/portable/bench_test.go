package portable

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// discard is a connection that swallows what is written.
type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

// release is a handler that does nothing.
type release struct{ acks, messages int }

func (*release) OnSessionEvent(engine.SessionEvent)  {}
func (r *release) OnMessages(b *engine.MessageBatch) { r.messages += len(b.Messages); b.Release() }
func (r *release) OnAcks(b *engine.AckBatch)         { r.acks += len(b.Acks); b.Release() }
func (*release) Awaiting() func()                    { return func() {} }

// rig is a session whose connection discards, with one queue.
type rig struct {
	s    *Session
	c    *connection
	q    *queue
	h    *release
	put  engine.Put
	acks []byte // body of an ACK event
}

func newRig(t testing.TB, payload int) *rig {
	r := &rig{h: new(release)}
	r.s = New(engine.Config{ChannelHighWatermark: 128 << 20, ChannelWriteTimeout: time.Minute, Handler: r.h, Logger: slog.New(slog.DiscardHandler)})
	r.c = newConnection(discard{}, r.s)
	r.c.propertiesEx, r.c.configureStream = true, true
	r.s.conn = r.c
	r.q = &queue{s: r.s, stream: &stream{}, req: engine.OpenRequest{Read: true, Write: true, Owner: r}}
	r.q.gate.open = true
	r.q.register([]*subscription{{q: r.q, id: 1}})
	r.put = engine.Put{Payload: make([]byte, payload), Cookie: r}
	r.s.out.attach(r.c)
	r.s.out.resume()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.s.out.write(r.c)
	}()
	t.Cleanup(func() {
		r.c.close(errRefused)
		r.s.out.interrupt()
		<-done
	})
	return r
}

// settle waits until everything is written.
func (r *rig) settle() {
	for {
		r.s.out.mu.Lock()
		unsent := r.s.out.stream.unsent
		r.s.out.mu.Unlock()
		if unsent == 0 {
			return
		}
		runtime.Gosched()
	}
}

func (r *rig) post() {
	if st := r.q.Post(context.Background(), r.put); !st.OK() {
		panic(st)
	}
}

// postAcked posts n messages and has them answered.
func (r *rig) postAcked(n int) {
	r.put.WantAck = true
	first := r.s.out.pending.next
	for range n {
		r.post()
	}
	r.s.out.mu.Lock()
	r.acks = wire.AppendRecordHeader(r.acks[:0])
	for i := range n {
		r.acks = wire.AppendAck(r.acks, &wire.Ack{GUID: r.s.out.pending.at(first + uint64(i)).guid})
	}
	r.s.out.mu.Unlock()
	r.s.onAck(r.acks)
}

func pushBody(n, payload int) (body []byte) {
	data := string(make([]byte, payload))
	for i := range n {
		body = appendPush(body, 0, byte(i), data, 1)
	}
	return body
}

// allocs is testing.AllocsPerRun after a warm-up, which fills pools.
func allocs(f func()) float64 {
	for range 2000 {
		f()
	}
	return testing.AllocsPerRun(2000, f)
}

func TestTheSteadyStateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget at random under the race detector")
	}
	guids := make([]wire.GUID, 10)
	for name, f := range map[string]func(*rig) func(){
		"post without ack":     func(r *rig) func() { return r.post },
		"post with ack":        func(r *rig) func() { return func() { r.postAcked(1) } },
		"posts with ack":       func(r *rig) func() { return func() { r.postAcked(100) } },
		"confirmations":        func(r *rig) func() { return func() { r.q.ConfirmBatch(guids) } },
		"a confirmation":       func(r *rig) func() { return func() { r.q.Confirm(guids[0]) } },
		"a message":            func(r *rig) func() { body := pushBody(1, 100); return func() { r.s.onPush(r.c, body, nil) } },
		"messages":             func(r *rig) func() { body := pushBody(1000, 100); return func() { r.s.onPush(r.c, body, nil) } },
		"heartbeats":           func(r *rig) func() { return func() { r.s.out.controlOn(r.c, wire.HeartbeatRsp) } },
		"acks of nothing":      func(r *rig) func() { body := ackEvent(nil)[8:]; return func() { r.s.onAck(body) } },
		"compressed post":      func(r *rig) func() { r.put.Compression = wire.CompressionZlib; return r.post },
		"post with properties": func(r *rig) func() { r.put.Properties = someProperties; return r.post },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 2000)
			run := f(r)
			require.Less(t, allocs(func() { run(); r.settle() }), 0.1)
		})
	}
}

func BenchmarkPost(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := newRig(b, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r.post()
			}
		})
	}
}

func BenchmarkPostParallel(b *testing.B) {
	r := newRig(b, 1<<10)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.post()
		}
	})
}

func BenchmarkPostWithProperties(b *testing.B) {
	r := newRig(b, 1<<10)
	r.put.Properties = someProperties
	b.ReportAllocs()
	for b.Loop() {
		r.post()
	}
}

func BenchmarkPostAndAck(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			r := newRig(b, 1<<10)
			b.ReportAllocs()
			for b.Loop() {
				r.postAcked(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.h.acks), "ns/post")
		})
	}
}

func BenchmarkPush(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b, 1)
			body := pushBody(n, 1<<10)
			b.ReportAllocs()
			for b.Loop() {
				r.s.onPush(r.c, body, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.h.messages), "ns/message")
		})
	}
}

func BenchmarkConfirm(b *testing.B) {
	r := newRig(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		r.q.Confirm(wire.GUID{1})
	}
}
