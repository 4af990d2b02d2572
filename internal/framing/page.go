package framing

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// maxPages is how many bytes of pages there are in the process at a time. The heap of
// a program that does little more than consume is small, so that a collection comes
// every few events, and gives memory back that is to be faulted in again; with this
// many bytes used again the collector has that much less to do.
const maxPages = 16 << 20

// pages are where events that are kept go, by size. A page is used again when the
// garbage collector finds that nobody has a slice of it any more. Those that are not in
// use are left to the collector after two collections.
var pages = [...]pageClass{
	pagesOf(func(p *[8 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[16 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[32 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[64 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[128 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[256 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[512 << 10]byte) []byte { return p[:] }),
	pagesOf(func(p *[maxBuffer]byte) []byte { return p[:] }),
}

// paged is how many bytes of pages there are.
var paged atomic.Int64

// copyOf returns a copy of an event in memory that is its own.
func copyOf(event []byte) []byte {
	n := len(event)
	if reusePages {
		for _, class := range pages {
			if n <= class.size {
				if page := class.get(); page != nil {
					copy(page, event)
					return page[:n:n]
				}
				break
			}
		}
	}
	return append([]byte(nil), event...)[:n:n] // other than make, this does not write twice
}

// pageClass has the pages of one size in bytes.
type pageClass struct {
	size int
	get  func() []byte // nil: there are enough of them
}

// pagesOf returns the class of pages of type P, an array of bytes, which slice makes a slice of.
func pagesOf[P any](slice func(*P) []byte) pageClass {
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
	return pageClass{size, func() []byte {
		p, ok := free.Get().(*P)
		if ok {
			runtime.SetFinalizer(p, nil)
		} else {
			if paged.Add(int64(size)) > maxPages {
				paged.Add(-int64(size))
				return nil
			}
			p = new(P)
		}
		runtime.SetFinalizer(p, put)
		return slice(p)
	}}
}
