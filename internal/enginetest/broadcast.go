package enginetest

import (
	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var broadcast = chapter("broadcast",
	Behaviour{Name: "everybody-who-is-there-gets-everything", Ref: "6.5/broadcast", Run: broadcastAll},
	Behaviour{Name: "nothing-is-kept", Ref: "6.3/broadcast", Run: broadcastNotKept},
	Behaviour{Name: "confirming-succeeds-and-sends-nothing", Ref: "5.7/broadcast", Run: broadcastConfirm},
	Behaviour{Name: "windows-limit-nothing", Ref: "6.5/broadcast", Run: broadcastWindow},
	Behaviour{Name: "only-the-highest-priority-gets-messages", Ref: "6.5/broadcast", Run: broadcastPriority},
	Behaviour{Name: "closing-answers-posts-with-success", Ref: "5.3/broadcast", Run: func(e *Env) {
		e.broadcastUnanswered(func(w *client, uri string) { w.closeQueue(uri) })
	}},
	Behaviour{Name: "stopping-answers-posts-with-success", Ref: "5.4/posts", Run: func(e *Env) {
		e.broadcastUnanswered(func(w *client, _ string) { w.stop() })
	}},
)

func broadcastAll(e *Env) {
	uri := e.queue(memoryBroadcast)
	readers := []*client{e.reader(uri), e.reader(uri), e.reader(uri)}
	w := e.writer(uri)
	want := numbered("m", 10)
	w.post(uri, want...)
	for _, a := range w.awaitAcks(len(want)) {
		e.Equal(bmq.AckSuccess, a.Status)
	}
	for _, c := range readers {
		c.awaitPayloads(want...)
	}
}

func broadcastNotKept(e *Env) {
	uri := e.queue(memoryBroadcast)
	w := e.writer(uri)
	w.deliver(uri, "nobody is there")
	c := e.reader(uri)
	w.deliver(uri, "a")
	c.awaitPayloads("a")
	c.closeQueue(uri)
	c.open(uri, bmq.WithRead())
	w.deliver(uri, "b")
	c.awaitPayloads("a", "b")
}

func broadcastConfirm(e *Env) {
	uri := e.queue(memoryBroadcast)
	c := e.reader(uri)
	sent := e.proxy.watch(up, wire.EventConfirm)
	e.writer(uri).deliver(uri, "a")
	m := c.awaitPayloads("a")[0]
	e.NoError(m.Confirm())
	e.NoError(c.ConfirmBatch(m.Message, m.Message))
	c.stop()
	e.Zero(sent.count())
}

func broadcastWindow(e *Env) {
	uri := e.queue(memoryBroadcast)
	c := e.reader(uri, bmq.WithQueueOptions(limit(2)))
	want := numbered("m", 7)
	e.writer(uri).deliver(uri, want...)
	c.awaitPayloads(want...)
}

func broadcastPriority(e *Env) {
	uri := e.queue(memoryBroadcast)
	low, high, equal := e.reader(uri, priority(1)), e.reader(uri, priority(2)), e.reader(uri, priority(2))
	w := e.writer(uri)
	w.deliver(uri, "a")
	high.awaitPayloads("a")
	equal.awaitPayloads("a")
	high.closeQueue(uri)
	equal.closeQueue(uri)
	w.deliver(uri, "b")
	low.awaitPayloads("b")
}

func (e *Env) broadcastUnanswered(leave func(w *client, uri string)) {
	e.t.Helper()
	uri := e.queue(memoryBroadcast)
	w := e.writer(uri)
	e.proxy.drop(down, wire.EventAck)
	w.post(uri, "a")
	leave(w, uri)
	e.Len(w.answers(), 1)
	e.Equal(bmq.AckSuccess, w.answers()[0].Status)
}
