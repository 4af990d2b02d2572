package portable

import (
	"encoding/binary"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// post is a PUT message that was accepted: it waits to be written, or for its ack.
type post struct {
	q        *queue // nil: answered, or forgotten
	cookie   any
	c        *chunk
	from, to int // of the encoded message in c
	wantAck  bool
}

// guidOffset is where the GUID stands in an encoded PUT message.
const guidOffset = 12

func (p *post) bytes() []byte { return p.c.buf[p.from:p.to:p.to] }

func (p *post) guid() (g wire.GUID) {
	copy(g[:], p.c.buf[p.from+guidOffset:])
	return g
}

// age is how long after the making of the session's GUIDs the message was posted,
// which its GUID tells.
func (p *post) age() time.Duration {
	b := p.c.buf[p.from+guidOffset+2:] // the counter's last byte, then 56 bits of time
	return time.Duration(binary.BigEndian.Uint64(b) & (1<<56 - 1))
}

// pendingPosts are the posts of a session in their order, numbered from 0 on by the
// counter of their GUIDs. It is a ring: posts first to next-1 are in it.
type pendingPosts struct {
	ring        []post
	first, next uint64
}

func (p *pendingPosts) at(n uint64) *post { return &p.ring[n&uint64(len(p.ring)-1)] }

// add appends the post whose number is p.next.
func (p *pendingPosts) add(e post) {
	if p.next-p.first == uint64(len(p.ring)) {
		ring := make([]post, max(64, 2*len(p.ring)))
		for n := p.first; n < p.next; n++ {
			ring[n&uint64(len(ring)-1)] = *p.at(n)
		}
		p.ring = ring
	}
	*p.at(p.next) = e
	p.next++
}

// find returns the post with the given GUID, nil if there is none. The GUID's
// counter tells where to look; since it is cut to 22 bits there may be more than one
// such place.
func (p *pendingPosts) find(g *wire.GUID) *post {
	if p.first == p.next {
		return nil
	}
	last := p.next - 1
	back := (last - uint64(g.Counter())) & wire.GUIDCounterMask
	for back <= last-p.first {
		if e := p.at(last - back); e.q != nil && e.guid() == *g {
			return e
		}
		back += wire.GUIDCounterMask + 1
	}
	return nil
}

// trim drops what is answered from the front.
func (p *pendingPosts) trim() {
	for p.first < p.next && p.at(p.first).q == nil {
		p.first++
	}
	const small = 1 << 12
	if p.first == p.next && len(p.ring) > small {
		p.ring = nil // after a rush
	}
}

// all calls yield for each post that is there, in order.
func (p *pendingPosts) all(yield func(*post) bool) {
	for n := p.first; n < p.next; n++ {
		if e := p.at(n); e.q != nil && !yield(e) {
			return
		}
	}
}
