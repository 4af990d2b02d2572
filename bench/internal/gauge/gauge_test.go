package gauge

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantiles(t *testing.T) {
	l := NewLatency()
	for i := 1; i <= 1000; i++ {
		l.Record(time.Duration(i) * time.Microsecond)
	}
	l.Record(-time.Second)
	q := l.Quantiles()
	require.InDelta(t, 500e3, q.P50, 1e3)
	require.InDelta(t, 900e3, q.P90, 2e3)
	require.InDelta(t, 990e3, q.P99, 2e3)
	require.InDelta(t, 999e3, q.P999, 2e3)
	require.InDelta(t, 1000e3, q.Max, 1e3)
}

// Whoever is late still learns when his turn was, and the next ones do not move.
func TestPacerKeepsItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPacer(1000, time.Sleep)
		var due []time.Duration
		for i := range 10 {
			due = append(due, p.Wait().Sub(start))
			require.GreaterOrEqual(t, time.Since(start), due[i], "not before its time")
			if i == 3 {
				time.Sleep(4 * time.Millisecond)
			}
		}
		for i, d := range due {
			require.Equal(t, time.Duration(i)*time.Millisecond, d)
		}
		require.Equal(t, 9*time.Millisecond, time.Since(start), "what was late was caught up with")
	})
}

func TestGaugeCountsWhatIsAllocated(t *testing.T) {
	g := Start()
	var keep [][]byte
	for range 1000 {
		keep = append(keep, make([]byte, 1024))
	}
	r := g.Stop(len(keep))
	require.Equal(t, 1000, r.Messages)
	require.GreaterOrEqual(t, r.Mallocs, uint64(1000))
	require.GreaterOrEqual(t, r.Allocated, uint64(1000*1024))
	require.Positive(t, r.Seconds)
}
