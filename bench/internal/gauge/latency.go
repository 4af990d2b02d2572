package gauge

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/bmq-go/bmq/bench/internal/job"
)

// Latency gathers durations. It is for one goroutine at a time.
type Latency struct{ h *hdrhistogram.Histogram }

// maxLatency is the longest duration that is told apart.
const maxLatency = 10 * time.Minute

// NewLatency returns an empty one, which keeps three significant digits.
func NewLatency() *Latency {
	return &Latency{hdrhistogram.New(100, int64(maxLatency), 3)}
}

// Record adds a duration.
func (l *Latency) Record(d time.Duration) { l.RecordTimes(d, 1) }

// RecordTimes adds a duration that was seen n times.
func (l *Latency) RecordTimes(d time.Duration, n int) {
	_ = l.h.RecordValues(int64(min(max(d, 0), maxLatency)), int64(n)) // in range
}

// Quantiles sums up.
func (l *Latency) Quantiles() *job.Quantiles {
	at := l.h.ValueAtPercentile
	return &job.Quantiles{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: l.h.Max()}
}
