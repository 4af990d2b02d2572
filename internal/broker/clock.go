package broker

import (
	"fmt"
	"sync"
	"time"
)

// Clock is the broker's time: real time (or that of a testing/synctest bubble)
// plus what a test advanced it by. Times to live, throttles, deadlines and
// authentication lifetimes follow it.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	timers map[*Timer]struct{}
}

// Timer runs a function once when the clock reaches a time.
type Timer struct {
	clock *Clock
	when  time.Time
	fn    func()
	real  *time.Timer
}

// NewClock returns a clock that shows the real time.
func NewClock() *Clock { return &Clock{timers: make(map[*Timer]struct{})} }

// Now returns the broker's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return time.Now().Add(c.offset) }

// AfterFunc arranges for fn to be called, in a goroutine of its own, once d has
// passed.
func (c *Clock) AfterFunc(d time.Duration, fn func()) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &Timer{clock: c, when: c.now().Add(d), fn: fn}
	t.real = time.AfterFunc(d, t.fire)
	c.timers[t] = struct{}{}
	return t
}

func (t *Timer) fire() {
	if t.Stop() {
		t.fn()
	}
}

// Stop keeps the timer from firing; it answers false if it fired or was stopped
// before. A nil timer was never started.
func (t *Timer) Stop() bool {
	if t == nil {
		return false
	}
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if _, pending := t.clock.timers[t]; !pending {
		return false
	}
	delete(t.clock.timers, t)
	t.real.Stop()
	return true
}

// Advance moves the clock forward by d and runs, in the caller's goroutine and in
// the order of their times, the functions of all timers that are then due. What
// these functions arrange counts from the new time. A negative d is an error, and changes
// nothing.
func (c *Clock) Advance(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("the clock can't move by %v: time goes forward only", d)
	}
	c.mu.Lock()
	c.offset += d
	now := c.now()
	for t := range c.timers {
		t.real.Reset(max(0, t.when.Sub(now)))
	}
	due := c.takeDue(now)
	c.mu.Unlock()
	for _, t := range due {
		t.fn()
	}
	return nil
}

// takeDue removes the timers that are due at now and returns them, earliest first.
func (c *Clock) takeDue(now time.Time) []*Timer {
	var due []*Timer
	for t := range c.timers {
		if t.when.After(now) {
			continue
		}
		t.real.Stop()
		delete(c.timers, t)
		i := len(due)
		due = append(due, t)
		for ; i > 0 && due[i-1].when.After(t.when); i-- {
			due[i] = due[i-1]
		}
		due[i] = t
	}
	return due
}
