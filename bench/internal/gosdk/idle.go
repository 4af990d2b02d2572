package gosdk

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bench/internal/gauge"
	"github.com/bmq-go/bmq/bench/internal/job"
)

// idle opens sessions, each with a queue that it reads and writes, and looks what one of
// them keeps of memory while nothing happens. The first is not counted: it pays for
// what all share.
func (c *client) idle(ctx context.Context) (*job.Result, error) {
	one := func() error {
		s, err := c.open(ctx, c.onMessage)
		if err != nil {
			return err
		}
		return openQueues(ctx, s, c.Write, bmq.WithWrite())
	}
	if err := one(); err != nil {
		return nil, err
	}
	before := settled()
	g := gauge.Start()
	for range c.Sessions {
		if err := one(); err != nil {
			return nil, err
		}
	}
	r := g.Stop(c.Sessions)
	r.Memory = (settled() - before) / int64(c.Sessions)
	return r, nil
}

// settled returns the memory that is resident after what is not needed was given back.
func settled() int64 {
	for range 2 { // what a finalizer held goes in the second round
		runtime.GC()
	}
	debug.FreeOSMemory()
	return gauge.RSS()
}
