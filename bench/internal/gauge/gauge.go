// Package gauge measures what a process uses.
package gauge

import (
	"runtime"
	"time"

	"github.com/bmq-go/bmq/bench/internal/job"
)

// Gauge measures from Start to Stop.
type Gauge struct {
	start time.Time
	cpu   float64
	mem   runtime.MemStats
}

// Start begins a measurement with a heap that was just collected.
func Start() *Gauge {
	runtime.GC()
	g := new(Gauge)
	runtime.ReadMemStats(&g.mem)
	g.cpu, g.start = CPU(), time.Now()
	return g
}

// Stop ends the measurement of a number of messages.
func (g *Gauge) Stop(messages int) *job.Result {
	r := &job.Result{Messages: messages, Seconds: time.Since(g.start).Seconds(), CPU: CPU() - g.cpu}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	r.Mallocs, r.Allocated = mem.Mallocs-g.mem.Mallocs, mem.TotalAlloc-g.mem.TotalAlloc
	r.PeakRSS, r.Goroutines, r.Threads = PeakRSS(), runtime.NumGoroutine(), Threads()
	return r
}
