// Package gosdk does jobs with the Go client, through its public API only.
package gosdk

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/sessionevents"
)

// patience is how long one job may take.
const patience = 2 * time.Minute

// window is how many messages, and bytes, a consumer may have unconfirmed.
const (
	windowMessages = 100_000
	windowBytes    = 1 << 30
)

// client is what a job works with.
type client struct {
	*job.Job
	sessions []*bmq.Session
	payload  []byte
	options  []bmq.PostOption // of each post, but for the callback
	answered chan struct{}    // gets a token with the answer that reaches target
	target   atomic.Int64     // answers to be counted, acks and messages alike
	answers  atomic.Int64
	failed   atomic.Int64
}

// Do does a job.
func Do(j *job.Job) (*job.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := &client{Job: j, payload: j.Payload(), answered: make(chan struct{}, 1)}
	defer c.close()
	c.options = c.postOptions()
	work := map[job.Kind]func(context.Context) (*job.Result, error){
		job.Post: c.post, job.Consume: c.consume, job.Exchange: c.exchange,
		job.PingPong: c.pingPong, job.Paced: c.paced, job.Idle: c.idle,
	}[j.Kind]
	if work == nil {
		return nil, fmt.Errorf("the Go client does not know the kind of work %q", j.Kind)
	}
	r, err := work(ctx)
	if err != nil {
		return nil, err
	}
	r.Failed, r.Version = int(c.failed.Load()), bmq.Version
	return r, nil
}

func (c *client) close() {
	for _, s := range c.sessions {
		s.Close()
	}
}

// open makes one more session.
func (c *client) open(ctx context.Context, onMessage bmq.OnMessage, more ...bmq.Option) (*bmq.Session, error) {
	opts := append([]bmq.Option{
		bmq.WithBroker(c.Broker),
		bmq.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		bmq.WithEngine(engines[c.Engine]),
	}, more...)
	if onMessage != nil {
		opts = append(opts, bmq.WithOnMessage(onMessage))
	}
	if c.Borrowed {
		opts = append(opts, bmq.WithBorrowedPayloads())
	}
	if c.Zlib {
		opts = append(opts, bmq.WithMessageCompressionAlgorithm(bmq.CompressionZLIB))
	}
	s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, opts...)
	if err == nil {
		c.sessions = append(c.sessions, s)
	}
	return s, err
}

var engines = map[string]bmq.EngineKind{"portable": bmq.EnginePortable, "native": bmq.EngineNative}

// openQueues opens the queues of a list in one session.
func openQueues(ctx context.Context, s *bmq.Session, uris []string, opts ...bmq.OpenOption) error {
	opts = append(opts, bmq.WithQueueOptions(bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(windowMessages), MaxUnconfirmedBytes: bmq.Some(windowBytes),
	}))
	for _, uri := range uris {
		if err := s.OpenQueue(ctx, uri, opts...); err != nil {
			return err
		}
	}
	return nil
}

// expect prepares for n answers.
func (c *client) expect(n int) {
	c.answers.Store(0)
	c.target.Store(int64(n))
}

// count counts an answer.
func (c *client) count() {
	if c.answers.Add(1) == c.target.Load() {
		c.answered <- struct{}{}
	}
}

// wait waits for the answers that are expected.
func (c *client) wait(ctx context.Context) error {
	if c.target.Load() == 0 {
		return nil
	}
	select {
	case <-c.answered:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("only %d of %d answers came: %w", c.answers.Load(), c.target.Load(), ctx.Err())
	}
}

func (c *client) onAck(a *bmq.Ack) {
	if a.Status != bmq.AckSuccess {
		c.failed.Add(1)
	}
	c.count()
}
