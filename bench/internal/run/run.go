// Package run measures: round by round, and in each round one scenario after the other,
// with one client after the other, so that what happens to the machine meanwhile happens
// to all.
package run

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bmq-go/bmq/bench/internal/brokers"
	"github.com/bmq-go/bmq/bench/internal/client"
	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/null"
	"github.com/bmq-go/bmq/bench/internal/plan"
	"github.com/bmq-go/bmq/bench/internal/result"
)

// Runner runs scenarios.
type Runner struct {
	Broker   *brokers.Broker // under load
	Null     *brokers.Broker // that does nothing
	Clients  []*client.Client
	Producer *client.Client // puts into queues what consumers are to find there
	Rounds   int
	Time     time.Duration // about how long a measurement should take
	Profiles string        // a folder for CPU profiles; empty: none
	Log      io.Writer
	started  string
	counts   map[cell]int // messages, as the calibration found them
	rates    map[cell][]float64
	sequence int
	leftOut  map[cell]string
	Samples  result.Set
}

// cell is a scenario with a client.
type cell struct{ scenario, client string }

const (
	// probe is how many messages tell how many a measurement needs.
	probe = 2000
	// maxBytes bounds what lies in the broker, or on its way, at a time.
	maxBytes = 256 << 20
	maxCount = 2_000_000
	minCount = 20
)

// Run runs the scenarios. What a client can't do is left out, and said once.
func (r *Runner) Run(ctx context.Context, scenarios []plan.Scenario) error {
	r.started = time.Now().UTC().Format(time.RFC3339)
	r.counts, r.rates, r.leftOut = make(map[cell]int), make(map[cell][]float64), make(map[cell]string)
	for round := range r.Rounds {
		for i := range scenarios {
			s := &scenarios[i]
			for k := range r.Clients {
				c := r.Clients[(k+round)%len(r.Clients)]
				if !s.Has(c.Name) || r.leftOut[cell{s.Name, c.Name}] != "" {
					continue
				}
				err := r.measure(ctx, s, c, round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					r.leftOut[cell{s.Name, c.Name}] = err.Error()
					fmt.Fprintf(r.Log, "%s is left out for %s from now on: %v\n", c.Name, s.Name, err)
				}
			}
		}
	}
	return nil
}

// LeftOut lists what could not be measured, and why.
func (r *Runner) LeftOut() (list []string) {
	for where, why := range r.leftOut {
		list = append(list, fmt.Sprintf("%s with %s: %s", where.scenario, where.client, why))
	}
	return list
}

func (r *Runner) measure(ctx context.Context, s *plan.Scenario, c *client.Client, round int) error {
	where := cell{s.Name, c.Name}
	j := s.Job
	if s.Of != "" {
		whose := cmp.Or(s.Whose, c.Name)
		most, ok := result.Median(r.rates[cell{s.Of, whose}])
		if !ok {
			return fmt.Errorf("there is no rate of %s with %s to go by", s.Of, whose)
		}
		j.Rate = most * s.Share
	}
	if r.counts[where] == 0 {
		n, err := r.calibrate(ctx, s, c, j)
		if err != nil {
			return err
		}
		r.counts[where] = n
	}
	j.N = r.counts[where]
	j.Warmup = warmup(s, j.N)
	if r.Profiles != "" {
		j.Profile = fmt.Sprintf("%s/%s-%s-%d.prof", r.Profiles, fileName(s.Name), c.Name, round)
	}
	res, err := r.one(ctx, s, c, j)
	if err != nil {
		return err
	}
	sample := result.Sample{
		Run: r.started, Broker: r.broker(s).Name, Scenario: s.Name, Client: c.Name, Round: round + 1,
		Size: j.Size, Rate: j.Rate, Sessions: max(1, j.Sessions), Result: *res,
	}
	r.Samples = append(r.Samples, sample)
	if v, ok := result.Rate.Value(&sample); ok {
		r.rates[where] = append(r.rates[where], v)
	}
	fmt.Fprintf(r.Log, "%d/%d %-28s %-9s %s\n", round+1, r.Rounds, s.Name, c.Name, brief(&sample))
	return nil
}

// calibrate finds how many messages a measurement needs.
func (r *Runner) calibrate(ctx context.Context, s *plan.Scenario, c *client.Client, j job.Job) (int, error) {
	limit := min(maxCount, max(minCount, maxBytes/(max(1, j.Size)*max(1, j.Copies))))
	if s.Null() {
		limit = maxCount // nothing is kept there
	}
	if s.Limit > 0 {
		limit = min(limit, s.Limit)
	}
	if j.Rate > 0 {
		return min(limit, max(minCount, int(j.Rate*r.Time.Seconds()*2))), nil
	}
	if limit == 1 {
		return 1, nil
	}
	if c.Consumes > 0 && j.Kind == job.Consume {
		return min(limit, c.Consumes), nil
	}
	j.N = min(probe, limit)
	j.Warmup = warmup(s, j.N)
	res, err := r.one(ctx, s, c, j)
	if err != nil {
		return 0, err
	}
	perSecond := float64(res.Messages) / float64(max(1, j.Copies)) / res.Seconds
	n := int(perSecond * r.Time.Seconds())
	if j.Kind == job.Consume {
		n *= 3 // the probe is short, and most of it the opening of the queue
	}
	return min(limit, max(minCount, n)), nil
}

// warmup is how many messages come before those that count. Consumers have none: their
// messages lie there already.
func warmup(s *plan.Scenario, n int) int {
	if s.Job.Kind == job.Consume || s.Job.Kind == job.Idle {
		return 0
	}
	return min(n/5+1, 20_000)
}

func (r *Runner) broker(s *plan.Scenario) *brokers.Broker {
	if s.Null() {
		return r.Null
	}
	return r.Broker
}

// one has a client do a job, in queues of its own, which are emptied afterwards.
func (r *Runner) one(ctx context.Context, s *plan.Scenario, c *client.Client, j job.Job) (*job.Result, error) {
	b := r.broker(s)
	j.Broker = b.URI
	r.sequence++
	queues := r.queues(s, &j)
	if j.Kind == job.Consume && !s.Null() {
		if err := r.fill(ctx, queues, j); err != nil {
			return nil, err
		}
	}
	res, err := c.Run(ctx, j)
	if err != nil {
		return nil, err
	}
	return res, b.Purge(ctx, queues)
}

// queues names the queues of a job.
func (r *Runner) queues(s *plan.Scenario, j *job.Job) (uris []string) {
	for i := range max(1, s.Queues) {
		uri := fmt.Sprintf("bmq://%s/q%d-%d", s.Domain, r.sequence, i)
		switch {
		case s.Null() && j.Kind == job.Consume:
			uri = null.ReplayURI(j.N, j.Size)
		case s.Null():
			uri = null.QueueURI
		}
		uris = append(uris, uri)
		if j.Kind != job.Consume {
			j.Write = append(j.Write, uri)
		}
		if j.Kind == job.Post || j.Kind == job.Idle {
			continue
		}
		readers := s.Readers
		if len(readers) == 0 {
			readers = []string{""}
		}
		for _, app := range readers {
			if app != "" {
				j.Read = append(j.Read, uri+"?id="+app)
			} else {
				j.Read = append(j.Read, uri)
			}
		}
	}
	return uris
}

// fill puts into the queues what a consumer is to find there.
func (r *Runner) fill(ctx context.Context, queues []string, j job.Job) error {
	j.Kind, j.Write, j.Read, j.Acks, j.Profile = job.Post, queues, nil, true, ""
	_, err := r.Producer.Run(ctx, j)
	return err
}
