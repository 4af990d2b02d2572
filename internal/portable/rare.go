package portable

import "time"

// rareEvery is how often such a line is written at most.
const rareEvery = 10 * time.Second

// rare is a line of the log that could come with every event of the broker. The first
// one is written at once; what follows is added up for the next one, or the last. It
// belongs to the goroutine that reads.
type rare struct {
	last time.Time // it was written
	n    int       // what there is to tell since
}

// tell takes n more. It answers how many to write of, 0 while it is too early.
func (r *rare) tell(n int) int {
	r.n += n
	if !r.last.IsZero() && time.Since(r.last) < rareEvery {
		return 0
	}
	r.last = time.Now()
	return r.rest()
}

// rest answers what was not told.
func (r *rare) rest() int {
	n := r.n
	r.n = 0
	return n
}
