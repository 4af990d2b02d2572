package gauge

import "time"

// Pacer gives out turns at a constant rate, whether the one who takes them keeps up or
// not: a turn that is late still says when it was due.
type Pacer struct {
	start time.Time
	every float64 // nanoseconds
	next  int
	sleep func(time.Duration)
}

// pause is how long a pacer rests between bursts: a shorter rest costs a processor.
const pause = 100 * time.Microsecond

// NewPacer gives out rate turns per second from now on.
func NewPacer(rate float64) *Pacer {
	return newPacer(rate, sleep)
}

func newPacer(rate float64, sleep func(time.Duration)) *Pacer {
	return &Pacer{start: time.Now(), every: 1e9 / rate, sleep: sleep}
}

// Wait waits for the next turn and returns when it was due.
func (p *Pacer) Wait() time.Time {
	due := p.start.Add(time.Duration(float64(p.next) * p.every))
	for wait := time.Until(due); wait > 0; wait = time.Until(due) {
		p.sleep(max(wait, pause))
	}
	p.next++
	return due
}
