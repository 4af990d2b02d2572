package enginetest

import (
	"strings"

	"github.com/bmq-go/bmq"
)

var flowControl = chapter("flow",
	Behaviour{Name: "no-more-than-the-window-is-delivered", Ref: "4/76 6.4/window", Run: window},
	Behaviour{Name: "a-window-of-bytes-is-overshot-by-one-message", Ref: "4/76 6.4/bytes", Run: windowBytes},
	Behaviour{Name: "a-full-window-opens-at-four-fifths", Ref: "6.4/resume", Run: windowResumes},
	Behaviour{Name: "a-window-of-zero-delivers-nothing", Ref: "4/76 6.4/zero", Run: windowZero},
	Behaviour{Name: "paused-consumers-go-on-together", Ref: "4/76 6.4/zero", Run: pausedTogether},
	Behaviour{Name: "a-new-window-starts-empty", Ref: "4/76 6.4/reconfigured", Run: windowChanged},
)

func limit(messages int) bmq.QueueOptions {
	return bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(messages)}
}

// unpaused are options that take back what Paused sets.
func unpaused(messages int) bmq.QueueOptions {
	return bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(messages), MaxUnconfirmedBytes: bmq.Some(bmq.DefaultMaxUnconfirmedBytes)}
}

func window(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, bmq.WithQueueOptions(limit(2)))
	e.writer(uri).deliver(uri, numbered("m", 5)...)
	c.awaitPayloads("m-0", "m-1")
	other := e.reader(uri)
	other.awaitPayloads("m-2", "m-3", "m-4")
	c.stop()
	e.Len(c.messages(), 2)
	other.awaitPayloads("m-2", "m-3", "m-4", "m-0", "m-1")
}

func windowBytes(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, bmq.WithQueueOptions(bmq.QueueOptions{MaxUnconfirmedBytes: bmq.Some(100)}))
	w := e.writer(uri)
	large := strings.Repeat("x", 60)
	w.deliver(uri, large, large, "third")
	c.awaitPayloads(large, large)
	e.reader(uri).awaitPayloads("third")
}

// settled has the broker do all that it can do for the session's queue: requests of
// one connection are handled in order.
func (c *client) settled(uri string) {
	c.e.t.Helper()
	for range 2 {
		_, err := c.PostAndWait(c.e.soon(), uri, []byte("behind"))
		c.e.NoError(err)
	}
}

func windowResumes(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(limit(10)))
	c.deliver(uri, numbered("m", 12)...)
	list := c.awaitPayloads(numbered("m", 10)...)
	e.NoError(list[0].Confirm())
	c.settled(uri)
	e.Len(c.messages(), 10, "9 are unconfirmed")
	e.NoError(list[1].Confirm())
	c.awaitPayloads(numbered("m", 12)...)
	c.settled(uri)
	e.Len(c.messages(), 12)
}

func windowZero(e *Env) {
	for _, o := range []bmq.QueueOptions{bmq.Paused(), limit(0), {MaxUnconfirmedBytes: bmq.Some(0)}} {
		uri := e.queue(memoryPriority)
		c := e.reader(uri, bmq.WithQueueOptions(o))
		w := e.writer(uri)
		w.deliver(uri, "a")
		other := e.reader(uri)
		for _, m := range other.awaitPayloads("a") {
			e.NoError(m.Confirm())
		}
		other.stop()
		e.Empty(c.messages())
		w.deliver(uri, "b")
		c.configure(uri, defaults)
		c.awaitPayloads("b")
	}
}

// pausedTogether: all consumers are paused while messages come, and go on one after
// the other.
func pausedTogether(e *Env) {
	uri := e.queue(memoryPriority)
	a, b := e.reader(uri, bmq.WithQueueOptions(limit(7))), e.client()
	w := e.writer(uri)
	w.deliver(uri, numbered("m", 13)...)
	a.awaitMessages(7)
	b.open(uri, bmq.WithRead(), bmq.WithQueueOptions(limit(7)))
	list := b.awaitMessages(6)
	a.configure(uri, bmq.Paused())
	b.configure(uri, bmq.Paused())
	w.deliver(uri, numbered("n", 12)...)
	for _, m := range list {
		e.NoError(m.Confirm())
	}
	a.configure(uri, unpaused(7))
	b.configure(uri, unpaused(7))
	e.eventually("all are delivered", func() bool { return len(a.messages())+len(b.messages()) == 25 })
}

func windowChanged(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(limit(2)))
	c.deliver(uri, numbered("m", 7)...)
	c.awaitPayloads(numbered("m", 2)...)
	c.settled(uri)
	e.Len(c.messages(), 2)
	c.configure(uri, limit(3)) // and not 3 less the 2 that are unconfirmed
	c.awaitPayloads(numbered("m", 5)...)
	c.settled(uri)
	e.Len(c.messages(), 5)
	c.configure(uri, limit(1000))
	c.awaitPayloads(append(numbered("m", 7), "behind", "behind", "behind", "behind")...)
}
