package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/plan"
)

// toolPaths are where the official tool may be, if BMQTOOL does not say it.
var toolPaths = []string{"bmqtool.tsk", "bmqtool", "/opt/bb/bin/bmqtool.tsk"}

// tool finds the official command-line tool, which is the C++ SDK with as little around
// it as the official sources have.
func (f *Finder) tool(context.Context) (*Client, error) {
	names := toolPaths
	if named := os.Getenv("BMQTOOL"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return &Client{Name: plan.Tool, Version: "bmqtool over libbmq", Consumes: toolMessages, run: func(ctx context.Context, j *job.Job) (*job.Result, error) {
				return runTool(ctx, path, j)
			}}, nil
		}
	}
	return nil, fmt.Errorf("%s: none of %s is there, nor does BMQTOOL name the official tool", plan.Tool, strings.Join(names, ", "))
}

// runTool measures the tool from outside. Its start and its end are taken off by
// a second run with hardly any messages; that goes for the rate and for CPU time.
func runTool(ctx context.Context, path string, j *job.Job) (*job.Result, error) {
	switch {
	case j.Properties > 0 || j.Zlib || len(j.Write) > 1 || len(j.Read) > 1 || j.Sessions > 1:
		return nil, errors.New("the tool is measured with plain messages and one queue")
	case j.Kind == job.Post && j.Acks:
		return toolPosts(ctx, path, j)
	case j.Kind == job.Consume:
		return toolConsumes(ctx, path, j)
	case j.Kind == job.Paced:
		return toolPaces(ctx, path, j)
	}
	return nil, fmt.Errorf("the tool does not know the kind of work %q", j.Kind)
}

// toolMessages is how many messages the tool consumes: it is watched from outside, which
// takes a while of it.
const toolMessages = 250_000

// usage is what one run of the tool took.
type usage struct {
	wall, cpu time.Duration
	rss       int64
	output    []byte
}

func tool(ctx context.Context, path string, args ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(start), output: out.Bytes()}
	if err != nil {
		return u, fmt.Errorf("%w: %s", err, tail(out.String()))
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.rss = peakRSS(cmd.ProcessState)
	return u, nil
}

func toolPosts(ctx context.Context, path string, j *job.Job) (*job.Result, error) {
	post := func(events int) (usage, error) {
		return tool(ctx, path, "--mode=auto", "--broker="+j.Broker, "--queueuri="+j.Write[0], "--queueflags=write,ack",
			"--eventsize="+strconv.Itoa(plan.FloorBatch), "--msgsize="+strconv.Itoa(j.Size), "--eventscount="+strconv.Itoa(events),
			"--postinterval=0", "--postrate=1", "--verbosity=silent")
	}
	events := max(1, (j.N+plan.FloorBatch-1)/plan.FloorBatch)
	most, err := post(events + 1)
	if err != nil {
		return nil, err
	}
	least, err := post(1)
	if err != nil {
		return nil, err
	}
	return &job.Result{
		Messages: events * plan.FloorBatch, Seconds: (most.wall - least.wall).Seconds(), CPU: (most.cpu - least.cpu).Seconds(),
		PeakRSS: most.rss,
	}, nil
}
