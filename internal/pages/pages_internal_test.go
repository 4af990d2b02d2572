package pages

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// collect has the garbage collector run until done, which may take several collections:
// what they find is dealt with after them.
func collect(t *testing.T, done func() bool) {
	for end := time.Now().Add(10 * time.Second); !done(); {
		require.True(t, time.Now().Before(end), "nothing came of 10 seconds of collections")
		runtime.GC()
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKeptEventsAreNotWrittenToAgain(t *testing.T) {
	const rounds, held = 4000, 64
	rnd := rand.New(rand.NewPCG(3, 4))
	type kept struct {
		event []byte
		fill  byte
	}
	all := make([]kept, held)
	for i := range rounds {
		n := 1 + rnd.IntN(100<<10)
		if i%100 == 0 {
			n = 1 + rnd.IntN(2<<20)
		}
		k := &all[rnd.IntN(held)]
		require.Equal(t, len(k.event), bytes.Count(k.event, []byte{k.fill}), "an event that was kept has changed")
		*k = kept{fill: byte(i)}
		k.event = Copy(bytes.Repeat([]byte{k.fill}, n))
		if i%2 == 0 {
			k.event = Make(n)
			for at := range k.event {
				k.event[at] = k.fill
			}
		}
		k.event = k.event[n/2:] // half of an event keeps all of it
		require.LessOrEqual(t, paged.Load(), int64(most))
		if i%200 == 0 {
			runtime.GC()
		}
	}
}

func TestMemoryIsAsLongAsAskedFor(t *testing.T) {
	for _, n := range []int{0, 1, smallest - 1, smallest, 8 << 10, 8<<10 + 1, Largest, Largest + 1} {
		require.Len(t, Make(n), n)
		require.Equal(t, n, cap(Make(n)), "what is behind belongs to nobody")
		require.Len(t, Copy(make([]byte, n)), n)
	}
}

func TestPagesAreUsedAgainAndGoWhenTheyAreNot(t *testing.T) {
	if !reuse {
		t.Skip("pages are not used again under the race detector")
	}
	event := make([]byte, 200<<10)
	var m runtime.MemStats
	total := func() uint64 {
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	collect(t, func() bool {
		before := total()
		require.Len(t, Copy(event), len(event))
		return total()-before < uint64(len(event))
	})
	require.Positive(t, paged.Load())
	collect(t, func() bool { return paged.Load() == 0 })
}

func TestThereAreNoMorePagesThanTheirBound(t *testing.T) {
	event := make([]byte, Largest)
	var all [][]byte
	for range 2 * most / Largest {
		all = append(all, Copy(event))
		require.LessOrEqual(t, paged.Load(), int64(most))
	}
	if reuse {
		require.Greater(t, paged.Load(), int64(most-2*Largest))
	}
	runtime.KeepAlive(all)
	collect(t, func() bool { return paged.Load() == 0 })
}
