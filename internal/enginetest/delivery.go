package enginetest

import (
	"sync"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

// postsVariable says how many messages are posted while something fails.
const (
	postsVariable = "ENGINETEST_POSTS"
	fewPosts      = 1500
)

var delivery = chapter("delivery",
	Behaviour{Name: "nothing-is-lost-when-the-broker-is-killed", Needs: OwnBroker, Ref: "6.11/kept 4/74", Run: func(e *Env) {
		e.endsUnderPosts(func() { e.broker.kill() })
	}},
	Behaviour{Name: "nothing-is-lost-when-the-broker-stops", Needs: OwnBroker, Ref: "6.11/kept 4/74", Run: func(e *Env) {
		e.endsUnderPosts(func() { e.broker.terminate() })
	}},
	Behaviour{Name: "nothing-is-lost-when-connections-are-cut", Ref: "6.11/kept", Run: func(e *Env) {
		e.survives(func(w, c *client, resume func()) {
			resume()
			w.proxy.cut()
			c.proxy.cut()
		})
	}},
	Behaviour{Name: "nothing-is-lost-when-a-post-is-cut", Ref: "6.11/kept", Run: func(e *Env) { e.survivesCut(up, wire.EventPut) }},
	Behaviour{Name: "nothing-is-lost-when-an-ack-is-cut", Ref: "6.11/kept", Run: func(e *Env) { e.survivesCut(down, wire.EventAck) }},
	Behaviour{Name: "nothing-is-lost-when-a-delivery-is-cut", Ref: "6.11/kept", Run: func(e *Env) { e.survivesCut(down, wire.EventPush) }},
	Behaviour{Name: "nothing-is-lost-when-a-confirmation-is-cut", Ref: "6.11/kept", Run: func(e *Env) { e.survivesCut(up, wire.EventConfirm) }},
	Behaviour{Name: "order-is-kept-without-faults", Ref: "6.5/order", Run: orderKept},
	Behaviour{Name: "applications-lose-nothing", Ref: "6.11/kept", Run: fanoutSurvives},
	Behaviour{Name: "consumers-that-vanish-lose-nothing", Ref: "6.8/redelivery", Run: consumersVanish},
)

// rounds is how often something fails in one run.
const rounds = 3

// survives has something fail again and again while messages are posted and consumed,
// by sessions that are each connected their own way. fail is called while nothing is
// posted; posts go on, in a goroutine of their own, when it calls resume.
func (e *Env) survives(fail func(w, c *client, resume func())) {
	e.t.Helper()
	n := countFrom(postsVariable, fewPosts)
	uri := e.queue(persistentPriority)
	l := newLedger()
	c := l.readerWith(e, setup{proxy: e.newProxy()}, uri, true)
	w := e.clientWith(setup{writer: true, proxy: e.newProxy()})
	w.open(uri, bmq.WithWrite())
	p := l.producer(w, uri, "producer")
	portions := make(chan int, rounds+1)
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		for portion := range portions {
			p.post(e, portion)
		}
	}()
	left := n
	for i := range rounds {
		left -= n / (rounds + 1)
		fail(w, c.c, func() { portions <- n / (rounds + 1) })
		w.awaitEvent("StateRestored", i+1)
		c.c.awaitEvent("StateRestored", i+1)
	}
	portions <- left
	close(portions)
	select {
	case <-posted:
	case <-e.ctx.Done():
		e.FailNow("posting does not end")
	}
	l.settle(e, c)
	e.succeeded(l, n)
}

// endsUnderPosts has the broker end when it has taken posts whose acks are on their
// way, and come back.
func (e *Env) endsUnderPosts(end func()) {
	e.t.Helper()
	e.survives(func(w, _ *client, resume func()) {
		acks := w.proxy.watch(down, wire.EventAck)
		w.proxy.stall(down)
		resume()
		e.await(acks.hit, "acks")
		end()
		w.proxy.resume()
		e.broker.restart()
	})
}

// succeeded checks that all posts were taken.
func (e *Env) succeeded(l *ledger, n int) {
	e.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Len(l.posts, n)
	for payload, p := range l.posts {
		e.Equal(bmq.AckSuccess, p.status, payload)
	}
}

// survivesCut has connections end within an event, at different bytes of it: within
// its header, within the header of its first message, and in what it carries.
func (e *Env) survivesCut(d direction, typ wire.EventType) {
	e.t.Helper()
	bytes := []int{3, 12, 50}
	i := 0
	e.survives(func(w, c *client, resume func()) {
		hit, other := w, c
		if typ == wire.EventPush || typ == wire.EventConfirm {
			hit, other = c, w
		}
		r := hit.proxy.cutWithin(d, typ, 0, bytes[i%len(bytes)])
		i++
		resume()
		e.await(r.hit, "an event to be cut")
		other.proxy.cut()
	})
}

func orderKept(e *Env) {
	const producers, each = 3, 300
	uri := e.queue(memoryPriority)
	l := newLedger()
	c := l.reader(e, uri, bmq.WithQueueOptions(limit(50)))
	var all sync.WaitGroup
	for _, name := range numbered("producer", producers) {
		p := l.producer(e.writer(uri), uri, name)
		all.Go(func() { p.post(e, each) })
	}
	all.Wait()
	l.settle(e, c)
	e.succeeded(l, producers*each)
}

func fanoutSurvives(e *Env) {
	const n = 500
	uri := e.queue(memoryFanout)
	l := newLedger()
	var readers []*ledgerReader
	for _, id := range apps {
		readers = append(readers, l.readerWith(e, setup{proxy: e.newProxy()}, app(uri, id), true))
	}
	p := l.producer(e.writer(uri), uri, "producer")
	for _, r := range readers {
		p.post(e, n/len(readers))
		r.c.proxy.cut()
	}
	e.proxy.cut()
	l.settle(e, readers...)
}

// consumersVanish has consumers come, take messages, confirm some and vanish.
func consumersVanish(e *Env) {
	const n, generations = 300, 5
	uri := e.queue(memoryPriority)
	l := newLedger()
	p := l.producer(e.writer(uri), uri, "producer")
	p.post(e, n)
	e.NoError(p.c.Flush(e.soon()))
	for range generations {
		s := setup{proxy: e.newProxy()}
		r := l.readerWith(e, s, uri, false, bmq.WithQueueOptions(limit(n/generations)))
		r.c.until("messages", func(es []entry) bool { return len(messagesOf(es)) >= n/generations })
		for i, m := range r.c.messages() {
			if i%2 == 0 {
				l.confirm(r, m)
			}
		}
		r.c.vanish()
		l.lost(r)
	}
	last := l.reader(e, uri)
	l.settle(e, append(l.readers[:generations:generations], last)...)
}
