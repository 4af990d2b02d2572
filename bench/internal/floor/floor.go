package floor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/bmq-go/bmq/bench/internal/gauge"
	"github.com/bmq-go/bmq/bench/internal/job"
)

const (
	windowMessages = 100_000
	windowBytes    = 1 << 30
)

// client does one job on one connection, with one goroutine that posts and one that
// reads.
type client struct {
	*conn
	*job.Job
	payload []byte
	flags   uint32
	posted  uint64
	out     []byte
	got     chan error           // the reader has what was expected, or failed
	onPush  func(payload []byte) // for each message
}

// Do does a job.
func Do(j *job.Job) (*job.Result, error) {
	if j.Properties > 0 || j.Zlib || len(j.Write) > 1 || len(j.Read) > 1 || j.Sessions > 1 {
		return nil, fmt.Errorf("the floor has neither properties nor compression, and one queue")
	}
	nc, err := dial(j.Broker)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	c := &client{conn: nc, Job: j, payload: j.Payload(), got: make(chan error, 1)}
	if j.Acks {
		c.flags = 1
	}
	uri := append(j.Write, j.Read...)[0]
	if err := c.open(uri, len(j.Write) > 0, len(j.Read) > 0); err != nil {
		return nil, err
	}
	switch j.Kind {
	case job.Post:
		return c.post()
	case job.Consume:
		return c.consume()
	case job.Exchange:
		return c.exchange()
	case job.PingPong:
		return c.pingPong()
	case job.Paced:
		return c.paced()
	}
	return nil, fmt.Errorf("the floor does not know the kind of work %q", j.Kind)
}

// receive reads until so many acks and messages came.
func (c *client) receive(ackCount, messages int) {
	c.got <- c.read(ackCount, messages)
}

func (c *client) read(ackCount, messages int) error {
	var confirm []byte
	for ackCount > 0 || messages > 0 {
		typ, body, err := c.next()
		if err != nil {
			return err
		}
		switch typ {
		case typeAck:
			n, ok := acks(body)
			if !ok {
				return errRefused
			}
			ackCount -= n
		case typePush:
			var n int
			confirm, n = pushes(confirm, body, c.onPush)
			if _, err := c.Conn.Write(confirm); err != nil {
				return err
			}
			messages -= n
		}
	}
	return nil
}

// send posts n messages, Batch to an event.
func (c *client) send(n int) error {
	for n > 0 {
		k := min(max(1, c.Batch), n)
		n -= k
		if err := c.sendEvent(k); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) sendEvent(k int) error {
	c.out = header(c.out[:0], typePut, 0, 0)
	for range k {
		c.posted++
		c.out = c.appendPut(c.out, c.posted, time.Now(), c.flags, c.payload)
	}
	binary.BigEndian.PutUint32(c.out, uint32(len(c.out)))
	_, err := c.Conn.Write(c.out)
	return err
}

// acks is how many acks n posts bring.
func (c *client) acks(n int) int { return n * int(c.flags) }

func (c *client) post() (*job.Result, error) {
	if !c.Acks {
		return nil, errors.New("the floor knows no other way to learn that its messages arrived than by acks")
	}
	round := func(n int) error {
		go c.receive(n, 0)
		if err := c.send(n); err != nil {
			return err
		}
		return <-c.got
	}
	return c.measured(round, c.N)
}

func (c *client) exchange() (*job.Result, error) {
	if err := c.configure(windowMessages, windowBytes); err != nil {
		return nil, err
	}
	round := func(n int) error {
		go c.receive(c.acks(n), n)
		if err := c.send(n); err != nil {
			return err
		}
		return <-c.got
	}
	return c.measured(round, c.N)
}

// measured does something, once to warm up and once for the result.
func (c *client) measured(round func(n int) error, messages int) (*job.Result, error) {
	if c.Warmup > 0 {
		if err := round(c.Warmup); err != nil {
			return nil, err
		}
	}
	g := gauge.Start()
	if err := round(c.N); err != nil {
		return nil, err
	}
	return g.Stop(messages), nil
}

func (c *client) consume() (*job.Result, error) {
	g := gauge.Start()
	if err := c.configure(windowMessages, windowBytes); err != nil {
		return nil, err
	}
	if err := c.read(0, c.N); err != nil {
		return nil, err
	}
	return g.Stop(c.N), nil
}

func (c *client) pingPong() (*job.Result, error) {
	if err := c.configure(windowMessages, windowBytes); err != nil {
		return nil, err
	}
	came := make(chan struct{}, 1)
	c.onPush = func([]byte) { came <- struct{}{} }
	latency := gauge.NewLatency()
	round := func(n int) error {
		go c.receive(c.acks(n), n)
		for range n {
			start := time.Now()
			if err := c.sendEvent(1); err != nil {
				return err
			}
			select {
			case <-came:
			case err := <-c.got:
				if len(came) == 0 {
					return fmt.Errorf("the connection ended: %w", err)
				}
				<-came
				c.got <- err
			}
			latency.Record(time.Since(start))
		}
		return <-c.got
	}
	if c.Warmup > 0 {
		if err := round(c.Warmup); err != nil {
			return nil, err
		}
	}
	latency = gauge.NewLatency()
	g := gauge.Start()
	if err := round(c.N); err != nil {
		return nil, err
	}
	r := g.Stop(c.N)
	r.Latency = latency.Quantiles()
	return r, nil
}

func (c *client) paced() (*job.Result, error) {
	if err := c.configure(windowMessages, windowBytes); err != nil {
		return nil, err
	}
	epoch := time.Now()
	latency := gauge.NewLatency()
	c.onPush = func(payload []byte) {
		latency.Record(time.Since(epoch) - time.Duration(job.ReadStamp(payload)))
	}
	round := func(n int) error {
		go c.receive(c.acks(n), n)
		pacer := gauge.NewPacer(c.Rate)
		for range n {
			job.Stamp(c.payload, int64(pacer.Wait().Sub(epoch)))
			if err := c.sendEvent(1); err != nil {
				return err
			}
		}
		return <-c.got
	}
	if c.Warmup > 0 {
		if err := round(c.Warmup); err != nil {
			return nil, err
		}
	}
	latency = gauge.NewLatency()
	g := gauge.Start()
	if err := round(c.N); err != nil {
		return nil, err
	}
	r := g.Stop(c.N)
	r.Latency = latency.Quantiles()
	return r, nil
}
