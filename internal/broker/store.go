package broker

import (
	"time"

	"github.com/bmq-go/bmq/internal/wire"
)

// position is the place of a message in the order of arrival, counted from 0.
type position int64

// none is the position of no message.
const none position = -1

// message is one stored message. A slot whose refs are 0 holds none.
type message struct {
	guid        wire.GUID
	data        []byte // application data, the store's own copy
	arrived     time.Duration
	refs        int32 // applications that still need it
	flags       uint8 // wire.FlagProperties or nothing
	compression wire.Compression
	schema      wire.SchemaID
	generation  uint16 // of the schema id
	forgotten   bool   // its GUID is not in the history any more
}

// view is what one application has to do with one message.
type view struct {
	holder   *subscription // to which it is delivered and unconfirmed, nil: to none
	done     bool          // confirmed, or not for this application
	poison   bool          // a consumer was lost while it held the message
	attempts uint8         // deliveries left, if they are limited
}

const chunkSize = 64

// chunk is a run of slots. It goes away as a whole when none of them is in use.
type chunk struct {
	live     int
	messages [chunkSize]message
	views    []view // chunkSize for each application
}

// store keeps the messages of a queue in order of arrival.
type store struct {
	apps   int // views per message
	chunks []*chunk
	base   position // of the first slot of chunks[0], a multiple of chunkSize
	next   position // where the next message goes
	spare  *chunk
	count  int64
	bytes  int64
	index  index // of all messages, and of those in the history
	past   history
	free   freeList
}

func newStore(apps int, window time.Duration) *store {
	return &store{apps: apps, past: history{window: window, limit: maxHistory}}
}

func (s *store) chunkAt(p position) *chunk {
	if i := (p - s.base) / chunkSize; p >= s.base && int(i) < len(s.chunks) {
		return s.chunks[i]
	}
	return nil
}

// at returns the message at p, nil if there is none.
func (s *store) at(p position) *message {
	c := s.chunkAt(p)
	if c == nil {
		return nil
	}
	if m := &c.messages[p%chunkSize]; m.refs > 0 {
		return m
	}
	return nil
}

// view returns what an application has to do with the message at p, nil for one
// that the message is older than.
func (s *store) view(p position, app int) *view {
	c := s.chunkAt(p)
	if i := app*chunkSize + int(p%chunkSize); c != nil && app >= 0 && i < len(c.views) {
		return &c.views[i]
	}
	return nil
}

// seek returns the position of the first message at or behind p, or that of the
// next one to arrive.
func (s *store) seek(p position) position {
	for p = max(p, s.base); p < s.next; {
		c := s.chunkAt(p)
		if c == nil || c.live == 0 {
			p = (p/chunkSize + 1) * chunkSize
			continue
		}
		if c.messages[p%chunkSize].refs > 0 {
			return p
		}
		p++
	}
	return s.next
}

// find returns where the message with a GUID is, or none.
func (s *store) find(g wire.GUID) position {
	if p, ok := s.index.get(g); ok && s.at(p) != nil {
		return p
	}
	return none
}

// seen tells whether a message with the GUID is in the store or was, not too long
// ago.
func (s *store) seen(g wire.GUID, now time.Duration) bool {
	s.past.expire(s, now)
	_, ok := s.index.get(g)
	return ok
}

// add appends a message that every application needs, with a copy of m.data.
func (s *store) add(m message, attempts uint8) position {
	p := s.next
	if p%chunkSize == 0 {
		s.grow()
	}
	c := s.chunks[len(s.chunks)-1]
	m.refs = int32(s.apps)
	m.data = append(s.free.get(len(m.data)), m.data...)
	c.messages[p%chunkSize] = m
	for app := range s.apps {
		c.views[app*chunkSize+int(p%chunkSize)] = view{attempts: attempts}
	}
	c.live++
	s.next++
	s.count++
	s.bytes += int64(len(m.data))
	s.index.put(m.guid, p)
	s.past.add(s, m.guid, arrival{p, m.arrived})
	return p
}

func (s *store) grow() {
	c := s.spare
	s.spare = nil
	if c == nil || len(c.views) != s.apps*chunkSize {
		c = &chunk{views: make([]view, s.apps*chunkSize)}
	}
	if len(s.chunks) == 0 {
		s.base = s.next
	}
	s.chunks = append(s.chunks, c)
}

// setApps changes the number of applications. Messages that are there already are
// older than a new application, which has no view of them.
func (s *store) setApps(n int) {
	s.apps, s.spare = n, nil
	if s.next%chunkSize == 0 {
		return
	}
	s.next = (s.next/chunkSize + 1) * chunkSize
	if last := len(s.chunks) - 1; s.chunks[last].live == 0 {
		s.chunks[last] = nil
		s.trim()
	}
}

// trim gives up the places of chunks at the front that are gone.
func (s *store) trim() {
	for len(s.chunks) > 0 && s.chunks[0] == nil {
		s.chunks = s.chunks[1:]
		s.base += chunkSize
	}
}

// remove drops the message at p; its GUID stays in the history. Its data may be
// overwritten by the next message.
func (s *store) remove(p position) {
	c := s.chunkAt(p)
	m := &c.messages[p%chunkSize]
	s.count--
	s.bytes -= int64(len(m.data))
	if m.forgotten || s.past.window <= 0 {
		s.index.remove(m.guid)
	}
	s.free.put(m.data)
	*m = message{}
	if c.live--; c.live > 0 || (p/chunkSize+1)*chunkSize > s.next {
		return
	}
	s.chunks[(p-s.base)/chunkSize] = nil
	clear(c.views)
	s.spare = c
	s.trim()
}

// maxHistory bounds the GUIDs that a queue remembers, so that its memory does not
// follow the rate of messages.
const maxHistory = 1 << 18

// history remembers the GUIDs that arrived within a window, oldest first.
type history struct {
	window  time.Duration // 0: nothing is remembered
	limit   int
	guids   []wire.GUID // guids[head:] are remembered
	entries []arrival   // their arrivals
	head    int
}

// arrival is when and where a message arrived.
type arrival struct {
	at   position
	when time.Duration
}

func (h *history) add(s *store, g wire.GUID, a arrival) {
	if h.window <= 0 {
		return
	}
	if len(h.entries)-h.head >= h.limit {
		h.forget(s)
	}
	h.entries = append(h.entries, a)
	h.guids = append(h.guids, g)
}

// expire forgets what is older than the window.
func (h *history) expire(s *store, now time.Duration) {
	for h.head < len(h.entries) && now-h.entries[h.head].when > h.window {
		h.forget(s)
	}
}

// forget drops the oldest entry. The index keeps a GUID as long as its message is
// there.
func (h *history) forget(s *store) {
	if m := s.at(h.entries[h.head].at); m != nil {
		m.forgotten = true
	} else {
		s.index.remove(h.guids[h.head])
	}
	if h.head++; h.head >= 1024 && h.head*2 >= len(h.entries) {
		h.entries = append(h.entries[:0], h.entries[h.head:]...)
		h.guids = append(h.guids[:0], h.guids[h.head:]...)
		h.head = 0
	}
}

// freeList keeps the memory of a few messages that are gone for those that come.
type freeList struct {
	list [][]byte
	size int // bytes in it
}

const maxFree = 512 << 10

// get returns memory for n bytes, empty.
func (f *freeList) get(n int) []byte {
	if last := len(f.list) - 1; last >= 0 {
		b := f.list[last]
		f.list, f.size = f.list[:last], f.size-cap(b)
		if cap(b) >= n && cap(b) <= n+n/4+64 {
			return b
		}
	}
	return make([]byte, 0, n)
}

func (f *freeList) put(b []byte) {
	if f.size+cap(b) <= maxFree {
		f.list, f.size = append(f.list, b[:0]), f.size+cap(b)
	}
}
