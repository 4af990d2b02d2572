// Package slab gives numbers to values that are away for a while: a number leads back
// to its value once, and never to another one that came into its place later.
package slab

// A number has the index of its place in the low 32 bits, counted from 1 so that 0 is
// no number, and above them the generation of the place, which changes whenever the
// place is vacated. 31 bits of generation keep numbers positive as an int64.
const (
	indexBits      = 32
	generationMask = 1<<31 - 1
)

// Slab is a set of values with numbers. The zero value is empty. It is not safe for
// use by several goroutines at a time.
type Slab[T any] struct {
	places []place[T]
	free   uint32 // index of a vacant place, counted from 1; 0: none
	n      int
	first  uint32 // generation of places to come
}

type place[T any] struct {
	value      T
	generation uint32
	next       uint32 // the next vacant place, counted from 1; 0: none
	taken      bool
}

// Len returns how many values are there.
func (s *Slab[T]) Len() int { return s.n }

// Add puts a value in and returns its number, which is not 0.
func (s *Slab[T]) Add(v T) uint64 {
	if s.free == 0 {
		s.places = append(s.places, place[T]{generation: s.first})
		s.free = uint32(len(s.places))
	}
	i := s.free
	p := &s.places[i-1]
	s.free = p.next
	p.value, p.taken, p.next = v, true, 0
	s.n++
	return uint64(p.generation)<<indexBits | uint64(i)
}

// At returns where the value of a number is, until another method is called. It answers
// nil for a number whose value was taken out before, and for one that was never given.
func (s *Slab[T]) At(number uint64) *T {
	i := uint32(number)
	if i == 0 || uint64(i) > uint64(len(s.places)) {
		return nil
	}
	p := &s.places[i-1]
	if !p.taken || uint64(p.generation) != number>>indexBits {
		return nil
	}
	return &p.value
}

// Take takes the value of a number out. It answers false where At answers nil.
func (s *Slab[T]) Take(number uint64) (v T, ok bool) {
	p := s.At(number)
	if p == nil {
		return v, false
	}
	v = *p
	s.vacate(uint32(number))
	s.trim()
	return v, true
}

// TakeAll takes out the values that match answers true for.
func (s *Slab[T]) TakeAll(match func(T) bool) []T {
	var all []T
	for i := range s.places {
		if p := &s.places[i]; p.taken && match(p.value) {
			all = append(all, p.value)
			s.vacate(uint32(i + 1))
		}
	}
	s.trim()
	return all
}

func (s *Slab[T]) vacate(i uint32) {
	var none T
	p := &s.places[i-1]
	p.value, p.taken = none, false
	p.generation = (p.generation + 1) & generationMask
	p.next = s.free
	s.free = i
	s.n--
}

// small is how many places are kept while none is taken.
const small = 1 << 12

// trim gives memory back after a rush. Places that come later must not repeat the
// generations of those that went.
func (s *Slab[T]) trim() {
	if s.n > 0 || len(s.places) <= small {
		return
	}
	for i := range s.places {
		s.first = max(s.first, s.places[i].generation)
	}
	s.places, s.free = nil, 0
}
