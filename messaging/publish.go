package messaging

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/bmq-go/bmq"
)

// Receipt says that a message is stored, and where.
type Receipt struct {
	Queue     string          // URI
	GUID      bmq.MessageGUID // the broker's identification of the message
	MessageID string          // if it has one
	Attempts  int             // posts that were made
	Size      int             // of the encoded body, in bytes
	Posted    int             // the same after compression by this package
	Copies    []Receipt       // for each further queue that an exchange chose
}

// Publish sends a message and waits until the broker has stored it. body is a *Message, or
// any value for a message that is nothing else. The error is a *PublishError, or several
// joined where an exchange chose several queues: then the receipt is about those that have
// the message. ErrNotStored and ErrOutcomeUnknown tell what is known.
//
// What was not stored, because a queue is full for instance, is tried again as the
// RetryPolicy says. When ctx or the producer's Timeout ends while an answer is awaited, the
// outcome is unknown: the session keeps what it has been given, and sends it when there is a
// connection.
//
// That it is stored does not mean that somebody gets it: subscriptions of a domain's
// operator, or the absence of consumers in a broadcast domain, may keep it from all.
func (p *Producer) Publish(ctx context.Context, body any) (Receipt, error) {
	begun, err := p.begin(ctx, false)
	if err == nil {
		defer p.end(begun, false)
	}
	if data, ok := p.plainBody(body); ok {
		if err != nil {
			return Receipt{}, err
		}
		out := outgoing{payload: data, size: len(data)}
		a := attempt{p: p, out: &out, policy: p.cfg.Retry, uri: p.queue, began: time.Now()}
		return a.run(ctx)
	}
	m := p.message(body)
	done := p.announce(ctx, &m)
	var r Receipt
	if err == nil {
		r, err = p.publish(ctx, &m)
	}
	p.conclude(&m, r, err, done)
	return r, err
}

// plainBody returns a body that is sent as it is, with nothing said about it.
func (p *Producer) plainBody(body any) (data []byte, ok bool) {
	if !p.plain {
		return nil, false
	}
	data, ok = body.([]byte)
	return data, ok && len(data) > 0
}

// begin counts a publish, and for one that is not waited for takes a place among those. end
// has to follow.
func (p *Producer) begin(ctx context.Context, async bool) (begun *inflight, err error) {
	begun = p.pending.add()
	if p.closed.Load() {
		err = ErrClosed
	} else if async && p.slots != nil {
		err = p.takeSlot(ctx)
	}
	if err != nil {
		begun.done()
		return nil, &PublishError{Queue: p.queue, Outcome: NotStored, Err: err}
	}
	return begun, nil
}

// takeSlot waits for a place among the messages that are not waited for.
func (p *Producer) takeSlot(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	timer := p.c.newTimer(p.cfg.Timeout)
	defer p.c.freeTimer(timer)
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errTimeout
	case <-p.ctx.Done():
		return ErrClosed
	}
}

func (p *Producer) end(begun *inflight, async bool) {
	if async && p.slots != nil {
		<-p.slots
	}
	begun.done()
}

// announce tells the client's hook of a message.
func (p *Producer) announce(ctx context.Context, m *Message) (done func(Receipt, error)) {
	hook := p.c.cfg.OnPublish
	if hook == nil {
		return nil
	}
	header := make(Header, len(m.Header)+2)
	maps.Copy(header, m.Header)
	m.Header = header
	if err := protect(func() error { done = hook(ctx, m); return nil }); err != nil {
		p.c.log.Error("OnPublish panicked", "error", err)
	}
	return done
}

// conclude tells the hooks of an outcome.
func (p *Producer) conclude(m *Message, r Receipt, err error, done func(Receipt, error)) {
	fatal := protect(func() error {
		if done != nil {
			done(r, err)
		}
		if err != nil && p.cfg.OnReturn != nil {
			p.cfg.OnReturn(Return{Err: err, Message: m})
		}
		return nil
	})
	if fatal != nil {
		p.c.log.Error("OnPublish or OnReturn panicked", "error", fatal)
	}
}

// message returns body as a message of its own, with what it leaves to the producer.
func (p *Producer) message(body any) Message {
	m := asMessage(body)
	if m.Key == "" {
		m.Key = p.cfg.Key
	}
	if m.AppID == "" {
		m.AppID = p.cfg.AppID
	}
	if m.Exchange == nil && m.Queue == "" {
		m.Exchange, m.Queue = p.cfg.Exchange, p.queue
	}
	return m
}

// routes returns the queues that m goes to: the first one, and all where there are several.
func (p *Producer) routes(m *Message) (first string, all []string, err error) {
	if m.Exchange == nil {
		if m.Queue != p.queue || m.Queue == "" {
			m.Queue, err = p.c.cfg.Topology.resolveURI(m.Queue)
		}
		return m.Queue, nil, err
	}
	for _, name := range m.Exchange.Route(m.Key, m.Header) {
		uri, err := p.c.cfg.Topology.resolveURI(name)
		if err != nil {
			return "", nil, err
		}
		all = append(all, uri)
	}
	if len(all) == 0 {
		return "", nil, ErrUnroutable
	}
	return all[0], all, nil
}

func (p *Producer) policy(m *Message) *RetryPolicy {
	if m.Retry != nil {
		return m.Retry
	}
	return p.cfg.Retry
}

// effort is a message that is ready to be posted, and where to.
type effort struct {
	attempt
	out outgoing
	all []string // more than one: the queues that an exchange chose
}

// ready makes ready a message, which it fills in.
func (e *effort) ready(ctx context.Context, p *Producer, m *Message) error {
	first, all, err := p.routes(m)
	if err == nil {
		e.out, err = p.prepare(ctx, m, first, p.policy(m))
	}
	if err != nil {
		p.c.stats.notStored.Add(1)
		return &PublishError{Queue: first, Outcome: NotStored, Err: err}
	}
	e.attempt = attempt{p: p, out: &e.out, policy: p.policy(m), uri: first, began: time.Now()}
	e.all = all
	return nil
}

// publish sends m to all queues that it goes to.
func (p *Producer) publish(ctx context.Context, m *Message) (Receipt, error) {
	var e effort
	if err := e.ready(ctx, p, m); err != nil {
		return Receipt{}, err
	}
	if len(e.all) <= 1 {
		return e.run(ctx)
	}
	return e.runAll(ctx)
}

// copy publishes a body with properties that are there already, such as those of a message
// that was received.
func (p *Producer) copy(ctx context.Context, queue string, data []byte, properties *properties) (Receipt, error) {
	begun, err := p.begin(ctx, false)
	if err != nil {
		return Receipt{}, err
	}
	defer p.end(begun, false)
	out := outgoing{payload: data, size: len(data), properties: *properties}
	a := attempt{p: p, out: &out, policy: p.cfg.Retry, uri: queue, began: time.Now()}
	return a.run(ctx)
}

// runAll sends the message to several queues at the same time.
func (e *effort) runAll(ctx context.Context) (Receipt, error) {
	receipts, errs := make([]Receipt, len(e.all)), make([]error, len(e.all))
	var all sync.WaitGroup
	for i, uri := range e.all {
		all.Go(func() {
			one := e.attempt
			one.uri = uri
			receipts[i], errs[i] = one.run(ctx)
		})
	}
	all.Wait()
	var r Receipt
	for i, err := range errs {
		switch {
		case err != nil:
		case r.Queue == "":
			r = receipts[i]
		default:
			r.Copies = append(r.Copies, receipts[i])
		}
	}
	return r, errors.Join(errs...)
}
