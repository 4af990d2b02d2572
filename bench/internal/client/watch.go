package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/bench/internal/job"
)

// glance is how often somebody looks how far the tool is.
const glance = 10 * time.Millisecond

// toolConsumes has the tool consume what is in a queue. The tool does not say when it is
// through, so the queue is watched, and the tool told to end when that is empty. What
// the tool takes besides for its start and its end is what it takes with an empty queue.
func toolConsumes(ctx context.Context, path string, j *job.Job) (*job.Result, error) {
	most, seconds, messages, err := toolDrains(ctx, path, j)
	if err != nil {
		return nil, err
	}
	least, _, _, err := toolDrains(ctx, path, j)
	if err != nil {
		return nil, err
	}
	if seconds == 0 {
		return nil, errors.New("it was through before anybody saw it begin: there have to be more messages")
	}
	// The rate is that of the messages which were seen to go; CPU time is for all.
	return &job.Result{
		Messages: j.N, Seconds: seconds * float64(j.N) / float64(messages), CPU: (most.cpu - least.cpu).Seconds(), PeakRSS: most.rss,
	}, nil
}

// toolDrains runs the tool until the queue is empty. It answers how long that took from
// when the first messages were gone, and how many there were then.
func toolDrains(ctx context.Context, path string, j *job.Job) (u usage, seconds float64, messages int64, err error) {
	client, err := admin.New(j.Broker)
	if err != nil {
		return u, 0, 0, err
	}
	cmd := exec.CommandContext(ctx, path, "--mode=auto", "--broker="+j.Broker, "--queueuri="+j.Read[0], "--queueflags=read",
		"--confirmmsg=true", "--maxunconfirmed=100000:1073741824", "--verbosity=silent")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return u, 0, 0, err
	}
	seconds, messages, err = drained(ctx, client, j.Read[0])
	if err == nil {
		err = cmd.Process.Signal(os.Interrupt)
	}
	if err != nil {
		_ = cmd.Process.Kill() // it may be gone
	}
	if waitErr := cmd.Wait(); waitErr != nil && err == nil {
		err = fmt.Errorf("%w: %s", waitErr, tail(out.String()))
	}
	if err != nil {
		return u, 0, 0, err
	}
	u.cpu, u.rss = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), peakRSS(cmd.ProcessState)
	return u, seconds, messages, nil
}

// drained waits until a queue that has a consumer is empty.
func drained(ctx context.Context, client *admin.Client, uri string) (seconds float64, left int64, err error) {
	var first time.Time
	full := int64(-1)
	tick := time.NewTicker(glance)
	defer tick.Stop()
	idle := 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
		q, err := client.Queue(ctx, uri)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case full < 0:
			full = q.Messages
		case first.IsZero() && q.Messages < full:
			first, left = time.Now(), q.Messages
		}
		if q.Messages > 0 {
			continue
		}
		if full > 0 {
			if !first.IsZero() {
				seconds = time.Since(first).Seconds()
			}
			return seconds, left, nil
		}
		// An empty queue: the tool gets the time to open it.
		if idle++; idle == startup {
			return 0, 0, nil
		}
	}
}

// startup is how many glances the tool gets to open a queue.
const startup = 50
