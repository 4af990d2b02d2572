package enginetest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var consuming = chapter("consuming",
	Behaviour{Name: "messages-of-one-event-come-one-by-one", Ref: "4/49 5.7/event", Run: oneByOne},
	Behaviour{Name: "a-confirmed-message-does-not-come-again", Ref: "4/56", Run: confirmedIsGone},
	Behaviour{Name: "an-unconfirmed-message-comes-again", Ref: "4/57 6.8/redelivery", Run: unconfirmedComesAgain},
	Behaviour{Name: "a-message-may-be-kept", Run: messageKept},
	Behaviour{Name: "one-goroutine-calls-handlers", Ref: "1.15/threads", Run: oneWorker},
	Behaviour{Name: "several-goroutines-call-handlers-at-the-same-time", Ref: "1.15/threads", Run: severalWorkers},
	Behaviour{Name: "one-session-reads-many-queues", Run: manyQueues},
	Behaviour{Name: "messages-can-be-pulled", Run: pulled},
	Behaviour{Name: "pulling-ends-with-its-context-and-with-the-session", Run: pullEnds},
	Behaviour{Name: "what-nobody-pulled-stays-for-the-next", Run: pullGoesOn},
	Behaviour{Name: "several-goroutines-pull", Run: pullTogether},
)

func oneByOne(e *Env) {
	const n = 20
	uri := e.queue(memoryPriority)
	want := numbered("m", n)
	e.writer(uri).deliver(uri, want...)
	most := 0
	e.proxy.rewrite(down, wire.EventPush, func(frame []byte) []byte {
		ev, _ := wire.ParseEvent(frame)
		r, m, n := wire.NewPushReader(ev.Body), wire.PushMessage{}, 0
		for r.Next(&m) {
			n++
		}
		most = max(most, n)
		return frame
	})
	c := e.reader(uri)
	seen := make(map[bmq.MessageGUID]bool)
	for _, m := range c.awaitPayloads(want...) {
		e.False(seen[m.GUID], "a GUID of its own")
		seen[m.GUID] = true
		e.Equal(uri, m.QueueURI)
		e.NoError(m.Confirm())
	}
	c.stop()
	e.Greater(most, 1, "several messages in one event")
	e.reader(uri, bmq.WithQueueOptions(defaults))
}

func confirmedIsGone(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	w.deliver(uri, "a", "b")
	for _, m := range c.awaitPayloads("a", "b") {
		e.NoError(m.Confirm())
	}
	c.closeQueue(uri)
	c.open(uri, bmq.WithRead())
	w.deliver(uri, "c")
	c.awaitPayloads("a", "b", "c")
}

func unconfirmedComesAgain(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	w.deliver(uri, "a", "b", "c")
	first := c.awaitPayloads("a", "b", "c")
	e.NoError(first[1].Confirm())
	c.closeQueue(uri)
	c.open(uri, bmq.WithRead())
	w.deliver(uri, "d")
	again := c.awaitPayloads("a", "b", "c", "a", "c", "d")
	e.Equal(first[0].GUID, again[3].GUID)
	e.Equal(first[2].GUID, again[4].GUID)
}

func messageKept(e *Env) {
	const n = 200
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	want := numbered("message", n)
	for _, p := range want {
		e.NoError(w.Post(e.soon(), uri, []byte(p), bmq.WithProperties(bmq.PropertyValueDict{"p": p})))
	}
	list := c.awaitMessages(n)
	list[0].Data[0] = 'M' // the receiver owns its bytes
	for i, m := range list {
		if i > 0 {
			e.Equal(want[i], m.payload())
		}
		e.Equal(bmq.PropertyValueDict{"p": want[i]}, m.Properties())
		m.QueueURI = "changed"
		e.NoError(m.Confirm(), "the handle has its own copy")
	}
}

func oneWorker(e *Env) {
	const n = 50
	uri := e.queue(memoryPriority)
	var inside, most atomic.Int32
	c := e.clientWith(setup{onMessage: func(*client, *received) {
		most.Store(max(most.Load(), inside.Add(1)))
		inside.Add(-1)
	}})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.post(uri, numbered("m", n)...)
	c.awaitPayloads(numbered("m", n)...)
	e.Equal(int32(1), most.Load())
}

// severalWorkers: each handler waits for the other one to be called.
func severalWorkers(e *Env) {
	uri := e.queue(memoryPriority)
	both := make(chan struct{})
	var inside atomic.Int32
	c := e.clientWith(setup{
		options: []bmq.Option{bmq.WithNumProcessingThreads(2)},
		onMessage: func(*client, *received) {
			if inside.Add(1) == 2 {
				close(both)
			}
			<-both
		},
	})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "a")
	c.awaitMessages(1)
	c.deliver(uri, "b")
	c.awaitPayloads("a", "b")
	e.await(both, "two handlers at a time")
	for _, m := range c.messages() {
		e.NoError(m.Confirm())
	}
}

func manyQueues(e *Env) {
	const n = 20
	c := e.client()
	w := e.clientWith(setup{writer: true})
	var uris []string
	for range n {
		uri := e.queue(memoryPriority)
		uris = append(uris, uri)
		c.open(uri, bmq.WithRead())
		w.open(uri, bmq.WithWrite())
	}
	e.Equal(n, c.Stats().OpenQueues)
	for _, uri := range uris {
		w.post(uri, uri)
	}
	for _, m := range c.awaitMessages(n) {
		e.Equal(m.QueueURI, m.payload())
		e.NoError(m.Confirm())
	}
}

func pulled(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{pull: true})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	want := numbered("m", 20)
	c.post(uri, want...)
	var got []string
	for m, err := range c.Messages(e.soon()) {
		e.NoError(err)
		e.NoError(c.Confirm(m))
		if got = append(got, string(m.Data)); len(got) == len(want) {
			break
		}
	}
	e.Equal(want, got)
	// The body of the loop may do everything, stop the session as well.
	c.post(uri, "last")
	for m, err := range c.Messages(e.soon()) {
		if err != nil {
			e.ErrorIs(err, bmq.ErrSessionStopped)
			break
		}
		e.Equal("last", string(m.Data))
		c.stop()
	}
	for _, err := range e.client().Messages(e.soon()) {
		e.ErrorIs(err, bmq.ErrNoOnMessage, "a session with a handler")
	}
}

func pullEnds(e *Env) {
	c := e.clientWith(setup{pull: true})
	c.open(e.queue(memoryPriority), bmq.WithRead())
	for m, err := range c.Messages(e.within(brief)) {
		e.Nil(m)
		e.ErrorIs(err, context.DeadlineExceeded)
	}
	ended := make(chan error, 1)
	go func() {
		for _, err := range c.Messages(e.soon()) {
			ended <- err
		}
	}()
	c.stop()
	e.ErrorIs(<-ended, bmq.ErrSessionStopped)
}

func pullGoesOn(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{pull: true})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	want := numbered("m", 5)
	c.deliver(uri, want...)
	for _, p := range want {
		for m, err := range c.Messages(e.soon()) {
			e.NoError(err)
			e.Equal(p, string(m.Data))
			break
		}
	}
}

func pullTogether(e *Env) {
	const n, pullers = 100, 4
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{pull: true})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.post(uri, numbered("m", n)...)
	var (
		mu   sync.Mutex
		got  = make(map[string]int)
		left atomic.Int32
		all  sync.WaitGroup
	)
	left.Store(n)
	ctx, done := context.WithCancel(e.soon())
	defer done()
	for range pullers {
		all.Go(func() {
			for m, err := range c.Messages(ctx) {
				if err != nil {
					return
				}
				mu.Lock()
				got[string(m.Data)]++
				mu.Unlock()
				if left.Add(-1) == 0 {
					done()
				}
			}
		})
	}
	e.ends("pulling", all.Wait)
	e.Len(got, n)
	for p, times := range got {
		e.Equal(1, times, p)
	}
}
