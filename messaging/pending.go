package messaging

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Pending is a message that PublishAsync has sent, and its outcome to come.
type Pending struct {
	effort
	ctx     context.Context
	message *Message             // nil for a body of bytes without anything else
	hook    func(Receipt, error) // of Config.OnPublish
	begun   *inflight            // where it is counted

	mu       sync.Mutex
	done     chan struct{} // made for who asks
	finished bool
	receipt  Receipt
	err      error
}

// PublishAsync is Publish without waiting for the outcome, which Pending has. Failures come
// by Pending, too. It waits where it has to: for the queue to be opened, for MaxInFlight, for
// room in the session; until ctx or the producer's Timeout ends.
//
// ctx also bounds further attempts, but not the wait for the broker's answer: once a message
// is with the session its outcome comes when there is one, at the latest when the client is
// closed. The body must not be changed before.
func (p *Producer) PublishAsync(ctx context.Context, body any) *Pending {
	f := p.pend(ctx, body)
	f.send()
	return f
}

// pend makes ready what is to be published. If it can't be, it is finished.
func (p *Producer) pend(ctx context.Context, body any) *Pending {
	f := &Pending{ctx: ctx}
	f.p = p
	if data, ok := p.plainBody(body); ok {
		f.out = outgoing{payload: data, size: len(data)}
		f.attempt = attempt{p: p, out: &f.out, policy: p.cfg.Retry, uri: p.queue, began: time.Now()}
		return f
	}
	m := p.message(body)
	f.message, f.hook = &m, p.announce(ctx, &m)
	if err := f.ready(ctx, p, &m); err != nil {
		f.err, f.finished = err, true
	}
	return f
}

// send posts the message, unless it is finished.
func (f *Pending) send() {
	if !f.finished {
		var err error
		if f.begun, err = f.p.begin(f.ctx, true); err != nil {
			f.err, f.finished = err, true
		}
	}
	switch {
	case f.finished:
		f.p.conclude(f.message, f.receipt, f.err, f.hook)
	case len(f.all) > 1:
		f.later(func() (Receipt, error) { return f.runAll(f.ctx) })
	default:
		t := f.p.c.newPost()
		t.pending = f
		if err := f.start(f.ctx, t); err != nil {
			f.p.c.free(t)
			f.tryAgain(NotStored, err)
		}
	}
}

// answered takes the answer to the post. It is called on the session's goroutine.
func (f *Pending) answered(t *post) {
	outcome, err := t.outcome()
	if outcome == Stored {
		f.conclude(f.attempt.receipt(t), nil)
		return
	}
	f.tryAgain(outcome, err)
}

// tryAgain makes further attempts after one that failed, or finishes.
func (f *Pending) tryAgain(outcome Outcome, err error) {
	wait, err := f.again(f.ctx, outcome, err)
	if err != nil {
		f.conclude(Receipt{}, err)
		return
	}
	f.later(func() (Receipt, error) {
		timer := f.p.c.newTimer(time.Until(f.began.Add(f.p.cfg.Timeout)))
		defer f.p.c.freeTimer(timer)
		if err := f.pause(f.ctx, wait, timer); err != nil {
			return Receipt{}, err
		}
		return f.run(f.ctx)
	})
}

// later finishes on another goroutine.
func (f *Pending) later(run func() (Receipt, error)) {
	started := f.p.c.background(func(context.Context) { f.conclude(run()) })
	if !started {
		f.conclude(Receipt{}, f.failure(ErrClosed))
	}
}

// conclude finishes, after the hooks if there are any. They have a goroutine that nobody
// waits for, so that they may close the client.
func (f *Pending) conclude(r Receipt, err error) {
	if f.hook == nil && (err == nil || f.p.cfg.OnReturn == nil) {
		f.finish(r, err)
		return
	}
	go f.callHooks(r, err)
}

func (f *Pending) callHooks(r Receipt, err error) {
	defer f.finish(r, err) // also if a hook ends its goroutine
	f.p.conclude(f.message, r, err, f.hook)
}

func (f *Pending) finish(r Receipt, err error) {
	f.mu.Lock()
	f.receipt, f.err, f.finished = r, err, true
	if f.done != nil {
		close(f.done)
	}
	f.mu.Unlock()
	f.p.end(f.begun, true)
}

// Done returns a channel that is closed when there is an outcome.
func (f *Pending) Done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = make(chan struct{})
		if f.finished {
			close(f.done)
		}
	}
	return f.done
}

// wait tells whether there is an outcome before ctx ends.
func (f *Pending) wait(ctx context.Context) bool {
	f.mu.Lock()
	finished := f.finished
	f.mu.Unlock()
	if finished {
		return true
	}
	select {
	case <-f.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

// Wait returns the outcome, as Publish does, or the context's error if that ends before.
func (f *Pending) Wait(ctx context.Context) (Receipt, error) {
	if !f.wait(ctx) {
		return Receipt{}, ctx.Err()
	}
	return f.receipt, f.err
}

// Result is the outcome of one message of a batch.
type Result struct {
	Receipt Receipt
	Err     error // nil if the message is stored
}

var errBatch = errors.New("messaging: another message of the batch can't be published")

// PublishBatch sends many messages and waits for all outcomes, which it returns in order. If
// one of them can't be encoded or routed, none is sent. It is no transaction: some may be
// stored and others not. The error joins those of the results.
func (p *Producer) PublishBatch(ctx context.Context, bodies ...any) ([]Result, error) {
	list := make([]*Pending, len(bodies))
	bad := false
	for i, body := range bodies {
		list[i] = p.pend(ctx, body)
		bad = bad || list[i].finished
	}
	for _, f := range list {
		if bad && !f.finished {
			f.err, f.finished = &PublishError{Queue: f.uri, Outcome: NotStored, Err: errBatch}, true
		}
		f.send()
	}
	results, errs := make([]Result, len(list)), make([]error, len(list))
	for i, f := range list {
		if f.wait(ctx) {
			results[i] = Result{f.receipt, f.err}
		} else {
			results[i].Err = &PublishError{Queue: f.uri, Outcome: Unknown, Attempts: 1, Err: ctx.Err()}
		}
		errs[i] = results[i].Err
	}
	return results, errors.Join(errs...)
}
