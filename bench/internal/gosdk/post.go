package gosdk

import (
	"context"
	"fmt"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bench/internal/gauge"
	"github.com/bmq-go/bmq/bench/internal/job"
)

// properties are n properties of the usual kinds.
func properties(n int) bmq.PropertyValueDict {
	p := make(bmq.PropertyValueDict, n)
	for i := range n {
		name := fmt.Sprintf("property%02d", i)
		switch i % 3 {
		case 0:
			p[name] = "a value of some length"
		case 1:
			p[name] = i * 1000
		default:
			p[name] = []byte{1, 2, 3, 4, 5, 6, 7, 8}
		}
	}
	return p
}

func (c *client) postOptions() []bmq.PostOption {
	if c.Properties == 0 {
		return nil
	}
	return []bmq.PostOption{bmq.WithProperties(properties(c.Properties))}
}

// withAck returns the options of a post whose ack goes to fn, if the job wants acks.
func (c *client) withAck(fn bmq.OnAck) []bmq.PostOption {
	if !c.Acks {
		return c.options
	}
	return append(c.options[:len(c.options):len(c.options)], bmq.WithOnAck(fn))
}

// send posts n messages, in turn to each queue and from each of the sessions, without
// waiting for answers.
func (c *client) send(ctx context.Context, sessions []*bmq.Session, n int) error {
	opts := c.withAck(c.onAck)
	if c.Batch > 0 {
		return c.sendBatches(ctx, sessions[0], n, opts)
	}
	s, uri := 0, 0
	for range n {
		if err := sessions[s].Post(ctx, c.Write[uri], c.payload, opts...); err != nil {
			return err
		}
		if uri++; uri == len(c.Write) {
			uri = 0
		}
		if s++; s == len(sessions) {
			s = 0
		}
	}
	return nil
}

func (c *client) sendBatches(ctx context.Context, s *bmq.Session, n int, opts []bmq.PostOption) error {
	b := s.NewBatch()
	for i := range n {
		if err := b.Add(c.Write[i%len(c.Write)], c.payload, opts...); err != nil {
			return err
		}
		if b.Len() < c.Batch && i+1 < n {
			continue
		}
		if _, err := s.PostBatch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// sendAll posts n messages and waits until all is answered.
func (c *client) sendAll(ctx context.Context, n int) error {
	if c.Acks {
		c.expect(n)
	} else {
		c.expect(0)
	}
	if err := c.send(ctx, c.sessions, n); err != nil {
		return err
	}
	if !c.Acks {
		for _, s := range c.sessions {
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return c.wait(ctx)
}

func (c *client) post(ctx context.Context) (*job.Result, error) {
	for range max(1, c.Sessions) {
		s, err := c.open(ctx, nil)
		if err != nil {
			return nil, err
		}
		if err := openQueues(ctx, s, c.Write, bmq.WithWrite()); err != nil {
			return nil, err
		}
	}
	if c.Warmup > 0 {
		if err := c.sendAll(ctx, c.Warmup); err != nil {
			return nil, err
		}
	}
	g := gauge.Start()
	if err := c.sendAll(ctx, c.N); err != nil {
		return nil, err
	}
	return g.Stop(c.N), nil
}
