// Package result keeps what was measured: samples, what they come to, and how they
// differ from earlier ones.
package result

import (
	"github.com/bmq-go/bmq/bench/internal/job"
)

// Sample is one measurement.
type Sample struct {
	Run      string // when the run began, RFC 3339
	Broker   string // which broker: embedded, official, null
	Scenario string
	Client   string
	Round    int
	Size     int     // of a payload, in bytes
	Rate     float64 // at which messages were posted, per second; 0: as fast as it goes
	Sessions int
	job.Result
}

// Metric is something that a sample tells.
type Metric struct {
	Name   string
	Unit   string
	Better int // 1: more is better, -1: less is
	Of     func(*Sample) (value float64, ok bool)
}

// Value returns the metric's value of a sample, and false where the sample has none.
func (m *Metric) Value(s *Sample) (float64, bool) { return m.Of(s) }

func latency(get func(*job.Quantiles) int64) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) {
		if s.Latency == nil {
			return 0, false
		}
		return float64(get(s.Latency)) / 1e3, true
	}
}

// perMessage divides by the messages.
func perMessage(get func(*Sample) float64) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) {
		return get(s) / float64(max(1, s.Messages)), true
	}
}

// goOnly holds for samples of Go programs.
func goOnly(of func(*Sample) (float64, bool)) func(*Sample) (float64, bool) {
	return func(s *Sample) (float64, bool) {
		if s.Goroutines == 0 {
			return 0, false
		}
		return of(s)
	}
}

// The metrics.
var (
	Rate = Metric{"rate", "messages/s", 1, func(s *Sample) (float64, bool) {
		return float64(s.Messages) / s.Seconds, s.Rate == 0 && s.Memory == 0
	}}
	Throughput = Metric{"throughput", "MB/s", 1, func(s *Sample) (float64, bool) {
		return float64(s.Messages) * float64(s.Size) / s.Seconds / 1e6, s.Rate == 0 && s.Memory == 0
	}}
	CPU     = Metric{"CPU", "µs/message", -1, perMessage(func(s *Sample) float64 { return s.CPU * 1e6 })}
	Allocs  = Metric{"allocations", "/message", -1, goOnly(perMessage(func(s *Sample) float64 { return float64(s.Mallocs) }))}
	PeakRSS = Metric{"peak RSS", "MiB", -1, func(s *Sample) (float64, bool) {
		return float64(s.Result.PeakRSS) / (1 << 20), s.Result.PeakRSS > 0
	}}
	Goroutines = Metric{"goroutines", "", -1, goOnly(func(s *Sample) (float64, bool) { return float64(s.Result.Goroutines), true })}
	Threads    = Metric{"threads", "", -1, func(s *Sample) (float64, bool) { return float64(s.Result.Threads), s.Result.Threads > 0 }}
	P50        = Metric{"p50", "µs", -1, latency(func(q *job.Quantiles) int64 { return q.P50 })}
	P90        = Metric{"p90", "µs", -1, latency(func(q *job.Quantiles) int64 { return q.P90 })}
	P99        = Metric{"p99", "µs", -1, latency(func(q *job.Quantiles) int64 { return q.P99 })}
	P999       = Metric{"p99.9", "µs", -1, latency(func(q *job.Quantiles) int64 { return q.P999 })}
	Max        = Metric{"max", "µs", -1, latency(func(q *job.Quantiles) int64 { return q.Max })}
	Memory     = Metric{"memory", "KiB/session", -1, func(s *Sample) (float64, bool) { return float64(s.Result.Memory) / 1024, s.Result.Memory > 0 }}
)

// Metrics lists them all, in the order of tables.
var Metrics = []*Metric{
	&Rate, &Throughput, &P50, &P90, &P99, &P999, &Max, &CPU, &Allocs, &PeakRSS, &Goroutines, &Threads, &Memory,
}
