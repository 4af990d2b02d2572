package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bmq-go/bmq"
)

// A message begins with the number of the run, its own number and when it was posted.
const headerSize = 3 * 8

// maxInFlight and maxInFlightBytes bound what waits in the queue at a time.
const (
	maxInFlight      = 500
	maxInFlightBytes = 512 << 10
)

// tally counts what happens. Its on... methods are the session's handlers.
type tally struct {
	size     int
	run      uint64        // tells our messages from what else may be in the queue
	inFlight chan struct{} // one entry for each message in the queue

	mu        sync.Mutex
	started   time.Time
	last      time.Time // when something came from the broker
	posted    int
	acked     int
	nacked    int
	confirmed int
	repeated  int // came again
	foreign   int // are not ours
	seen      []bool
	latency   []time.Duration
	refusal   bmq.AckStatus // the first one
	ended     bool          // all is posted
	done      chan struct{} // closed when all is posted, acked and back
}

func newTally(o options) *tally {
	return &tally{
		size:     o.size,
		run:      rand.Uint64(),
		inFlight: make(chan struct{}, max(1, min(maxInFlight, maxInFlightBytes/o.size))),
		started:  time.Now(),
		last:     time.Now(),
		done:     make(chan struct{}),
	}
}

// next makes the next message to post.
func (t *tally) next() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	data := make([]byte, t.size)
	binary.BigEndian.PutUint64(data, t.run)
	binary.BigEndian.PutUint64(data[8:], uint64(t.posted))
	binary.BigEndian.PutUint64(data[16:], uint64(time.Since(t.started)))
	t.posted++
	t.seen = append(t.seen, false)
	return data
}

// takeBack is for a message that could not be posted.
func (t *tally) takeBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.posted--
}

func (t *tally) onAck(a *bmq.Ack) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = time.Now()
	if a.Status == bmq.AckSuccess {
		t.acked++
	} else {
		if t.nacked++; t.nacked == 1 {
			t.refusal = a.Status
		}
		t.land()
	}
	t.check()
}

func (t *tally) onMessage(m *bmq.Message, h *bmq.MessageHandle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = time.Now()
	if len(m.Data) < headerSize || binary.BigEndian.Uint64(m.Data) != t.run {
		t.foreign++ // left over from before; not confirmed, it goes back to the queue
		return
	}
	if h.Confirm() == nil { // it fails while the connection is down; the message will come again
		t.confirmed++
	}
	if i := binary.BigEndian.Uint64(m.Data[8:]); t.seen[i] {
		t.repeated++
	} else {
		t.seen[i] = true
		t.latency = append(t.latency, time.Since(t.started)-time.Duration(binary.BigEndian.Uint64(m.Data[16:])))
		t.land()
	}
	t.check()
}

// land makes room for another message. A message that was refused and arrived all
// the same has made it already.
func (t *tally) land() {
	select {
	case <-t.inFlight:
	default:
	}
}

// complete says that all is posted, and returns a channel that is closed when the
// broker has answered for all of it.
func (t *tally) complete() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.ended = true
		t.check()
	}
	return t.done
}

func (t *tally) check() {
	if t.ended && t.acked+t.nacked == t.posted && t.missing() == 0 {
		select {
		case <-t.done:
		default:
			close(t.done)
		}
	}
}

// missing is how many messages did not come back that the broker did not refuse.
func (t *tally) missing() int { return max(0, t.posted-t.nacked-len(t.latency)) }

// watch shows progress if w is a terminal, and gives up when nothing happens any
// more. The function that it returns ends that.
func (t *tally) watch(w io.Writer, giveUp context.CancelCauseFunc) (stop func()) {
	terminal := isTerminal(w)
	ticker := time.NewTicker(200 * time.Millisecond)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
			case <-quit:
				return
			}
			t.mu.Lock()
			if terminal {
				fmt.Fprintf(w, "\rposted %d, acked %d, received %d ", t.posted, t.acked, len(t.latency))
			}
			stalled := time.Since(t.last) > stallTimeout
			t.mu.Unlock()
			if stalled {
				giveUp(errStalled)
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(quit)
		<-ended
		if terminal {
			fmt.Fprintf(w, "\r%60s\r", "")
		}
		giveUp(nil)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// summary prints the counts.
func (t *tally) summary(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(w, "\nposted      %d\nacked       %d\nreceived    %d\nconfirmed   %d\nduplicates  %d\nmissing     %d\n",
		t.posted, t.acked, len(t.latency), t.confirmed, t.repeated, t.missing())
	if t.nacked > 0 {
		fmt.Fprintf(w, "refused     %d, the first one with %v\n", t.nacked, t.refusal)
	}
	if t.foreign > 0 {
		fmt.Fprintf(w, "others      %d messages that were in the queue before, left there\n", t.foreign)
	}
	if len(t.latency) == 0 {
		return
	}
	rate := float64(len(t.latency)) / t.last.Sub(t.started).Seconds()
	fmt.Fprintf(w, "rate        %.0f messages/s, %.1f MiB/s\n", rate, rate*float64(t.size)/(1<<20))
	slices.Sort(t.latency)
	at := func(percent int) time.Duration {
		return t.latency[(len(t.latency)-1)*percent/100].Round(time.Microsecond)
	}
	fmt.Fprintf(w, "latency     p50 %v, p90 %v, p99 %v, max %v, from post to receipt\n\n", at(50), at(90), at(99), at(100))
}
