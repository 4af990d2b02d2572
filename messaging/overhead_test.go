//go:build unix

package messaging_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// What this package costs above plain sessions, for bodies of bytes. Both sides run against
// an embedded broker in this process, whose share is the same, and differs from run to run:
// the benchmarks tell CPU time and allocations of the whole process for each message.

// load is one way to publish or to consume n messages of 100 bytes.
type load struct {
	name string
	run  func(tb testing.TB, broker string, n int) (measured cost)
}

// cost is what n messages took.
type cost struct {
	cpu    time.Duration
	allocs uint64
}

var payload = make([]byte, 100)

// loads come in pairs: plain, then messaging.
var loads = []load{
	{"publish/plain", plainPublish}, {"publish/messaging", messagingPublish},
	{"publish and wait/plain", plainPublishAndWait}, {"publish and wait/messaging", messagingPublishAndWait},
	{"consume/plain", plainConsume}, {"consume/messaging", messagingConsume},
}

// inFlight is how many posts may be without an answer: as many as keep the connection busy.
const inFlight = 1000

func measure(fn func()) cost {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := cpuTime()
	fn()
	took := cpuTime() - began
	runtime.ReadMemStats(&after)
	return cost{took, after.Mallocs - before.Mallocs}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func plainSession(tb testing.TB, broker string, onMessage bmq.OnMessage, open ...bmq.OpenOption) *bmq.Session {
	s, err := bmq.NewSession(context.Background(), ignoreEvents, bmq.WithBroker(broker), bmq.WithLogger(quiet),
		bmq.WithEngine(bmq.EnginePortable), bmq.WithOnMessage(onMessage))
	require.NoError(tb, err)
	require.NoError(tb, s.OpenQueue(context.Background(), orders, open...))
	return s
}

func plainPublish(tb testing.TB, broker string, n int) cost {
	s := plainSession(tb, broker, nil, bmq.WithWrite())
	defer s.Close()
	slots := make(chan struct{}, inFlight)
	var acks sync.WaitGroup
	onAck := bmq.WithOnAck(func(a *bmq.Ack) {
		if a.Status != bmq.AckSuccess {
			panic(a.Status)
		}
		<-slots
		acks.Done()
	})
	return measure(func() {
		for range n {
			slots <- struct{}{}
			acks.Add(1)
			if err := s.Post(context.Background(), orders, payload, onAck); err != nil {
				panic(err)
			}
		}
		acks.Wait()
	})
}

func messagingClient(tb testing.TB, broker string) *messaging.Client {
	c, err := messaging.Dial(context.Background(), messaging.Config{
		Brokers: []string{broker}, Logger: quiet, Options: []bmq.Option{bmq.WithEngine(bmq.EnginePortable)},
	})
	require.NoError(tb, err)
	return c
}

func messagingPublish(tb testing.TB, broker string, n int) cost {
	c := messagingClient(tb, broker)
	defer func() { require.NoError(tb, c.Close()) }()
	p, err := c.NewProducer(context.Background(), messaging.ProducerConfig{Queue: orders, MaxInFlight: inFlight})
	require.NoError(tb, err)
	spent := measure(func() {
		for range n {
			p.PublishAsync(context.Background(), payload)
		}
		require.NoError(tb, p.Flush(context.Background()))
	})
	require.Equal(tb, uint64(n), c.Stats().Stored)
	return spent
}

func plainPublishAndWait(tb testing.TB, broker string, n int) cost {
	s := plainSession(tb, broker, nil, bmq.WithWrite())
	defer s.Close()
	return measure(func() {
		for range n {
			if _, err := s.PostAndWait(context.Background(), orders, payload); err != nil {
				panic(err)
			}
		}
	})
}

func messagingPublishAndWait(tb testing.TB, broker string, n int) cost {
	c := messagingClient(tb, broker)
	defer func() { require.NoError(tb, c.Close()) }()
	p, err := c.NewProducer(context.Background(), messaging.ProducerConfig{Queue: orders})
	require.NoError(tb, err)
	return measure(func() {
		for range n {
			if _, err := p.Publish(context.Background(), payload); err != nil {
				panic(err)
			}
		}
	})
}

// fill puts n messages into the queue.
func fill(tb testing.TB, broker string, n int) { plainPublish(tb, broker, n) }

func plainConsume(tb testing.TB, broker string, n int) cost {
	fill(tb, broker, n)
	left, done := n, make(chan struct{})
	s := plainSession(tb, broker, func(_ *bmq.Message, h *bmq.MessageHandle) {
		if err := h.Confirm(); err != nil {
			panic(err)
		}
		if left--; left == 0 {
			close(done)
		}
	}, bmq.WithRead(), bmq.WithQueueOptions(bmq.Paused()))
	defer s.Close()
	return measure(func() {
		require.NoError(tb, s.ConfigureQueue(context.Background(), orders, bmq.QueueOptions{
			MaxUnconfirmedMessages: bmq.Some(1000), MaxUnconfirmedBytes: bmq.Some(32 << 20),
		}))
		<-done
	})
}

func messagingConsume(tb testing.TB, broker string, n int) cost {
	fill(tb, broker, n)
	c := messagingClient(tb, broker)
	defer func() { require.NoError(tb, c.Close()) }()
	k, err := c.NewConsumer(context.Background(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
	require.NoError(tb, err)
	return measure(func() {
		require.NoError(tb, k.RunUntil(context.Background(), messaging.Until{Limit: n}, ignore))
	})
}

func BenchmarkOverhead(b *testing.B) {
	for _, l := range loads {
		b.Run(l.name, func(b *testing.B) {
			broker := bmqtest.Start(b)
			spent := l.run(b, broker.URI(), b.N)
			b.ReportMetric(float64(spent.cpu)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(spent.allocs)/float64(b.N), "mallocs/op")
		})
	}
}

func TestBodiesOfBytesCostAtMostTwoAllocationsMore(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	for i := 0; i < len(loads); i += 2 {
		n := 60000
		if strings.Contains(loads[i].name, "wait") {
			n = 5000 // it takes longer
		}
		var allocs [2]float64
		for j := range allocs {
			broker := bmqtest.Start(t)
			allocs[j] = float64(loads[i+j].run(t, broker.URI(), n).allocs) / float64(n)
		}
		t.Logf("%s: %.2f allocations, %.2f with this package", loads[i].name, allocs[0], allocs[1])
		require.LessOrEqual(t, allocs[1]-allocs[0], 2.2, loads[i].name) // what is made once counts, too
	}
}
