// Package pages has the memory that received events are kept in: it is used again when
// the garbage collector finds that nobody has a slice of it any more.
package pages

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Largest is the size of the largest page in bytes: the official broker fills events up to
// a little more than 1 MiB.
const Largest = 1<<20 + 64<<10

// most is how many bytes of pages there are in the process at a time. The heap of
// a program that does little more than consume is small, so that a collection comes
// every few events, and gives memory back that is to be faulted in again; with this
// many bytes used again the collector has that much less to do.
const most = 16 << 20

// classes are the pages by their size. A page is used again when the
// garbage collector finds that nobody has a slice of it any more. Those that are not in
// use are left to the collector after two collections.
var classes = [...]class{
	pagesOf(func(p *[8 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[16 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[32 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[64 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[128 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[256 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[512 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[Largest]byte) []byte { return p[:] }),
}

// paged is how many bytes of pages there are.
var paged atomic.Int64

// Copy returns a copy of an event in memory that is its own.
func Copy(event []byte) []byte {
	n := len(event)
	if page := take(n); page != nil {
		copy(page, event)
		return page[:n:n]
	}
	return append([]byte(nil), event...)[:n:n] // other than make, this does not write twice
}

// Make returns n bytes, which are to be written to before they are read: they have any
// value.
func Make(n int) []byte {
	if page := take(n); page != nil {
		return page[:n:n]
	}
	return make([]byte, n)
}

// smallest is from how many bytes on there are pages.
const smallest = 4 << 10

// take returns a page of at least n bytes; nil: there is none.
func take(n int) []byte {
	if !reuse || n < smallest {
		return nil
	}
	for i := range classes {
		if n <= classes[i].size {
			return classes[i].get()
		}
	}
	return nil
}

// class has the pages of one size in bytes.
type class struct {
	size int
	get  func() []byte // nil: there are enough of them
}

// pagesOf returns the class of pages of type P, an array of bytes, which slice makes a slice of.
func pagesOf[P any](slice func(*P) []byte) class {
	var (
		size = len(slice(new(P)))
		free sync.Pool // of *P
		// The runtime calls drop when a page that is in free is gone, put when nobody has a slice of one.
		drop = func(*P) { paged.Add(-int64(size)) }
		put  = func(p *P) {
			runtime.SetFinalizer(p, drop)
			free.Put(p)
		}
	)
	return class{size, func() []byte {
		p, ok := free.Get().(*P)
		if ok {
			runtime.SetFinalizer(p, nil)
		} else {
			if paged.Add(int64(size)) > most {
				paged.Add(-int64(size))
				return nil
			}
			p = new(P)
		}
		runtime.SetFinalizer(p, put)
		return slice(p)
	}}
}
