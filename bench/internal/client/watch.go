package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
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
	most, seconds, err := toolDrains(ctx, path, j)
	if err != nil {
		return nil, err
	}
	least, _, err := toolDrains(ctx, path, j)
	if err != nil {
		return nil, err
	}
	if seconds == 0 {
		return nil, errors.New("it was through before anybody saw it begin: there have to be more messages")
	}
	return &job.Result{Messages: j.N, Seconds: seconds, CPU: (most.cpu - least.cpu).Seconds(), PeakRSS: most.rss}, nil
}

// toolDrains runs the tool until the queue is empty. seconds is what drained answers.
func toolDrains(ctx context.Context, path string, j *job.Job) (u usage, seconds float64, err error) {
	client, err := admin.New(j.Broker)
	if err != nil {
		return u, 0, err
	}
	cmd := exec.CommandContext(ctx, path, "--mode=auto", "--broker="+j.Broker, "--queueuri="+j.Read[0], "--queueflags=read",
		"--confirmmsg=true", "--maxunconfirmed=100000:1073741824", "--verbosity=silent")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return u, 0, err
	}
	seconds, err = drained(ctx, client.Queue, j.Read[0])
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
		return u, 0, err
	}
	u.cpu, u.rss = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), peakRSS(cmd.ProcessState)
	return u, seconds, nil
}

// drained waits until a queue that gets a consumer is empty. It answers how long that took
// from the opening of the queue, as the other clients count. A queue that was empty from
// the start took no time.
func drained(ctx context.Context, ask func(context.Context, string) (admin.Queue, error), uri string) (seconds float64, err error) {
	var opened time.Time
	tick := time.NewTicker(glance)
	defer tick.Stop()
	idle := 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		asked := time.Now() // a busy broker may answer late
		q, err := ask(ctx, uri)
		if err != nil {
			return 0, err
		}
		switch {
		case q.Messages > 0:
			if opened.IsZero() && consumed(&q) {
				opened = asked
			}
		case !opened.IsZero():
			return time.Since(opened).Seconds(), nil
		default:
			// An empty queue: the tool gets the time to open it.
			if idle++; idle == startup {
				return 0, nil
			}
		}
	}
}

// consumed tells whether a queue has a consumer.
func consumed(q *admin.Queue) bool {
	return slices.ContainsFunc(q.Apps, func(a admin.App) bool { return a.Consumers > 0 })
}

// startup is how many glances the tool gets to open a queue.
const startup = 50
