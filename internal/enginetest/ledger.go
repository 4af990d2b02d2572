package enginetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// ledger has the fate of every message of a behaviour: posted, acked, delivered,
// confirmed. It knows what may not happen whatever fails:
//
//   - a post is answered once;
//   - a message that was acked with success is delivered;
//   - a message that was confirmed does not come back, unless the connection that the
//     confirmation was sent on was lost;
//   - a consumer gets the messages of a producer in their order, those left aside
//     that are delivered again.
type ledger struct {
	mu         sync.Mutex
	posts      map[string]*post // by payload
	unanswered int
	readers    []*ledgerReader
	disturbed  bool // messages may have gone from one reader to others
	problems   []string
}

// post is a message that was posted.
type post struct {
	producer string
	seq      int
	queue    string
	acks     int
	status   bmq.AckStatus
	guid     bmq.MessageGUID
}

// ledgerReader is a consumer of one queue, or of one application of it.
type ledgerReader struct {
	c         *client
	uri       string
	queue     string // without application
	epoch     int    // counts the connections
	seen      map[string]int
	came      map[string]int // by payload: the epoch of its last delivery
	last      map[string]int // by producer, of this connection
	confirmed map[string]int // by payload: the epoch of its confirmation
}

func newLedgerReader(uri string) *ledgerReader {
	return &ledgerReader{
		uri: uri, queue: cutApp(uri),
		seen: make(map[string]int), came: make(map[string]int), last: make(map[string]int), confirmed: make(map[string]int),
	}
}

func newLedger() *ledger {
	return &ledger{posts: make(map[string]*post)}
}

func (l *ledger) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// ledgerProducer posts numbered messages.
type ledgerProducer struct {
	l         *ledger
	c         *client
	uri, name string
	next      int
}

func (l *ledger) producer(c *client, uri, name string) *ledgerProducer {
	return &ledgerProducer{l: l, c: c, uri: uri, name: name}
}

// post posts the next n messages.
func (p *ledgerProducer) post(e *Env, n int) {
	for range n {
		if err := p.postOne(e.soon()); err != nil {
			e.t.Errorf("%s: %v", p.name, err)
			return
		}
	}
}

func (p *ledgerProducer) postOne(ctx context.Context) error {
	payload := fmt.Sprintf("%s #%d", p.name, p.next)
	m := &post{producer: p.name, seq: p.next, queue: p.uri}
	p.l.mu.Lock()
	p.l.posts[payload] = m
	p.l.unanswered++
	p.l.mu.Unlock()
	err := p.c.Post(ctx, p.uri, []byte(payload), bmq.WithOnAck(func(a *bmq.Ack) { p.l.acked(payload, m, a) }))
	if err != nil {
		p.l.mu.Lock()
		defer p.l.mu.Unlock()
		delete(p.l.posts, payload)
		p.l.unanswered--
		return err
	}
	p.next++
	return nil
}

func (l *ledger) acked(payload string, m *post, a *bmq.Ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.acks++; m.acks > 1 {
		l.problem("%s was answered %d times", payload, m.acks)
		return
	}
	l.unanswered--
	m.status = a.Status
	if a.GUID != nil {
		m.guid = *a.GUID
	}
}

// reader makes a session that reads a queue and confirms everything.
func (l *ledger) reader(e *Env, uri string, opts ...bmq.OpenOption) *ledgerReader {
	return l.readerWith(e, setup{}, uri, true, opts...)
}

// readerWith makes a session that reads a queue. With confirm it confirms everything.
func (l *ledger) readerWith(e *Env, s setup, uri string, confirm bool, opts ...bmq.OpenOption) *ledgerReader {
	e.t.Helper()
	r := newLedgerReader(uri)
	l.mu.Lock()
	l.readers = append(l.readers, r)
	l.mu.Unlock()
	s.onMessage = func(_ *client, m *received) {
		l.delivered(r, m)
		if confirm {
			l.confirm(r, m)
		}
	}
	s.onEvent = func(_ *client, ev sessionevents.SessionEvent) {
		if _, lost := ev.(sessionevents.ConnectionLost); lost {
			l.lost(r)
		}
	}
	r.c = e.clientWith(s)
	r.c.open(uri, append(opts, bmq.WithRead())...)
	return r
}

func (l *ledger) delivered(r *ledgerReader, m *received) {
	payload := m.payload()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.posts[payload]
	if p == nil {
		l.problem("%s got what nobody posted: %v", r.uri, m)
		return
	}
	if p.acks > 0 && p.status == bmq.AckSuccess && p.guid != m.GUID {
		l.problem("%s was acked as %v and delivered as %v", payload, p.guid, m.GUID)
	}
	if epoch, ok := r.confirmed[payload]; ok && epoch == r.epoch {
		l.problem("%s was confirmed and came again on the same connection", payload)
	}
	r.came[payload] = r.epoch
	r.seen[payload]++
	if r.seen[payload] > 1 {
		return
	}
	if last, ok := r.last[p.producer]; ok && last >= p.seq && l.ordered() {
		l.problem("%s got %s behind #%d", r.uri, payload, last)
	}
	r.last[p.producer] = p.seq
}

// ordered tells whether order can be expected: with several consumers it is lost when
// one of them is, since its messages go to the others.
func (l *ledger) ordered() bool {
	return len(l.readers) == 1 || !l.disturbed
}

// confirm confirms a message. What came on an earlier connection may be on its way to
// somebody already.
func (l *ledger) confirm(r *ledgerReader, m *received) {
	l.mu.Lock()
	epoch := r.epoch
	l.mu.Unlock()
	if m.Confirm() != nil {
		return // it comes again
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.came[m.payload()] == epoch {
		r.confirmed[m.payload()] = epoch
	}
}

// disturb notes that something is about to happen to a reader.
func (l *ledger) disturb() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disturbed = true
}

// lost notes that a consumer's connection ended: what it confirmed at last may come
// again.
func (l *ledger) lost(r *ledgerReader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.epoch++
	clear(r.last)
	l.disturbed = true
}

// settleTick is how often the whole ledger is looked through.
const settleTick = 20 * time.Millisecond

// settle waits until every post is answered and what was taken is delivered, as long
// as there is progress, then checks the rest.
func (l *ledger) settle(e *Env, readers ...*ledgerReader) {
	e.t.Helper()
	open, last := "", time.Now()
	settled := pollEvery(settleTick, wholePatience, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := l.unsettled(readers)
		if now != open {
			open, last = now, time.Now()
		}
		return open == "" || time.Since(last) > patience
	}) && open == ""
	l.mu.Lock()
	problems := slices.Clone(l.problems)
	l.mu.Unlock()
	e.True(settled, "the ledger does not close: %s; %v", open, problems)
	for _, r := range readers {
		r.c.stop()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkConfirmed()
	e.Empty(l.problems)
}

// unsettled names a post whose fate is open, and says how many there are.
func (l *ledger) unsettled(readers []*ledgerReader) string {
	if l.unanswered > 0 {
		return fmt.Sprintf("%d posts of %d are not answered", l.unanswered, len(l.posts))
	}
	uris := urisOf(readers)
	n, first := 0, ""
	for payload, p := range l.posts {
		if p.status == bmq.AckSuccess &&
			slices.ContainsFunc(uris[p.queue], func(uri string) bool { return !seen(readers, uri, payload) }) {
			n, first = n+1, payload
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d messages of %d were taken and not delivered, such as %s", n, len(l.posts), clip(first))
}

// urisOf returns by queue what the readers read: the queue, or its applications.
func urisOf(readers []*ledgerReader) map[string][]string {
	uris := make(map[string][]string)
	for _, r := range readers {
		if !slices.Contains(uris[r.queue], r.uri) {
			uris[r.queue] = append(uris[r.queue], r.uri)
		}
	}
	return uris
}

func seen(readers []*ledgerReader, uri, payload string) bool {
	return slices.ContainsFunc(readers, func(r *ledgerReader) bool { return r.uri == uri && r.seen[payload] > 0 })
}

// checkConfirmed looks for messages that one consumer confirmed and another got as
// well. That may only be if the confirmation was lost with its connection.
func (l *ledger) checkConfirmed() {
	for _, a := range l.readers {
		for payload, epoch := range a.confirmed {
			for _, b := range l.readers {
				if a != b && a.uri == b.uri && b.seen[payload] > 0 && epoch == a.epoch {
					if other, ok := b.confirmed[payload]; ok && other == b.epoch {
						l.problem("%s was confirmed by two consumers that lost no connection", payload)
					}
				}
			}
		}
	}
}

// cutApp returns a URI without its application.
func cutApp(uri string) string {
	u, err := bmq.ParseURI(uri)
	if err != nil {
		return uri
	}
	return u.Canonical()
}
