package portable

import (
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bmq-go/bmq/internal/wire"
)

// numbered makes posts as an outbox does, each in a chunk of its own.
type numbered struct {
	pendingPosts
	guids *wire.GUIDGenerator
	q     *queue
}

func newNumbered() *numbered {
	return &numbered{guids: wire.NewGUIDGenerator("host", time.Now(), 1, 1), q: new(queue)}
}

func (p *numbered) next1(wantAck bool) wire.GUID {
	g, _ := p.guids.Next()
	p.add(newTestPost(p.q, g, wantAck))
	return g
}

func newTestPost(q *queue, g wire.GUID, wantAck bool) post {
	b := wire.AppendPutHeader(nil, &wire.PutHeader{GUID: g}, 0, 1)
	return post{q: q, c: &chunk{buf: b, refs: 1}, to: uint32(len(b)), guid: g, wantAck: wantAck}
}

func (p *numbered) answer(g wire.GUID) bool {
	e := p.find(&g)
	if e == nil {
		return false
	}
	p.remove(e)
	p.trim()
	return true
}

func TestPendingPostsAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newNumbered()
		type entry struct {
			number uint64
			guid   wire.GUID
		}
		model := []entry{}
		remove := func(i int) {
			require.True(t, p.answer(model[i].guid))
			require.False(t, p.answer(model[i].guid), "twice")
			model = slices.Delete(model, i, i+1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"post": func(t *rapid.T) {
				for range rapid.IntRange(1, 50).Draw(t, "n") {
					number := p.next
					model = append(model, entry{number, p.next1(rapid.IntRange(0, 30).Draw(t, "ack") > 0)})
				}
			},
			"answer the oldest": func(t *rapid.T) {
				for range rapid.IntRange(0, len(model)).Draw(t, "n") {
					remove(0)
				}
			},
			"answer some": func(t *rapid.T) {
				for range rapid.IntRange(0, len(model)).Draw(t, "n") {
					remove(rapid.IntRange(0, len(model)-1).Draw(t, "i"))
				}
			},
			"answer nearly all": func(t *rapid.T) {
				for len(model) > rapid.IntRange(1, 3).Draw(t, "left") {
					remove(len(model) - 1)
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), p.n)
				got := []entry{}
				for n, e := range p.all {
					got = append(got, entry{n, e.guid})
				}
				require.Equal(t, model, got)
				for _, n := range []uint64{0, p.next / 2, p.next} {
					require.Equal(t, slices.ContainsFunc(model, func(e entry) bool { return e.number < n }), p.before(n))
				}
				require.LessOrEqual(t, p.next-p.first, uint64(len(p.ring)))
			},
		})
	})
}

func TestAPostThatIsNeverAnsweredDoesNotHoldTheRingOpen(t *testing.T) {
	p := newNumbered()
	p.q = new(queue)
	stuck := []wire.GUID{p.next1(true), p.next1(true)}
	var window []wire.GUID
	for range 1 << 16 {
		window = append(window, p.next1(true))
		if len(window) > 100 {
			require.True(t, p.answer(window[0]))
			window = window[1:]
		}
	}
	require.LessOrEqual(t, len(p.ring), 1024)
	require.Len(t, p.aside, len(stuck))
	for _, g := range stuck {
		require.True(t, p.answer(g))
	}
	require.Nil(t, p.aside)
}

func TestTheRingOfARushIsGivenUpAfterIt(t *testing.T) {
	p := newNumbered()
	rush := func(n int) {
		var guids []wire.GUID
		for range n {
			guids = append(guids, p.next1(true))
		}
		for _, g := range guids {
			require.True(t, p.answer(g))
		}
	}
	rush(10_000)
	require.Len(t, p.ring, 16<<10)
	rush(10_000)
	require.Len(t, p.ring, 16<<10, "the rush goes on")
	rush(10)
	require.Empty(t, p.ring)
	rush(10)
	require.Len(t, p.ring, 64)
}

func TestPostsAreFoundBeyondTheRangeOfTheirCounters(t *testing.T) {
	if raceEnabled {
		t.Skip("takes much memory, which the race detector makes dear")
	}
	// The ring is far larger than what is touched of it: no collection should look.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const turn = wire.GUIDCounterMask + 1
	p := newNumbered()
	p.ring = make([]post, 2*turn)
	put := func(number uint64, mark byte) wire.GUID {
		g := wire.GUID{0x40 | byte(number>>16)&0x3f, byte(number >> 8), byte(number), 15: mark}
		require.Equal(t, uint32(number%turn), g.Counter())
		*p.at(number) = newTestPost(p.q, g, true)
		p.n++
		return g
	}
	p.first, p.next = turn-1, 3*turn-1
	guids := []wire.GUID{put(turn-1, 1), put(2*turn-1, 2), put(turn, 3), put(2*turn, 4), put(3*turn-2, 5), put(2*turn-2, 6)}
	for _, g := range guids {
		e := p.find(&g)
		require.NotNil(t, e)
		require.Equal(t, g, e.guid)
	}
	for _, unknown := range []wire.GUID{{0x40, 0, 7, 15: 9}, {0x40, 0, 6, 15: 1}, {}, {0xff, 0xff, 0xff}} {
		require.Nil(t, p.find(&unknown))
	}
	for _, g := range guids {
		require.True(t, p.answer(g))
	}
}

func TestCountersThatTurnedAroundDoNotConfuse(t *testing.T) {
	const turn = wire.GUIDCounterMask + 1
	p := newNumbered()
	var kept []wire.GUID
	add := func(turns int) wire.GUID {
		n := p.next
		g := wire.GUID{0x40 | byte(n>>16)&0x3f, byte(n >> 8), byte(n), 15: byte(turns)}
		p.add(newTestPost(p.q, g, true))
		return g
	}
	for turns := range 3 {
		for range 3 {
			kept = append(kept, add(turns)) // never answered, with the same counters each time
		}
		for range 200 {
			require.True(t, p.answer(add(turns)))
		}
		require.Equal(t, p.first, p.next, "all others were put aside")
		p.first, p.next = uint64(turns+1)*turn, uint64(turns+1)*turn
	}
	require.Equal(t, 9, p.n)
	for i := range kept {
		require.Equal(t, kept[i], p.find(&kept[i]).guid)
	}
}

func TestTheAgeOfAPostIsRightInOldSessions(t *testing.T) {
	const years = 5 * 365 * 24 * time.Hour
	guids := wire.NewGUIDGenerator("host", time.Now().Add(-years), 1, 1)
	g, _ := guids.Next()
	p := newTestPost(new(queue), g, true)
	now := time.Since(guids.Epoch())
	require.Less(t, p.age(now).Abs(), time.Minute)
	require.Negative(t, p.age(now-time.Hour))
	require.InDelta(t, time.Hour, p.age(now+time.Hour), float64(time.Minute))
}
