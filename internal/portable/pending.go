package portable

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// post is a PUT message that was accepted: it waits to be written, or for its ack. Its
// GUID stands in its bytes as well; but when the ack comes, these have long left the
// processor's caches. A post fills one line of them.
type post struct {
	q        *queue // nil: answered, or forgotten
	cookie   any
	c        *chunk
	from, to uint32 // of the encoded message in c
	guid     wire.GUID
	wantAck  bool
	aside    bool // in pendingPosts.aside
}

func (p *post) bytes() []byte { return p.c.buf[p.from:p.to:p.to] }

func (p *post) size() int64 { return int64(p.to - p.from) }

// age is how long ago the message was posted, which its GUID tells: now is the time since
// the session's GUIDs have been made.
func (p *post) age(now time.Duration) time.Duration {
	// The counter's last byte, then 56 bits of time, which begins anew after 833 days. A post
	// that was made after now was looked at has an age below 0.
	return (now - time.Duration(binary.BigEndian.Uint64(p.guid[2:]))) << 8 >> 8
}

// pendingPosts are the posts of a session in their order, numbered from 0 on by the
// counter of their GUIDs. Those with the numbers first to next-1 are in a ring. A
// few that are not answered while very many others are would have it grow without
// end; these are put aside.
type pendingPosts struct {
	ring        []post
	first, next uint64
	aside       map[wire.GUID]*asidePost // numbers below first
	n           int                      // posts in both
	emptied     uint64                   // next, when the ring was empty the last time
}

type asidePost struct {
	post
	number uint64
}

func (p *pendingPosts) at(n uint64) *post { return &p.ring[n&uint64(len(p.ring)-1)] }

// add appends the post whose number is p.next.
func (p *pendingPosts) add(e post) {
	if p.next-p.first == uint64(len(p.ring)) {
		p.makeRoom()
	}
	*p.at(p.next) = e
	p.next++
	p.n++
}

// makeRoom puts posts aside in a ring that is full mostly of answered ones, and else
// makes a larger ring.
func (p *pendingPosts) makeRoom() {
	if p.n-len(p.aside) <= len(p.ring)/4 && p.putAside(len(p.ring)/2) > 0 {
		return
	}
	ring := make([]post, max(64, 2*len(p.ring)))
	for n := p.first; n < p.next; n++ {
		ring[n&uint64(len(ring)-1)] = *p.at(n)
	}
	p.ring = ring
}

// putAside takes up to count posts off the front of the ring. It answers how many: a
// post that nobody waits for ends it, since those are looked for in the ring.
func (p *pendingPosts) putAside(count int) int {
	for i := range count {
		e := p.at(p.first)
		if e.q != nil {
			if !e.wantAck {
				return i
			}
			if p.aside == nil {
				p.aside = make(map[wire.GUID]*asidePost)
			}
			e.aside = true
			p.aside[e.guid] = &asidePost{*e, p.first}
			*e = post{}
		}
		p.first++
	}
	return count
}

// find returns the post with the given GUID, nil if there is none. The GUID's
// counter tells where to look; since it is cut to 22 bits there may be more than one
// such place.
func (p *pendingPosts) find(g *wire.GUID) *post {
	if p.first < p.next {
		last := p.next - 1
		for back := (last - uint64(g.Counter())) & wire.GUIDCounterMask; back <= last-p.first; back += wire.GUIDCounterMask + 1 {
			if e := p.at(last - back); e.q != nil && e.guid == *g {
				return e
			}
		}
	}
	if e := p.aside[*g]; e != nil {
		return &e.post
	}
	return nil
}

// remove forgets a post. The ring is trimmed by trim.
func (p *pendingPosts) remove(e *post) {
	p.n--
	if e.aside {
		delete(p.aside, e.guid)
		if len(p.aside) == 0 {
			p.aside = nil
		}
	}
	*e = post{}
}

// trim drops what is answered from the front of the ring. A ring that a rush made large
// is given up when the rush is over.
func (p *pendingPosts) trim() {
	for p.first < p.next && p.at(p.first).q == nil {
		p.first++
	}
	if p.first < p.next {
		return
	}
	const small = 1 << 12
	if len(p.ring) > small && p.next-p.emptied < uint64(len(p.ring)/4) {
		p.ring = nil
	}
	p.emptied = p.next
}

// before tells whether there are posts with numbers below n.
func (p *pendingPosts) before(n uint64) bool {
	if p.first < min(n, p.next) {
		return true
	}
	for _, e := range p.aside {
		if e.number < n {
			return true
		}
	}
	return false
}

// all calls yield with the number of each post that is there and the post, in order.
// Posts may be removed meanwhile.
func (p *pendingPosts) all(yield func(uint64, *post) bool) {
	if len(p.aside) > 0 {
		byNumber := func(a, b *asidePost) int { return cmp.Compare(a.number, b.number) }
		for _, e := range slices.SortedFunc(maps.Values(p.aside), byNumber) {
			if !yield(e.number, &e.post) {
				return
			}
		}
	}
	for n := p.first; n < p.next; n++ {
		if e := p.at(n); e.q != nil && !yield(n, e) {
			return
		}
	}
}
