package messaging

import (
	"context"
	"errors"
)

// Messaging is a producer and a consumer that belong together, for instance of the same
// queue. It has the methods of both.
type Messaging struct {
	*Producer
	*Consumer
}

// NewMessaging returns a pair. If both use the same queue it is opened for reading and
// writing at once. A consumer of a fanout domain has a URI of its own, with its application.
func (c *Client) NewMessaging(ctx context.Context, p ProducerConfig, k ConsumerConfig) (*Messaging, error) {
	lazy := k.Lazy
	k.Lazy = true
	consumer, err := c.NewConsumer(ctx, k)
	if err != nil {
		return nil, err
	}
	consumer.writes(p.Queue)
	m := &Messaging{Consumer: consumer}
	if !lazy {
		err = consumer.Open(ctx)
	}
	if err == nil {
		m.Producer, err = c.NewProducer(ctx, p)
	}
	if err != nil {
		return nil, errors.Join(err, consumer.Close(ctx))
	}
	return m, nil
}

// writes opens a queue, if it is one of the consumer's, for writing too.
func (c *Consumer) writes(queue string) {
	uri, err := c.client.cfg.Topology.resolveURI(queue)
	if err != nil {
		return // the producer will say so, if it matters
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.queues {
		if c.queues[i].URI == uri {
			c.queues[i].Write = true
		}
	}
}

// Open opens the queues of both.
func (m *Messaging) Open(ctx context.Context) error {
	return errors.Join(m.Consumer.Open(ctx), m.Producer.Open(ctx))
}

// Client returns the client.
func (m *Messaging) Client() *Client { return m.Producer.c }

// Close ends the consumer, then the producer: handlers may publish to the end.
func (m *Messaging) Close(ctx context.Context) error {
	return errors.Join(m.Consumer.Close(ctx), m.Producer.Close(ctx))
}
