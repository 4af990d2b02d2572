package framing

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collect has the garbage collector run until done, which may take several collections:
// what they find is dealt with after them.
func collect(t *testing.T, done func() bool) {
	for end := time.Now().Add(10 * time.Second); !done(); {
		require.True(t, time.Now().Before(end), "nothing came of 10 seconds of collections")
		runtime.GC()
	}
}

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
		// Half of an event keeps all of it.
		*k = kept{copyOf(bytes.Repeat([]byte{byte(i)}, n))[n/2:], byte(i)}
		require.LessOrEqual(t, paged.Load(), int64(maxPages))
		if i%200 == 0 {
			runtime.GC()
		}
	}
}

func TestPagesAreUsedAgainAndGoWhenTheyAreNot(t *testing.T) {
	if !reusePages {
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
		require.Len(t, copyOf(event), len(event))
		return total()-before < uint64(len(event))
	})
	require.Positive(t, paged.Load())
	collect(t, func() bool { return paged.Load() == 0 })
}

func TestThereAreNoMorePagesThanTheirBound(t *testing.T) {
	event := make([]byte, maxBuffer)
	var all [][]byte
	for range 2 * maxPages / maxBuffer {
		all = append(all, copyOf(event))
		require.LessOrEqual(t, paged.Load(), int64(maxPages))
	}
	if reusePages {
		require.Greater(t, paged.Load(), int64(maxPages-2*maxBuffer))
	}
	runtime.KeepAlive(all)
	collect(t, func() bool { return paged.Load() == 0 })
}
