package messaging

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/expr"
)

// NoLimit is a QoS without a limit, as far as brokers know of none: the largest number
// that they take.
const NoLimit = math.MaxInt32

// QoS bounds what a consumer has in hand of a queue: handed out and not settled. Zero
// stands for the default, and leaves it as it is when QoS is set; to stop a queue there
// is Consumer.Pause.
type QoS struct {
	// Messages is the number of messages. Default 1000. 1 means one message at a time.
	Messages int
	// Bytes is the size of what the broker sends ahead; a larger message is sent alone.
	// Default 32 MiB.
	Bytes int
}

// Queue is a queue to consume from, and how.
type Queue struct {
	// URI is the queue's URI, "bmq://domain/queue", with an application of a fanout queue
	// "bmq://domain/queue?id=app"; or a name in the client's Topology, whose other fields
	// then count where these are zero.
	URI string
	// QoS bounds what is in hand.
	QoS QoS
	// Priority decides who gets messages: only the consumers with the highest one do, in
	// turn, even while they are paused or can take no more. Default 0.
	Priority int
	// Subscriptions select messages by their properties, in the broker. Default all.
	Subscriptions []bmq.Subscription
	// SuspendOnBadHost pauses the queue while the host is unhealthy, as a monitor given
	// by bmq.WithHostHealthMonitor says.
	SuspendOnBadHost bool
	// DeadLetter is the queue, a URI or a name in the Topology, that Reject puts messages
	// into. Default none.
	DeadLetter string
	// Write opens the queue for writing too, from the start on. Requeue needs it, and a
	// Producer of the same client need not wait then until nothing is in hand.
	Write bool
	// Broadcast says that the queue's domain is one of broadcast mode: there is nothing to
	// confirm, and the oldest of more than QoS.Messages that wait are dropped.
	Broadcast bool
}

// TempQueue returns a queue of a new name in a domain, for replies for instance. As with
// all queues, the broker removes it when it is empty and unused for a while.
func TempQueue(domain string) Queue {
	return Queue{URI: "bmq://" + domain + "/tmp-" + rand.Text()}
}

// merge fills in what is zero in q from its namesake in a Topology.
func (q Queue) merge(named Queue) Queue {
	merged := named
	if q.QoS.Messages != 0 {
		merged.QoS.Messages = q.QoS.Messages
	}
	if q.QoS.Bytes != 0 {
		merged.QoS.Bytes = q.QoS.Bytes
	}
	if q.Priority != 0 {
		merged.Priority = q.Priority
	}
	if q.Subscriptions != nil {
		merged.Subscriptions = q.Subscriptions
	}
	if q.DeadLetter != "" {
		merged.DeadLetter = q.DeadLetter
	}
	merged.SuspendOnBadHost = q.SuspendOnBadHost || named.SuspendOnBadHost
	merged.Write = q.Write || named.Write
	merged.Broadcast = q.Broadcast || named.Broadcast
	return merged
}

// check refuses what can't be consumed from.
func (q *Queue) check() error {
	uri, err := bmq.ParseURI(q.URI)
	switch {
	case err != nil:
		return fmt.Errorf("messaging: %w", err)
	case uri.AppID != "" && q.Write:
		return fmt.Errorf("messaging: queue %s: an application only reads; leave out Write", q.URI)
	case q.QoS.Messages < 0 || q.QoS.Bytes < 0 || q.QoS.Messages > NoLimit || q.QoS.Bytes > NoLimit:
		return fmt.Errorf("messaging: queue %s: QoS must be between 0 and NoLimit", q.URI)
	}
	for _, s := range q.Subscriptions {
		if s.Expression == "" {
			continue
		}
		if _, err := expr.Compile(s.Expression); err != nil {
			return fmt.Errorf("messaging: queue %s: expression %q of a subscription: %w", q.URI, s.Expression, err)
		}
	}
	return nil
}

// fanout tells whether the queue is one of a fanout domain: it is read by applications.
func (q *Queue) fanout() bool {
	uri, err := bmq.ParseURI(q.URI)
	return err == nil && uri.AppID != ""
}

// options are the queue's options for the session.
func (q *Queue) options(paused bool) bmq.QueueOptions {
	o := bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(q.messages()),
		MaxUnconfirmedBytes:    bmq.Some(q.bytes()),
		ConsumerPriority:       bmq.Some(q.Priority),
	}
	if q.SuspendOnBadHost {
		o.SuspendsOnBadHostHealth = bmq.Some(true)
	}
	if paused {
		o.MaxUnconfirmedMessages, o.MaxUnconfirmedBytes = bmq.Some(0), bmq.Some(0)
	}
	return o
}

func (q *Queue) messages() int {
	if q.QoS.Messages == 0 {
		return bmq.DefaultMaxUnconfirmedMessages
	}
	return q.QoS.Messages
}

func (q *Queue) bytes() int {
	if q.QoS.Bytes == 0 {
		return bmq.DefaultMaxUnconfirmedBytes
	}
	return q.QoS.Bytes
}

// resolve returns the queue of a name in the topology, or of a URI, in its canonical
// form.
func (t *Topology) resolve(q Queue) (Queue, error) {
	if named, ok := t.queue(q.URI); ok {
		q = q.merge(named)
	}
	uri, err := bmq.ParseURI(q.URI)
	switch {
	case err != nil && t != nil && !strings.Contains(q.URI, "://"):
		return q, fmt.Errorf("messaging: %q is no queue of the topology: %w", q.URI, err)
	case err != nil:
		return q, fmt.Errorf("messaging: %w", err)
	}
	q.URI = uri.String()
	return q, q.check()
}

// resolveURI is resolve for the URI of a queue to post to.
func (t *Topology) resolveURI(name string) (string, error) {
	if name == "" {
		return "", errors.New("messaging: neither a queue nor an exchange was given")
	}
	q, err := t.resolve(Queue{URI: name})
	if err != nil {
		return "", err
	}
	if uri, _ := bmq.ParseURI(q.URI); uri.AppID != "" {
		return "", fmt.Errorf("messaging: %s: an application only reads; publish to %s", q.URI, uri.Canonical())
	}
	return q.URI, nil
}
