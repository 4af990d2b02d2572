package messaging

// fifo is a queue in a ring that grows.
type fifo[T any] struct {
	items    []T
	first, n int
}

func (f *fifo[T]) len() int { return f.n }

func (f *fifo[T]) at(i int) *T { return &f.items[(f.first+i)%len(f.items)] }

func (f *fifo[T]) push(v T) {
	f.grow()
	*f.at(f.n) = v
	f.n++
}

// unshift puts v in front.
func (f *fifo[T]) unshift(v T) {
	f.grow()
	f.first = (f.first + len(f.items) - 1) % len(f.items)
	*f.at(0) = v
	f.n++
}

// pop takes the first one; there has to be one.
func (f *fifo[T]) pop() T {
	var zero T
	at := f.at(0)
	v := *at
	*at = zero
	f.first = (f.first + 1) % len(f.items)
	f.n--
	return v
}

func (f *fifo[T]) grow() {
	if f.n < len(f.items) {
		return
	}
	items := make([]T, max(16, 2*len(f.items)))
	for i := range f.n {
		items[i] = *f.at(i)
	}
	f.items, f.first = items, 0
}

func (f *fifo[T]) clear() {
	clear(f.items)
	f.first, f.n = 0, 0
}
