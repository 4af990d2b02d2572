package broker_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
)

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryIsLessThanTwiceWhatIsStored(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector needs memory of its own")
	}
	for _, c := range []struct {
		name, uri string
		size      int
	}{
		{"a queue of 1 KiB messages", priorityQueue, 1 << 10},
		{"three applications", fanoutQueue, 1 << 10},
		{"large messages", priorityQueue, 1 << 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
				const total = 32 << 20
				p := w.client()
				p.open(c.uri, 0, write)
				text := strings.Repeat("x", c.size)
				before := heap()
				for range total / c.size / 32 {
					list := make([]put, 32)
					for i := range list {
						list[i] = p.message(0, text)
					}
					p.post(list...)
					require.Len(t, p.acks(), len(list))
				}
				q, _ := w.broker.Queue(c.uri)
				require.EqualValues(t, total, q.Bytes)
				used := heap() - before
				t.Logf("%d bytes of memory for %d bytes in %d messages: %.2f", used, q.Bytes, q.Messages, float64(used)/total)
				require.Less(t, used, int64(2*total))
			})
		})
	}
}
