package messaging

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// replies are the requests of Call that wait for their replies, and the queues that these
// come by.
type replies struct {
	mu      sync.Mutex
	queues  map[string]*replyQueue // by domain
	waiting map[string]chan *Delivery
}

// replyQueue is a queue of replies, or the effort to open one.
type replyQueue struct {
	uri   string
	err   error
	ready chan struct{} // closed when uri or err is set
	gone  chan struct{} // closed when nobody reads it any more
}

// Reply publishes the answer to a request: to the queue that it names by ReplyTo, with its
// CorrelationID, or else its MessageID. Without a ReplyTo the error is ErrNoReplyTo.
func (p *Producer) Reply(ctx context.Context, request *Delivery, body any) (Receipt, error) {
	if request == nil || request.message == nil {
		return Receipt{}, &PublishError{Outcome: NotStored, Err: fmt.Errorf("%w: there is no request", ErrNoReplyTo)}
	}
	m := asMessage(body)
	m.Queue, m.Exchange, m.CorrelationID = request.ReplyTo(), nil, request.CorrelationID()
	if m.CorrelationID == "" {
		m.CorrelationID = request.MessageID()
	}
	if m.Queue == "" {
		return Receipt{}, &PublishError{Outcome: NotStored, Err: ErrNoReplyTo}
	}
	return p.Publish(ctx, &m)
}

// Call publishes a request and waits for its reply, until ctx ends. The reply comes by a
// queue of the client's own, in the domain of the request's or in Config.ReplyDomain, which
// has to be of priority mode. The reply is acked already.
//
// The request gets ctx's deadline as its Expiration, unless it has one: nobody waits longer.
func (c *Client) Call(ctx context.Context, queue string, request any) (*Delivery, error) {
	m := asMessage(request)
	uri, err := c.cfg.Topology.resolveURI(queue)
	if err != nil {
		return nil, err
	}
	domain := c.cfg.ReplyDomain
	if domain == "" {
		if domain, err = domainOf(uri); err != nil {
			return nil, err
		}
	}
	q, err := c.replyQueue(ctx, domain)
	if err != nil {
		return nil, err
	}
	m.Queue, m.ReplyTo = uri, q.uri
	if m.CorrelationID == "" {
		m.CorrelationID = rand.Text()
	}
	if deadline, ok := ctx.Deadline(); ok && m.Expiration == 0 {
		m.Expiration = time.Until(deadline)
	}
	reply, forget, err := c.replies.expect(m.CorrelationID)
	if err != nil {
		return nil, err
	}
	defer forget()
	if _, err := c.internal.Publish(ctx, &m); err != nil {
		return nil, err
	}
	select {
	case d := <-reply:
		return d, nil
	case <-q.gone:
		return nil, fmt.Errorf("messaging: waiting for a reply: %w", ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("messaging: waiting for a reply from %s: %w", uri, ctx.Err())
	}
}

// expect returns where the reply to a request comes.
func (r *replies) expect(id string) (reply <-chan *Delivery, forget func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting[id] != nil {
		return nil, nil, fmt.Errorf("%w: another call has the CorrelationID %q", ErrBusy, id)
	}
	if r.waiting == nil {
		r.waiting = make(map[string]chan *Delivery)
	}
	ch := make(chan *Delivery, 1)
	r.waiting[id] = ch
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.waiting, id)
	}, nil
}

// deliver gives a reply to whom it is for.
func (r *replies) deliver(d *Delivery) (wanted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := r.waiting[d.CorrelationID()]
	if ch == nil {
		return false
	}
	select {
	case ch <- d:
	default: // it came twice
	}
	return true
}

// replyQueue returns the queue of replies in a domain. The first call opens it.
func (c *Client) replyQueue(ctx context.Context, domain string) (*replyQueue, error) {
	r := &c.replies
	for {
		r.mu.Lock()
		q := r.queues[domain]
		if q == nil {
			q = &replyQueue{ready: make(chan struct{}), gone: make(chan struct{})}
			if r.queues == nil {
				r.queues = make(map[string]*replyQueue)
			}
			r.queues[domain] = q
			r.mu.Unlock()
			c.openReplyQueue(ctx, domain, q)
			return q, q.err
		}
		r.mu.Unlock()
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if q.err == nil {
			return q, nil
		}
		// Whoever opened it may have had less time.
		if !errors.Is(q.err, context.Canceled) && !errors.Is(q.err, context.DeadlineExceeded) {
			return nil, q.err
		}
	}
}

func (c *Client) openReplyQueue(ctx context.Context, domain string, q *replyQueue) {
	temp := TempQueue(domain)
	k, err := c.NewConsumer(ctx, ConsumerConfig{Name: "replies", Queues: []Queue{temp}, AckMode: AckOnReceive})
	if err == nil {
		if err = k.Start(ctx); err == nil && !c.background(func(ctx context.Context) { c.readReplies(ctx, domain, k, q) }) {
			err = ErrClosed
		}
		if err != nil {
			err = errors.Join(err, k.Close(ctx))
		}
	}
	q.uri, q.err = temp.URI, err
	if err != nil {
		c.forgetReplyQueue(domain)
		close(q.gone)
	}
	close(q.ready)
}

func (c *Client) forgetReplyQueue(domain string) {
	c.replies.mu.Lock()
	defer c.replies.mu.Unlock()
	delete(c.replies.queues, domain)
}

// readReplies hands out replies until the client is closed, or the queue lost.
func (c *Client) readReplies(ctx context.Context, domain string, k *Consumer, q *replyQueue) {
	defer close(q.gone)
	defer c.forgetReplyQueue(domain)
	for d, err := range k.Deliveries(ctx) {
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, ErrClosed) {
				c.log.Error("the queue of replies is lost", "queue", q.uri, "error", err)
			}
			break
		}
		if !c.replies.deliver(d) {
			c.log.Debug("a reply that nobody waits for", "queue", d.Queue(), "correlation_id", d.CorrelationID())
		}
	}
	if err := k.Close(ctx); err != nil && ctx.Err() == nil {
		c.log.Debug("the queue of replies was not closed", "queue", q.uri, "error", err)
	}
}
