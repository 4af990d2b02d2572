package portable

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// office is an outbox without a session around it, whose connection is played step
// by step, and a model of what it should do.
type office struct {
	o      *outbox
	queues []*queue
	posts  map[int]*letter // by cookie; those that are pending
	last   int             // cookie

	conn  *connection
	batch *batch // being written
	wire  []byte // written on this connection, not taken apart yet
	seen  map[wire.GUID]bool
	order uint64 // number of the last PUT on this connection, plus one
	live  bool
	extra int // events that are no PUTs, on their way

	numbers map[wire.GUID]uint64
	answers int
}

type letter struct {
	guid    wire.GUID
	q       *queue
	size    int
	wantAck bool
}

func newOffice(t require.TestingT) *office {
	f := &office{posts: make(map[int]*letter), numbers: make(map[wire.GUID]uint64)}
	s := &Session{cfg: engine.Config{ChannelHighWatermark: 1 << 40}, handler: f, log: slog.New(slog.DiscardHandler)}
	f.o = &s.out
	f.o.init(s)
	for i := range 3 {
		q := &queue{s: s, stream: &stream{qid: uint32(i)}}
		q.gate.open = true
		f.queues = append(f.queues, q)
	}
	return f
}

func (f *office) OnSessionEvent(engine.SessionEvent) {}
func (f *office) OnMessages(*engine.MessageBatch)    {}
func (f *office) Awaiting() func()                   { return func() {} }
func (f *office) OnAcks(b *engine.AckBatch) {
	f.answers += len(b.Acks)
	for _, a := range b.Acks {
		p := f.posts[a.Cookie.(int)]
		if p == nil || p.guid != a.GUID {
			panic(fmt.Sprintf("post %v was answered, which nobody waits for", a.Cookie))
		}
		delete(f.posts, a.Cookie.(int))
	}
}

func (f *office) post(t require.TestingT, q *queue, size int, wantAck bool) {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i * (f.last + 3))
	}
	st := f.o.post(context.Background(), q, &engine.Put{Payload: payload, WantAck: wantAck, Cookie: f.last})
	require.True(t, st.OK(), "%v", st)
	number := f.o.pending.next - 1
	guid := f.o.pending.at(number).guid
	f.numbers[guid] = number
	f.posts[f.last] = &letter{guid, q, wire.PutSize(size), wantAck}
	f.last++
}

func (f *office) attach() {
	f.conn = &connection{closed: make(chan struct{}), propertiesEx: true}
	f.wire, f.seen, f.order, f.live, f.extra = nil, make(map[wire.GUID]bool), 0, false, 0
	f.o.attach(f.conn)
}

func (f *office) detach(t require.TestingT) {
	if f.batch != nil {
		f.wrote(t, 0)
	}
	f.o.detach()
	f.conn, f.live = nil, false
}

func (f *office) resume() {
	f.o.resume()
	f.live = true
}

// take begins to write.
func (f *office) take() {
	if f.conn == nil || f.batch != nil || !f.o.stream.waiting() {
		return
	}
	f.batch = new(batch)
	f.o.stream.take(f.batch)
}

// wrote ends writing after n bytes.
func (f *office) wrote(t require.TestingT, n int64) {
	left := n
	for _, b := range f.batch.buffers {
		part := b[:min(int64(len(b)), left)]
		f.wire = append(f.wire, part...)
		left -= int64(len(part))
	}
	f.o.wrote(f.batch, n)
	f.batch = nil
	f.parse(t)
}

// parse takes apart what was written: whole events, of whole messages, in order.
func (f *office) parse(t require.TestingT) {
	for {
		n, err := wire.FrameLength(f.wire, 1<<30)
		require.NoError(t, err)
		if n == 0 || n > len(f.wire) {
			return
		}
		ev, err := wire.ParseEvent(f.wire[:n])
		require.NoError(t, err)
		f.wire = f.wire[n:]
		switch ev.Type {
		case wire.EventPut:
			r := wire.NewPutReader(ev.Body)
			for m := new(wire.PutMessage); r.Next(m); {
				number, ok := f.numbers[m.GUID]
				require.True(t, ok, "unknown post")
				require.Equal(t, wire.Checksum(m.Data), m.CRC, "the message was changed")
				require.False(t, f.seen[m.GUID], "twice on one connection")
				require.GreaterOrEqual(t, number, f.order, "out of order")
				f.seen[m.GUID], f.order = true, number+1
			}
			require.NoError(t, r.Err())
		case wire.EventConfirm:
			r, err := wire.NewConfirmReader(ev.Body)
			require.NoError(t, err)
			f.extra -= r.Len()
		case wire.EventHeartbeatReq:
			f.extra--
		default:
			require.Fail(t, "unexpected event", "%v", ev.Type)
		}
	}
}

// drain writes everything. Posts that nobody waits for are forgotten by that.
func (f *office) drain(t require.TestingT) {
	for f.conn != nil {
		f.take()
		if f.batch == nil {
			break
		}
		f.wrote(t, f.batch.size)
	}
	if !f.live {
		return
	}
	require.Empty(t, f.wire, "half an event")
	require.Zero(t, f.extra, "events that were not written")
	for cookie, p := range f.posts {
		require.True(t, f.seen[p.guid], "post %d was not written", cookie)
		if !p.wantAck {
			delete(f.posts, cookie)
		}
	}
	require.Zero(t, f.o.stream.unsent)
}

// check compares the outbox with the model, and its accounts with what it holds.
func (f *office) check(t require.TestingT) {
	o := f.o
	var bytes int64
	forgettable := 0
	refs := make(map[*chunk]int)
	pending := make(map[int]bool)
	for _, p := range o.pending.all {
		bytes += p.size()
		refs[p.c]++
		if !p.wantAck {
			forgettable++
		}
		pending[p.cookie.(int)] = true
		require.Equal(t, f.posts[p.cookie.(int)].guid, p.guid)
	}
	for cookie, p := range f.posts {
		if p.wantAck {
			require.True(t, pending[cookie], "post %d was lost", cookie)
		} else if !pending[cookie] {
			delete(f.posts, cookie) // was written
		}
	}
	require.Equal(t, bytes, o.pendingBytes)
	require.Equal(t, forgettable, o.forgettable)
	require.Equal(t, len(pending), o.pending.n)

	var unsent int64
	segments := slices.Clone(o.stream.segments[o.stream.head:])
	if f.batch != nil {
		segments = append(segments, f.batch.segments...)
	}
	for _, s := range segments {
		unsent += int64(s.to - s.from)
		refs[s.c]++
	}
	require.Equal(t, unsent, o.stream.unsent)

	if c := o.stream.arena.current; c != nil {
		refs[c]++
	}
	var held int64
	for c, n := range refs {
		require.Equal(t, n, c.refs)
		held += int64(cap(c.buf))
	}
	require.Equal(t, held, o.stream.arena.held)
}

func (f *office) ack(t require.TestingT, guids ...wire.GUID) {
	body := wire.AppendRecordHeader(nil)
	for _, g := range guids {
		body = wire.AppendAck(body, &wire.Ack{GUID: g})
	}
	r, err := wire.NewAckReader(body)
	require.NoError(t, err)
	f.o.acked(&r)
}

func TestOutboxAgainstAModel(t *testing.T) {
	// Small messages mostly: large ones take time to fill and to check.
	size := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 20_000), rapid.Just(maxChunk-40),
		rapid.IntRange(maxChunk-100, maxChunk+100), rapid.Just(3<<20))
	rapid.Check(t, func(t *rapid.T) {
		f := newOffice(t)
		cookies := func() []int { return slices.Sorted(maps.Keys(f.posts)) }
		t.Repeat(map[string]func(*rapid.T){
			"post": func(t *rapid.T) {
				f.post(t, rapid.SampledFrom(f.queues).Draw(t, "queue"), size.Draw(t, "size"), rapid.Bool().Draw(t, "ack"))
			},
			"post many": func(t *rapid.T) {
				for i := range rapid.IntRange(1, 100).Draw(t, "n") {
					f.post(t, f.queues[i%3], 100, i%5 > 0)
				}
			},
			"ack": func(t *rapid.T) {
				var guids []wire.GUID
				for _, cookie := range cookies() {
					if rapid.Bool().Draw(t, "ack") {
						guids = append(guids, f.posts[cookie].guid)
						if !f.posts[cookie].wantAck {
							delete(f.posts, cookie) // nobody waits, but it is answered all the same
						}
					}
				}
				guids = append(guids, wire.GUID{7})
				f.ack(t, append(guids, guids...)...)
			},
			"confirm": func(t *rapid.T) {
				n := rapid.IntRange(1, 100).Draw(t, "n")
				if f.o.confirm(f.queues[0], make([]wire.GUID, n)).OK() {
					f.extra += n
				}
			},
			"control": func(*rapid.T) {
				f.o.control(wire.HeartbeatReq)
				if f.conn != nil {
					f.extra++
				}
			},
			"take": func(*rapid.T) { f.take() },
			"write": func(t *rapid.T) {
				if f.batch != nil {
					f.wrote(t, f.batch.size)
				}
			},
			"break": func(t *rapid.T) {
				if f.batch != nil {
					f.wrote(t, rapid.Int64Range(0, f.batch.size-1).Draw(t, "written"))
					f.detach(t)
				}
			},
			"detach": func(t *rapid.T) { f.detach(t) },
			"attach": func(t *rapid.T) {
				f.detach(t)
				f.attach()
			},
			"resume": func(*rapid.T) {
				if f.conn != nil && !f.live {
					f.resume()
				}
			},
			"drain": func(t *rapid.T) { f.drain(t) },
			"fail": func(t *rapid.T) {
				q := rapid.SampledFrom(f.queues).Draw(t, "queue")
				for _, cookie := range cookies() {
					if p := f.posts[cookie]; p.q == q && !p.wantAck {
						delete(f.posts, cookie)
					}
				}
				f.o.fail(q)
				q.gate = gate{open: true}
			},
			"": func(t *rapid.T) { f.check(t) },
		})
		f.detach(t)
		f.attach()
		f.resume()
		f.drain(t)
		f.check(t)
		f.o.close()
		f.check(t)
		f.o.stream.arena.rest()
		require.Empty(t, f.posts)
		require.Zero(t, f.o.stream.arena.held)
	})
}

func TestPostsThatAreNeverAnsweredDoNotKeepTheirNeighboursMemory(t *testing.T) {
	f := newOffice(t)
	f.attach()
	f.resume()
	busy, stuck := f.queues[0], f.queues[1]
	var worst int64
	var live int64
	const each = 100 << 10 // bytes of traffic for each stuck message
	payload := make([]byte, 1000)
	for i := range 800 {
		f.post(t, stuck, 100, true)
		for range each / len(payload) {
			require.True(t, f.o.post(context.Background(), busy, &engine.Put{Payload: payload, WantAck: true, Cookie: -1}).OK())
		}
		f.writeAll()
		f.ackQueue(busy)
		if i > 100 {
			live = f.o.pendingBytes
			worst = max(worst, f.o.stream.arena.held-4*live)
		}
	}
	require.Equal(t, 800, f.o.pending.n)
	require.LessOrEqual(t, worst, int64(compactFrom+2*maxChunk), "memory beyond four times what is pending")
	require.LessOrEqual(t, len(f.o.pending.ring), 1<<10)
	t.Logf("%d bytes pending, %d held, ring of %d", live, f.o.stream.arena.held, len(f.o.pending.ring))
	f.check(t)

	// What was moved is still what was posted.
	f.detach(t)
	f.attach()
	f.resume()
	f.drain(t)
	f.o.close()
	require.Empty(t, f.posts)
}

// writeAll writes everything without looking at it.
func (f *office) writeAll() {
	for b := new(batch); f.o.stream.waiting(); {
		f.o.stream.take(b)
		f.o.wrote(b, b.size)
	}
}

// ackQueue answers all posts of a queue, of which the model knows nothing.
func (f *office) ackQueue(q *queue) {
	body := wire.AppendRecordHeader(nil)
	for _, p := range f.o.pending.all {
		if p.q == q {
			body = wire.AppendAck(body, &wire.Ack{GUID: p.guid})
			p.wantAck = false // no answer is wanted
			f.o.forgettable++
		}
	}
	r, err := wire.NewAckReader(body)
	if err != nil {
		panic(err)
	}
	f.o.acked(&r)
}

func TestChunksHaveTheSizesThatAreReused(t *testing.T) {
	for n, want := range map[int]int{
		1: minChunk, minChunk: minChunk, minChunk + 1: maxChunk, maxChunk: maxChunk, maxChunk + 1: 2 * maxChunk,
		4 << 20: 4 << 20, 4<<20 + 1: 4<<20 + 1, 64 << 20: 64 << 20,
	} {
		c := newChunk(n)
		require.Equal(t, want, cap(c.buf), "for %d", n)
		c.buf = append(c.buf, 1)
		c.free()
		again := newChunk(n)
		require.Empty(t, again.buf)
		require.Equal(t, want, cap(again.buf))
	}
}

func TestSegmentsOfABacklogAreKeptInOneArray(t *testing.T) {
	var s eventStream
	c := s.arena.reserve(maxChunk)
	c.refs++
	c.buf = append(c.buf, make([]byte, maxChunk)...)
	var b batch
	taken := 0
	for i := range 50_000 {
		s.appendPart(c, i%1000*2, i%1000*2+1) // not next to each other
		if i >= 1000 && i%maxSegments == 0 {
			s.take(&b)
			for _, seg := range b.segments {
				require.Equal(t, taken%1000*2, seg.from)
				taken++
			}
			s.done(&b)
		}
	}
	require.Equal(t, 50_000-taken, len(s.segments)-s.head)
	require.LessOrEqual(t, cap(s.segments), 4096)
	require.Equal(t, int64(50_000-taken), s.unsent)
	s.drop()
	require.Equal(t, 2, c.refs, "the arena's and the test's")
}

func TestEventsEndWhereTheyAreFull(t *testing.T) {
	f := newOffice(t)
	f.attach()
	f.resume()
	for range 3000 {
		f.post(t, f.queues[0], 1000, true)
	}
	f.post(t, f.queues[0], 5<<20, true)
	f.post(t, f.queues[0], 1, true)
	var all []byte
	for b := new(batch); f.o.stream.waiting(); {
		f.o.stream.take(b)
		require.LessOrEqual(t, len(b.segments), maxSegments)
		for _, part := range b.buffers {
			all = append(all, part...)
		}
		f.o.wrote(b, b.size)
	}
	var lengths []int
	for rest := all; len(rest) > 0; {
		n := int(binary.BigEndian.Uint32(rest))
		lengths = append(lengths, n)
		rest = rest[n:]
	}
	require.Len(t, lengths, 5)
	for i, n := range lengths {
		if i == 3 {
			require.Greater(t, n, 5<<20)
			continue
		}
		require.LessOrEqual(t, n, maxBatch)
	}
	f.wire = all
	f.parse(t)
	f.check(t)
}
