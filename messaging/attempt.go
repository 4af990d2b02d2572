package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmq-go/bmq"
)

// attempt is the effort to have a message stored in one queue.
type attempt struct {
	p      *Producer
	out    *outgoing
	policy *RetryPolicy
	uri    string
	began  time.Time
	tries  int   // so far, those included that did not come as far as to a post
	posts  int   // made so far
	doubt  bool  // one of them may have been stored
	last   error // of the try before
}

// run posts until the message is stored, or there is no further attempt.
func (a *attempt) run(ctx context.Context) (Receipt, error) {
	c := a.p.c
	timer := c.newTimer(time.Until(a.began.Add(a.p.cfg.Timeout)))
	defer c.freeTimer(timer)
	for {
		t := c.newPost()
		outcome, err := a.once(ctx, t, timer)
		if outcome == Stored {
			r := a.receipt(t)
			c.free(t)
			return r, nil
		}
		// The post is not used again: its answer may still come.
		wait, err := a.again(ctx, outcome, err)
		if err == nil {
			err = a.pause(ctx, wait, timer)
		}
		if err != nil {
			return Receipt{}, err
		}
	}
}

// once makes one post and waits for its answer.
func (a *attempt) once(ctx context.Context, t *post, timer *time.Timer) (Outcome, error) {
	if err := a.start(ctx, t); err != nil {
		return NotStored, err
	}
	select {
	case <-t.done:
		return t.outcome()
	case <-ctx.Done():
		return Unknown, ctx.Err()
	case <-timer.C:
		return Unknown, errTimeout
	}
}

// start makes one post. What comes before it, opening the queue or waiting for room, may
// take as long as the whole.
func (a *attempt) start(ctx context.Context, t *post) error {
	a.tries++
	a.posts++ // now, since the answer may come before this returns
	limited := a.p.c.newDeadline(ctx, a.began.Add(a.p.cfg.Timeout))
	h := a.p.primary.Load()
	var err error
	if h != nil && h.uri == a.uri {
		err = t.start(limited, h, a.out)
	} else {
		err = a.open(limited, t)
	}
	over := a.p.c.freeDeadline(limited)
	if err == nil {
		return nil
	}
	a.posts--
	if over {
		err = fmt.Errorf("%w: %w", errTimeout, err)
	}
	return err
}

// open makes the post to a queue that may have to be opened, and even again, should it have
// been closed for another one meanwhile.
func (a *attempt) open(ctx context.Context, t *post) error {
	for {
		h, err := a.p.target(ctx, a.uri, false)
		if err != nil {
			return err
		}
		if err = t.start(ctx, h, a.out); !errors.Is(err, ErrClosed) || a.p.ctx.Err() != nil {
			return err
		}
	}
}

// again tells how long to wait before another attempt, or returns the final error.
func (a *attempt) again(ctx context.Context, outcome Outcome, err error) (wait time.Duration, final error) {
	a.doubt = a.doubt || outcome == Unknown
	if ctx.Err() != nil || errors.Is(err, errTimeout) || outcome == Unknown && !a.policy.AllowDuplicates {
		return 0, a.failure(err)
	}
	policy := a.policy.forOperations()
	if outcome == Unknown {
		retryIf := policy.RetryIf
		policy.RetryIf = func(err error) bool { return errors.Is(err, bmq.ErrUnknown) || retryIf(err) }
	}
	wait, final = policy.next(err, a.tries, a.began)
	if final != nil {
		return 0, a.failure(final)
	}
	if a.p.cfg.Timeout < time.Since(a.began)+wait {
		return 0, a.failure(fmt.Errorf("%w, after %w", errTimeout, err))
	}
	a.p.c.stats.republished.Add(1)
	a.last = err
	return wait, nil
}

// pause waits before another attempt, or returns the final error.
func (a *attempt) pause(ctx context.Context, wait time.Duration, timer *time.Timer) error {
	delay := time.NewTimer(wait)
	defer delay.Stop()
	select {
	case <-delay.C:
		return nil
	case <-ctx.Done():
		return a.failure(fmt.Errorf("%w, after %w", ctx.Err(), a.last))
	case <-a.p.ctx.Done():
		return a.failure(fmt.Errorf("%w, after %w", ErrClosed, a.last))
	case <-timer.C:
		return a.failure(fmt.Errorf("%w, after %w", errTimeout, a.last))
	}
}

// failure is the error of a message that there is no further attempt for.
func (a *attempt) failure(err error) error {
	e := &PublishError{Queue: a.uri, Outcome: NotStored, Attempts: a.posts, Err: err}
	if a.doubt {
		e.Outcome = Unknown
		a.p.c.stats.unknown.Add(1)
	} else {
		a.p.c.stats.notStored.Add(1)
	}
	return e
}

func (a *attempt) receipt(t *post) Receipt {
	a.p.c.stats.stored.Add(1)
	return Receipt{
		Queue: a.uri, GUID: t.guid, MessageID: a.out.id, Attempts: a.posts, Size: a.out.size, Posted: len(a.out.payload),
	}
}
