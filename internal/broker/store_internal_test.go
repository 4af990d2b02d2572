package broker

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
)

func guidOf(n int) (g wire.GUID) {
	binary.BigEndian.PutUint64(g[8:], uint64(n+1))
	return g
}

func TestStoreFindsWhatIsThereAndFreesWhatIsNot(t *testing.T) {
	s := newStore(2, time.Second)
	random := rand.New(rand.NewPCG(1, 2))
	there := map[position]int{}
	for i := range 5000 {
		p := s.add(message{guid: guidOf(i), data: []byte{1, 2, 3}}, 7)
		require.EqualValues(t, 7, s.view(p, 1).attempts)
		there[p] = i
		for p := range there {
			if random.IntN(3) > 0 && len(there) > 20 {
				s.remove(p)
				delete(there, p)
			}
			break
		}
	}
	require.EqualValues(t, len(there), s.count)
	require.EqualValues(t, 3*len(there), s.bytes)
	found := 0
	last := none
	for p := s.seek(0); p < s.next; p = s.seek(p + 1) {
		require.Greater(t, p, last)
		require.Equal(t, guidOf(there[p]), s.at(p).guid)
		require.Equal(t, p, s.find(guidOf(there[p])))
		last = p
		found++
	}
	require.Equal(t, len(there), found)
	used := 0
	for _, c := range s.chunks {
		if c != nil {
			used++
		}
	}
	require.LessOrEqual(t, used, len(there)+1, "a chunk that is empty is given up")
	for p := range there {
		s.remove(p)
	}
	require.LessOrEqual(t, len(s.chunks), 1)
	require.Equal(t, s.next, s.seek(0))
	require.Nil(t, s.at(0))
	require.Nil(t, s.view(0, 0))
	require.Nil(t, s.view(s.next+1000, 0))
}

func TestHistoryForgetsWithTimeAndNumber(t *testing.T) {
	s := newStore(1, 10*time.Second)
	kept := s.add(message{guid: guidOf(0), arrived: 0}, 0)
	s.remove(s.add(message{guid: guidOf(1), arrived: 0}, 0))
	require.True(t, s.seen(guidOf(1), 10*time.Second))
	require.Equal(t, none, s.find(guidOf(1)))
	require.False(t, s.seen(guidOf(1), 11*time.Second))
	require.True(t, s.seen(guidOf(0), time.Hour), "what is stored is not forgotten")
	s.remove(kept)
	require.False(t, s.seen(guidOf(0), time.Hour))
	require.Zero(t, s.index.count)

	const limit = 3000
	s.past.limit = limit
	for i := range limit + 5000 {
		s.remove(s.add(message{guid: guidOf(i), arrived: time.Hour}, 0))
	}
	require.Equal(t, limit, s.index.count)
	require.False(t, s.seen(guidOf(4999), time.Hour))
	require.True(t, s.seen(guidOf(5000), time.Hour))
	require.LessOrEqual(t, len(s.past.entries), 2*limit+1024)

	off := newStore(1, 0)
	p := off.add(message{guid: guidOf(1)}, 0)
	require.True(t, off.seen(guidOf(1), 0))
	off.remove(p)
	require.False(t, off.seen(guidOf(1), 0))
}

func TestNewApplicationsDoNotSeeOldMessages(t *testing.T) {
	s := newStore(1, 0)
	old := s.add(message{guid: guidOf(1)}, 0)
	s.setApps(2)
	fresh := s.add(message{guid: guidOf(2)}, 0)
	require.Nil(t, s.view(old, 1))
	require.NotNil(t, s.view(fresh, 1))
	require.EqualValues(t, 1, s.at(old).refs)
	require.EqualValues(t, 2, s.at(fresh).refs)
	s.remove(fresh)
	s.setApps(3)
	require.Equal(t, old, s.seek(0))
	require.NotNil(t, s.view(s.add(message{guid: guidOf(3)}, 0), 2))
}

func TestRetryListKeepsItsOrder(t *testing.T) {
	var l retryList
	for p := range position(6) {
		l.add(p)
	}
	outcomes := map[position]outcome{0: blocked, 1: unwanted, 2: delivered, 3: gone, 4: unwanted, 5: exhausted}
	l.scan(func(p position) outcome { return outcomes[p] })
	require.Equal(t, 2, l.pending())
	require.Equal(t, 4, l.len())
	outcomes[0] = unwanted
	l.scan(func(p position) outcome { return outcomes[p] })
	require.Equal(t, 1, l.pending())
	l.add(6)
	l.wake()
	var seen []position
	l.scan(func(p position) outcome { seen = append(seen, p); return delivered })
	require.Equal(t, []position{0, 1, 4, 5, 6}, seen)
	require.Zero(t, l.len())
	l.wake()
	l.clear()
	require.Zero(t, l.len())
}

func TestWindowArithmetic(t *testing.T) {
	require.EqualValues(t, 8, lowMark(10))
	require.EqualValues(t, 1, lowMark(1))
	require.EqualValues(t, 3, lowMark(3))
	require.EqualValues(t, 4, lowMark(5))
	require.Greater(t, lowMark(1<<63-1), int64(1<<62))
	var w window
	w.resize(2, 1<<40)
	require.True(t, w.open())
	w.add(1)
	w.add(1)
	require.False(t, w.open())
	require.True(t, w.remove(1), "1.6 is rounded up")
	w.resize(10, 1<<40)
	for w.open() {
		w.add(1)
	}
	require.False(t, w.remove(1))
	require.True(t, w.remove(1))
	w.resize(0, 0)
	require.False(t, w.remove(1))
	require.False(t, w.open(), "a limit of 0 never opens")
}

func TestOutputAggregatesUpToALimit(t *testing.T) {
	o := newOutput(&budget{limit: maxUnsent})
	data := make([]byte, 100<<10)
	for range 25 {
		o.push(&wire.PushHeader{}, []uint32{1}, data)
	}
	b := o.take()
	var sizes []int
	for part := range slices.Values(b.buffers()) {
		for len(part) > 0 {
			n, err := wire.FrameLength(part, 1<<30)
			require.NoError(t, err)
			sizes = append(sizes, n)
			part = part[n:]
		}
	}
	require.Len(t, sizes, 13, "two messages fit into one")
	for _, n := range sizes {
		require.LessOrEqual(t, n, blockSize)
	}
}

func TestIndexIsAMapOfGUIDs(t *testing.T) {
	var x index
	model := map[wire.GUID]position{}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 60_000 {
		g := guidOf(random.IntN(3000))
		if i > 40_000 {
			g = guidOf(i % 3000)
		}
		if i%3 == 0 || i > 40_000 {
			x.remove(g)
			delete(model, g)
		} else {
			x.put(g, position(i))
			model[g] = position(i)
		}
		require.Equal(t, len(model), x.count)
		if i%100 == 0 {
			for n := range 3000 {
				p, ok := x.get(guidOf(n))
				want, there := model[guidOf(n)]
				if ok != there || ok && p != want {
					require.Fail(t, "the index differs from a map")
				}
			}
		}
	}
	require.Zero(t, x.count)
	require.Len(t, x.slots, minSlots, "it gets smaller when its entries go")
}

func TestTrackerFindsEventsInPiecesOfAnySize(t *testing.T) {
	var stream []byte
	var starts []int
	for _, size := range []int{0, 1, 3, 1000, 0, 17, 40} {
		starts = append(starts, len(stream))
		stream = wire.AppendEventHeader(stream, wire.EventType(len(starts)), 0)
		stream = append(stream, make([]byte, size)...)
		wire.FinishEvent(stream, starts[len(starts)-1])
	}
	for piece := 1; piece < 60; piece++ {
		for cut := range starts {
			var tr tracker
			var seen []wire.EventType
			end := -1
			for at := 0; at < len(stream) && end < 0; at += piece {
				part := stream[at:min(at+piece, len(stream))]
				if n := tr.follow(part, func(e wire.EventType) int {
					seen = append(seen, e)
					if int(e) == cut+1 {
						return 7
					}
					return 0
				}); n >= 0 {
					end = at + n
				}
			}
			require.Equal(t, starts[cut]+7, end, "pieces of %d", piece)
			require.Len(t, seen, cut+1)
		}
	}
}
