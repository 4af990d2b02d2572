package broker

import (
	"encoding/binary"

	"github.com/bmq-go/bmq/internal/wire"
)

// tracker knows where the events of a stream begin.
type tracker struct {
	head   [5]byte // of the event at hand: its length and its type
	have   int     // bytes of head that have come
	passed int     // bytes of the event that have come
	length int     // of the event, 0: not known yet
	cutAt  int     // bytes of the event after which the stream is to end, 0: not
}

// follow looks at the next bytes of the stream. When the type of an event is known
// it asks cut where the event is to end early. It answers where in b the stream is
// to end, or -1.
func (t *tracker) follow(b []byte, cut func(wire.EventType) int) int {
	for i := 0; i < len(b); {
		if t.have < len(t.head) && (t.length == 0 || t.passed < t.length) {
			t.head[t.have] = b[i]
			t.have, t.passed, i = t.have+1, t.passed+1, i+1
			if t.have == len(t.head) {
				t.length = int(int32(binary.BigEndian.Uint32(t.head[:])))
				t.cutAt = cut(wire.EventType(t.head[4] & 0x3f))
			}
		} else {
			n := min(len(b)-i, t.length-t.passed)
			t.passed, i = t.passed+n, i+n
		}
		switch over := t.passed - t.cutAt; {
		case t.cutAt > 0 && over >= 0:
			return max(0, i-over)
		case t.have < len(t.head):
		case t.length < len(t.head):
			return -1 // no event can be that short: the reader ends the stream
		case t.passed == t.length:
			*t = tracker{}
		}
	}
	return -1
}
