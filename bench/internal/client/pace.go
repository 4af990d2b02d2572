package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bmq-go/bmq/bench/internal/gauge"
	"github.com/bmq-go/bmq/bench/internal/job"
)

const (
	// interval is how often the tool posts: its shortest.
	interval = time.Millisecond
	// patient is how many times as long as others the tool posts: its latencies include
	// those of its start.
	patient = 5
)

// toolPaces has the tool post at a constant rate to a queue that it consumes from. It posts
// what is due in a millisecond as one event, since it keeps up with much less one by one, and
// its latencies count from when it came to post a message, not from when that was due.
func toolPaces(ctx context.Context, path string, j *job.Job) (*job.Result, error) {
	dir, err := os.MkdirTemp("", "bmqtool-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var (
		report = filepath.Join(dir, "latency.json")
		each   = max(1, int(math.Round(j.Rate*interval.Seconds())))
		posts  = patient * j.N
	)
	u, err := tool(ctx, path, "--mode=auto", "--broker="+j.Broker, "--queueuri="+j.Write[0], "--queueflags=read,write,ack",
		"--latency=hires", "--latency-report="+report, "--eventsize="+strconv.Itoa(each), "--postrate=1",
		"--postinterval="+strconv.FormatInt(interval.Milliseconds(), 10), "--eventscount="+strconv.Itoa(max(1, posts/each)),
		"--msgsize="+strconv.Itoa(j.Size), "--confirmmsg=true", "--shutdownGrace=1", "--verbosity=silent")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(report)
	if err != nil {
		return nil, fmt.Errorf("the tool left no report: %w: %s", err, tail(string(u.output)))
	}
	latency, n, err := toolLatency(text)
	if err != nil {
		return nil, err
	}
	return &job.Result{Messages: n, Seconds: u.wall.Seconds(), CPU: u.cpu.Seconds(), PeakRSS: u.rss, Latency: latency}, nil
}

// toolLatency reads the tool's report, which has how often each latency was seen. It answers
// how many there are as well.
func toolLatency(report []byte) (*job.Quantiles, int, error) {
	var r struct {
		Origin     string        `json:"origin"`
		DataPoints map[int64]int `json:"dataPoints"` // by nanoseconds
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return nil, 0, fmt.Errorf("the tool's report: %w", err)
	}
	if r.Origin != "end2end" || len(r.DataPoints) == 0 {
		return nil, 0, fmt.Errorf("the tool reports %d latencies of kind %q, wanted are those from post to message", len(r.DataPoints), r.Origin)
	}
	total, latency := 0, gauge.NewLatency()
	for ns, n := range r.DataPoints {
		total += n
		latency.RecordTimes(time.Duration(ns), n)
	}
	return latency.Quantiles(), total, nil
}
