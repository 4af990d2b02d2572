// Package client runs the clients that are compared, each job in a process of its own.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/plan"
)

// Client does jobs.
type Client struct {
	Name     string
	Version  string // what it is and of which version
	Consumes int    // messages that it has to be given to consume; 0: any number will do
	run      func(context.Context, *job.Job) (*job.Result, error)
}

// New returns a client that does its jobs by a function.
func New(name string, run func(context.Context, *job.Job) (*job.Result, error)) *Client {
	return &Client{Name: name, run: run}
}

// patience is how long a job may take, with the start of its process.
const patience = 3 * time.Minute

// Run does one job.
func (c *Client) Run(ctx context.Context, j job.Job) (*job.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.run(ctx, &j)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	case r.Error != "":
		return nil, fmt.Errorf("%s: %s", c.Name, r.Error)
	case r.Failed > 0:
		return nil, fmt.Errorf("%s: %d messages failed", c.Name, r.Failed)
	case r.Seconds <= 0:
		return nil, fmt.Errorf("%s: the measurement took no time", c.Name)
	}
	return r, nil
}

// process does a job in a process that speaks the protocol of package job.
func process(ctx context.Context, j *job.Job, program string, args ...string) (*job.Result, error) {
	in, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(in, '\n')), &out, &stderr
	// What the environment says of brokers and engines is not for clients that are compared.
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "BMQ_BROKER_URI=") || strings.HasPrefix(v, "BMQ_ENGINE=")
	})
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, tail(stderr.String()))
	}
	r := new(job.Result)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return nil, errors.Join(err, errors.New(tail(out.String()+stderr.String())))
	}
	return r, nil
}

// tail is the end of what a process said.
func tail(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-2000):]
}

// goClient is this program as a client.
func goClient(name, program, command string, change func(*job.Job)) *Client {
	return New(name, func(ctx context.Context, j *job.Job) (*job.Result, error) {
		change(j)
		return process(ctx, j, program, command)
	})
}

func floors(self string) []*Client {
	batch := func(n int) func(*job.Job) {
		return func(j *job.Job) { j.Batch = max(1, min(n, plan.FloorEvent/max(1, j.Size))) }
	}
	return []*Client{
		goClient(plan.Floor, self, "client-floor", batch(plan.FloorBatch)),
		goClient(plan.FloorOne, self, "client-floor", batch(1)),
	}
}
