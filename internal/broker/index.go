package broker

import (
	"hash/maphash"

	"github.com/bmq-go/bmq/internal/wire"
)

// index finds positions by GUID: a hash table with linear probing, which touches
// about one cache line where a map touches two, and which gets smaller again when
// its entries go. The zero value is empty.
type index struct {
	slots []slot // a power of two, at most two thirds of them in use
	count int
	seed  maphash.Seed
}

type slot struct {
	guid  wire.GUID
	place int64 // position + 1; 0: empty
}

const minSlots = 64

func (x *index) home(g *wire.GUID) int {
	return int(maphash.Bytes(x.seed, g[:])) & (len(x.slots) - 1)
}

// probe returns the slot of a GUID, or the empty one where it belongs.
func (x *index) probe(g *wire.GUID) int {
	i := x.home(g)
	for x.slots[i].place != 0 && x.slots[i].guid != *g {
		i = (i + 1) & (len(x.slots) - 1)
	}
	return i
}

// get returns the position of a GUID.
func (x *index) get(g wire.GUID) (position, bool) {
	if x.count == 0 {
		return none, false
	}
	place := x.slots[x.probe(&g)].place
	return position(place - 1), place != 0
}

// put sets the position of a GUID.
func (x *index) put(g wire.GUID, p position) {
	if (x.count+1)*3 > len(x.slots)*2 {
		x.resize(max(minSlots, len(x.slots)*2))
	}
	i := x.probe(&g)
	if x.slots[i].place == 0 {
		x.count++
	}
	x.slots[i] = slot{g, int64(p) + 1}
}

// remove forgets a GUID.
func (x *index) remove(g wire.GUID) {
	if x.count == 0 {
		return
	}
	hole := x.probe(&g)
	if x.slots[hole].place == 0 {
		return
	}
	x.count--
	mask := len(x.slots) - 1
	// What was pushed on by the slot that is empty now moves back.
	for i := (hole + 1) & mask; x.slots[i].place != 0; i = (i + 1) & mask {
		if home := x.home(&x.slots[i].guid); (i-home)&mask >= (i-hole)&mask {
			x.slots[hole] = x.slots[i]
			hole = i
		}
	}
	x.slots[hole] = slot{}
	if len(x.slots) > minSlots && x.count*8 < len(x.slots) {
		x.resize(len(x.slots) / 2)
	}
}

func (x *index) resize(n int) {
	if x.slots == nil {
		x.seed = maphash.MakeSeed()
	}
	old := x.slots
	x.slots = make([]slot, n)
	for i := range old {
		if old[i].place != 0 {
			x.slots[x.probe(&old[i].guid)] = old[i]
		}
	}
}
