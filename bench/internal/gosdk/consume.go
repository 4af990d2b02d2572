package gosdk

import (
	"context"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bench/internal/gauge"
	"github.com/bmq-go/bmq/bench/internal/job"
)

// onMessage confirms and counts.
func (c *client) onMessage(_ *bmq.Message, h *bmq.MessageHandle) {
	if h.Confirm() != nil {
		c.failed.Add(1)
	}
	c.count()
}

// consume has N messages come that wait in the queues. The time begins with the
// opening of the queues: there is no other moment at which a client knows that
// messages begin to come.
func (c *client) consume(ctx context.Context) (*job.Result, error) {
	s, err := c.open(ctx, c.onMessage)
	if err != nil {
		return nil, err
	}
	c.expect(c.N)
	g := gauge.Start()
	if err := openQueues(ctx, s, c.Read, bmq.WithRead()); err != nil {
		return nil, err
	}
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	return g.Stop(c.N), nil
}

// openBoth opens the queues to be posted to in the first session, and those to be
// consumed from in the same one, or in Sessions others.
func (c *client) openBoth(ctx context.Context, onMessage bmq.OnMessage) error {
	readers := max(1, c.Sessions)
	s, err := c.open(ctx, onMessage)
	if err != nil {
		return err
	}
	if c.Sessions <= 1 && len(c.Read) == len(c.Write) {
		return openQueues(ctx, s, c.Write, bmq.WithRead(), bmq.WithWrite())
	}
	if err := openQueues(ctx, s, c.Write, bmq.WithWrite()); err != nil {
		return err
	}
	for range readers {
		if c.Sessions > 1 {
			if s, err = c.open(ctx, onMessage); err != nil {
				return err
			}
		}
		if err := openQueues(ctx, s, c.Read, bmq.WithRead()); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) exchange(ctx context.Context) (*job.Result, error) {
	if err := c.openBoth(ctx, c.onMessage); err != nil {
		return nil, err
	}
	round := func(n int) error {
		c.expect(n * max(1, c.Copies))
		if c.Acks {
			c.expect(n * (max(1, c.Copies) + 1))
		}
		if err := c.send(ctx, c.sessions[:1], n); err != nil {
			return err
		}
		return c.wait(ctx)
	}
	if c.Warmup > 0 {
		if err := round(c.Warmup); err != nil {
			return nil, err
		}
	}
	g := gauge.Start()
	if err := round(c.N); err != nil {
		return nil, err
	}
	return g.Stop(c.Deliveries()), nil
}

// pingPong has one message on its way at a time.
func (c *client) pingPong(ctx context.Context) (*job.Result, error) {
	came := make(chan struct{}, 1)
	err := c.openBoth(ctx, func(_ *bmq.Message, h *bmq.MessageHandle) {
		if h.Confirm() != nil {
			c.failed.Add(1)
		}
		came <- struct{}{}
	})
	if err != nil {
		return nil, err
	}
	latency := gauge.NewLatency()
	opts := c.withAck(func(*bmq.Ack) {})
	var g *gauge.Gauge
	for i := range c.Warmup + c.N {
		if i == c.Warmup {
			g = gauge.Start()
		}
		start := time.Now()
		if err := c.sessions[0].Post(ctx, c.Write[0], c.payload, opts...); err != nil {
			return nil, err
		}
		select {
		case <-came:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if i >= c.Warmup {
			latency.Record(time.Since(start))
		}
	}
	r := g.Stop(c.N)
	r.Latency = latency.Quantiles()
	return r, nil
}

// paced posts at a constant rate. Each message says when it was due.
func (c *client) paced(ctx context.Context) (*job.Result, error) {
	epoch := time.Now()
	latency := gauge.NewLatency()
	seen := 0
	err := c.openBoth(ctx, func(m *bmq.Message, h *bmq.MessageHandle) {
		late := time.Since(epoch) - time.Duration(job.ReadStamp(m.Data))
		if h.Confirm() != nil {
			c.failed.Add(1)
		}
		if seen++; seen > c.Warmup {
			latency.Record(late)
		}
		c.count()
	})
	if err != nil {
		return nil, err
	}
	c.expect(c.Warmup + c.N)
	opts := c.withAck(func(*bmq.Ack) {})
	var g *gauge.Gauge
	pacer := gauge.NewPacer(c.Rate)
	for i := range c.Warmup + c.N {
		if i == c.Warmup {
			g = gauge.Start()
			pacer = gauge.NewPacer(c.Rate)
		}
		due := pacer.Wait()
		job.Stamp(c.payload, int64(due.Sub(epoch)))
		if err := c.sessions[0].Post(ctx, c.Write[0], c.payload, opts...); err != nil {
			return nil, err
		}
	}
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	r := g.Stop(c.N)
	r.Latency = latency.Quantiles()
	return r, nil
}
