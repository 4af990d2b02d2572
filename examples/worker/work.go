package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bmq-go/bmq/messaging"
)

// job is the body of a message.
type job struct {
	Number int `json:"number"`
}

// progress counts what became of the jobs.
type progress struct {
	done context.CancelFunc // called when none is left

	mu                     sync.Mutex
	left                   int // 0 or less: nobody counts
	finished, failed, dead int
}

// work does a job. Every fourth one succeeds at the second attempt only, the seventh never.
func (p *progress) work(_ context.Context, j job, d *messaging.Delivery) error {
	switch {
	case j.Number == 7:
		return p.fail(j, d, errors.New("nobody can do job 7"))
	case j.Number%4 == 0 && d.Attempt() == 1:
		return p.fail(j, d, errors.New("out of luck"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Printf("Job %d done, attempt %d\n", j.Number, d.Attempt())
	p.finished++
	p.settled()
	return nil
}

func (p *progress) fail(j job, d *messaging.Delivery, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Printf("Job %d failed, attempt %d: %v\n", j.Number, d.Attempt(), err)
	p.failed++
	return err
}

// bury takes a dead letter.
func (p *progress) bury(_ context.Context, j job, d *messaging.Delivery) error {
	reason, _ := d.Header().Str("dead_letter_reason")
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Printf("Job %d is given up: %s\n", j.Number, reason)
	p.dead++
	p.settled()
	return nil
}

// settled counts a job that is through. The caller holds mu.
func (p *progress) settled() {
	if p.left--; p.left == 0 {
		p.done()
	}
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d jobs done, %d given up, %d failures on the way", p.finished, p.dead, p.failed)
}
