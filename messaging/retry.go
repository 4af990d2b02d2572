package messaging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// RetryPolicy says how often and when something is tried again. The zero value is a
// good one: it is the default of whoever uses it, and it has an end.
type RetryPolicy struct {
	// MaxAttempts is how often it is tried, the first time included. Default 0: as
	// often as Total and the context allow. 1: once.
	MaxAttempts int
	// Start is the wait before the second attempt; it doubles from there to Max. A wait
	// is a random time between half of that and all of it. Default 100 ms, Max 10 s;
	// for deliveries 1 s and 1 min.
	Start, Max time.Duration
	// Total is the time after which no further attempt begins. Default 60 s. For
	// deliveries it has no effect.
	Total time.Duration
	// AllowDuplicates also tries again to publish what may have been stored. Messages
	// get a message_id then, by which receivers can recognise duplicates.
	AllowDuplicates bool
	// RetryIf tells which errors are worth another attempt. Default Temporary; for
	// deliveries all but ErrDecode.
	RetryIf func(error) bool
	// OnRetry is told of each failure that is followed by another attempt, of which the
	// failed one was number attempt, counted from 1, and of the wait before the next. A
	// panic of it, or of RetryIf, ends the attempts; deliveries are tried again all the same.
	OnRetry func(err error, attempt int, wait time.Duration)
}

// withDefaults fills in what is left out.
func (p RetryPolicy) withDefaults(start, longest time.Duration) RetryPolicy {
	if p.Start <= 0 {
		p.Start = start
	}
	if p.Max <= 0 {
		p.Max = max(longest, p.Start)
	}
	if p.Total <= 0 {
		p.Total = time.Minute
	}
	return p
}

func (p RetryPolicy) forOperations() RetryPolicy {
	if p.RetryIf == nil {
		p.RetryIf = Temporary
	}
	return p.withDefaults(100*time.Millisecond, 10*time.Second)
}

func (p RetryPolicy) forDeliveries() RetryPolicy { return p.withDefaults(time.Second, time.Minute) }

// wait is how long to wait after a failed attempt, counted from 1.
func (p *RetryPolicy) wait(attempt int) time.Duration {
	w := p.Start
	for i := 1; i < attempt && w < p.Max; i++ {
		if w > p.Max/2 { // and might overflow
			w = p.Max
		} else {
			w *= 2
		}
	}
	w = min(w, p.Max)
	return w/2 + rand.N(w/2+1)
}

// next returns how long to wait for another attempt after the given one failed with err,
// begun at the given time; or, if there is none, the final error.
func (p *RetryPolicy) next(err error, attempt int, began time.Time) (wait time.Duration, final error) {
	again := false
	panicked := protect(func() error {
		if p.MaxAttempts > 0 && attempt >= p.MaxAttempts || !p.RetryIf(err) {
			return nil
		}
		wait = p.wait(attempt)
		again = time.Since(began)+wait <= p.Total
		if again && p.OnRetry != nil {
			p.OnRetry(err, attempt, wait)
		}
		return nil
	})
	switch {
	case panicked != nil:
		return 0, errors.Join(err, panicked)
	case !again:
		return 0, err
	}
	return wait, nil
}

// Do calls op until it succeeds or the policy is at its end, and returns its last error.
func (p RetryPolicy) Do(ctx context.Context, op func(context.Context) error) error {
	if op == nil {
		return errors.New("messaging: RetryPolicy.Do: there is no operation")
	}
	p = p.forOperations()
	began := time.Now()
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		wait, final := p.next(err, attempt, began)
		if final != nil {
			return final
		}
		if ctxErr := pause(ctx, wait); ctxErr != nil {
			return fmt.Errorf("%w, after %w", ctxErr, err)
		}
	}
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
