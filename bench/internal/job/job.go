// Package job is what the measuring process and a client's process tell each other: a
// Job goes to the client's standard input, a Result comes from its standard output,
// both as one line of JSON. The driver of the Python SDK reads and writes the same.
package job

import (
	"encoding/json"
	"fmt"
	"io"
)

// Kind is what a client does.
type Kind string

// The kinds of work.
const (
	// Post posts N messages, in turn to each queue of Write, and waits for the last
	// answer.
	Post Kind = "post"
	// Consume opens Read and confirms the N messages that wait there.
	Consume Kind = "consume"
	// Exchange posts N messages to Write and consumes them, Copies times each, from Read.
	Exchange Kind = "exchange"
	// PingPong posts a message to a queue of its own, waits until it has it, confirms it,
	// and does so N times.
	PingPong Kind = "pingpong"
	// Paced is Exchange at a given rate. Latency counts from the time when a message
	// should have been posted.
	Paced Kind = "paced"
	// Idle opens Sessions sessions and looks what they cost.
	Idle Kind = "idle"
)

// Job is one measurement to be made.
type Job struct {
	Kind       Kind     `json:"kind"`
	Engine     string   `json:"engine,omitempty"` // of the Go client: portable or native
	Broker     string   `json:"broker"`           // tcp://host:port
	Write      []string `json:"write,omitempty"`  // URIs of queues to post to
	Read       []string `json:"read,omitempty"`   // and to consume from
	N          int      `json:"n"`                // messages to be measured
	Warmup     int      `json:"warmup,omitempty"` // messages before, not measured
	Size       int      `json:"size"`             // of a payload, in bytes
	Batch      int      `json:"batch,omitempty"`  // messages that are handed over together; 0: one by one
	Acks       bool     `json:"acks,omitempty"`   // each post has a callback
	Properties int      `json:"properties,omitempty"`
	Zlib       bool     `json:"zlib,omitempty"`
	Text       bool     `json:"text,omitempty"`     // payloads are like text, and not noise
	Rate       float64  `json:"rate,omitempty"`     // of Paced, in messages per second
	Copies     int      `json:"copies,omitempty"`   // consumers of each message; 0: 1
	Sessions   int      `json:"sessions,omitempty"` // 0: 1. Of Exchange: sessions that read
	Borrowed   bool     `json:"borrowed,omitempty"` // payloads are borrowed from the session
	Profile    string   `json:"profile,omitempty"`  // where to write a CPU profile, for Go
}

// Deliveries is how many messages are consumed.
func (j *Job) Deliveries() int { return j.N * max(1, j.Copies) }

// Result is one measurement that was made.
type Result struct {
	Messages   int        `json:"messages"`   // that count for the rate
	Seconds    float64    `json:"seconds"`    // from the first to the last
	CPU        float64    `json:"cpu"`        // seconds of user and system time of the client's process
	Mallocs    uint64     `json:"mallocs"`    // of Go, during the measurement
	Allocated  uint64     `json:"allocated"`  // bytes, the same
	PeakRSS    int64      `json:"peak_rss"`   // bytes, of the process from its start on
	Goroutines int        `json:"goroutines"` // when it was over; 0: not Go
	Threads    int        `json:"threads"`    // the same, of the operating system
	Latency    *Quantiles `json:"latency,omitempty"`
	Memory     int64      `json:"memory,omitempty"` // bytes that Idle sessions keep
	Failed     int        `json:"failed,omitempty"` // posts that the broker refused
	Version    string     `json:"version,omitempty"`
	Error      string     `json:"error,omitempty"`
}

// Quantiles are latencies in nanoseconds.
type Quantiles struct {
	P50  int64 `json:"p50"`
	P90  int64 `json:"p90"`
	P99  int64 `json:"p99"`
	P999 int64 `json:"p999"`
	Max  int64 `json:"max"`
}

// Serve does the job that in brings, and writes its result to out.
func Serve(in io.Reader, out io.Writer, do func(*Job) (*Result, error)) error {
	var j Job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	r, err := do(&j)
	if err != nil {
		r = &Result{Error: err.Error()}
	}
	return json.NewEncoder(out).Encode(r)
}
