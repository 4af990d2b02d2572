package enginetest

import "github.com/bmq-go/bmq"

var routing = chapter("routing",
	Behaviour{Name: "the-highest-priority-gets-everything", Ref: "6.5/priority", Run: highestPriority},
	Behaviour{Name: "a-higher-priority-takes-over-and-gives-back", Ref: "6.5/priority", Run: priorityTakesOver},
	Behaviour{Name: "priorities-change-by-configuring", Ref: "6.5/priority", Run: priorityConfigured},
	Behaviour{Name: "what-is-for-the-highest-priority-waits-for-it", Ref: "6.5/no-spill", Run: noSpillOver},
	Behaviour{Name: "equals-take-turns", Ref: "6.5/turns", Run: roundRobin},
	Behaviour{Name: "what-a-consumer-had-goes-to-others-when-it-closes", Ref: "6.8/redelivery", Run: func(e *Env) {
		e.redistribute(func(c *client, uri string) { c.closeQueue(uri) })
	}},
	Behaviour{Name: "what-a-consumer-had-goes-to-others-when-it-stops", Ref: "6.8/redelivery", Run: func(e *Env) {
		e.redistribute(func(c *client, _ string) { c.stop() })
	}},
	Behaviour{Name: "what-a-consumer-had-goes-to-others-when-it-vanishes", Ref: "6.8/redelivery", Run: func(e *Env) {
		e.redistribute(func(c *client, _ string) { c.vanish() })
	}},
	Behaviour{Name: "redelivery-is-in-the-order-of-delivery", Ref: "6.5/order", Run: redeliveryOrder},
	Behaviour{Name: "a-paused-consumer-keeps-what-it-has", Ref: "6.8/paused", Run: pausedKeeps},
	Behaviour{Name: "messages-expire", Ref: "6.10/ttl", Run: expire},
	Behaviour{Name: "poison-is-dropped-after-its-attempts", Ref: "6.9/poison", Run: poison},
	Behaviour{Name: "leaving-in-good-order-is-no-attempt", Ref: "6.9/graceful", Run: poisonGraceful},
)

func priority(p int) bmq.OpenOption {
	return bmq.WithQueueOptions(bmq.QueueOptions{ConsumerPriority: bmq.Some(p)})
}

func highestPriority(e *Env) {
	uri := e.queue(memoryPriority)
	low, high, lowest := e.reader(uri, priority(1)), e.reader(uri, priority(2)), e.reader(uri, priority(-1))
	e.writer(uri).deliver(uri, numbered("m", 5)...)
	high.awaitPayloads(numbered("m", 5)...)
	for _, m := range high.messages() {
		e.NoError(m.Confirm())
	}
	high.stop()
	e.Empty(low.messages())
	e.Empty(lowest.messages())
}

func priorityTakesOver(e *Env) {
	uri := e.queue(memoryPriority)
	low := e.reader(uri, priority(1))
	w := e.writer(uri)
	w.deliver(uri, "a")
	low.awaitPayloads("a")
	high := e.reader(uri, priority(2))
	w.deliver(uri, "b")
	high.awaitPayloads("b")
	e.NoError(high.messages()[0].Confirm())
	high.closeQueue(uri)
	w.deliver(uri, "c")
	low.awaitPayloads("a", "c")
}

func priorityConfigured(e *Env) {
	uri := e.queue(memoryPriority)
	c, other := e.reader(uri, priority(1)), e.reader(uri, priority(2))
	w := e.writer(uri)
	w.deliver(uri, "a")
	other.awaitPayloads("a")
	c.configure(uri, bmq.QueueOptions{ConsumerPriority: bmq.Some(3)})
	w.deliver(uri, "b")
	c.awaitPayloads("b")
	c.configure(uri, bmq.QueueOptions{ConsumerPriority: bmq.Some(0)})
	w.deliver(uri, "c")
	other.awaitPayloads("a", "c")
}

func noSpillOver(e *Env) {
	uri := e.queue(memoryPriority)
	low := e.reader(uri, priority(1))
	high := e.reader(uri, bmq.WithQueueOptions(bmq.QueueOptions{ConsumerPriority: bmq.Some(2), MaxUnconfirmedMessages: bmq.Some(1)}))
	want := numbered("m", 3)
	e.writer(uri).deliver(uri, want...)
	for i := range want {
		e.NoError(high.awaitPayloads(want[:i+1]...)[i].Confirm())
	}
	high.stop()
	e.Empty(low.messages())
}

func roundRobin(e *Env) {
	uri := e.queue(memoryPriority)
	c, other := e.reader(uri), e.reader(uri)
	e.writer(uri).deliver(uri, numbered("m", 6)...)
	a, b := payloads(c.awaitMessages(3)), payloads(other.awaitMessages(3))
	if a[0] != "m-0" {
		a, b = b, a
	}
	e.Equal([]string{"m-0", "m-2", "m-4"}, a)
	e.Equal([]string{"m-1", "m-3", "m-5"}, b)
}

// redistribute has a consumer leave with unconfirmed messages.
func (e *Env) redistribute(leave func(c *client, uri string)) {
	e.t.Helper()
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{proxy: e.newProxy()})
	c.open(uri, bmq.WithRead())
	w := e.writer(uri)
	w.deliver(uri, "a", "b", "c")
	list := c.awaitPayloads("a", "b", "c")
	e.NoError(list[0].Confirm())
	// The confirmation has arrived when a message behind it has.
	e.proxyBarrier(c)
	other := e.reader(uri)
	leave(c, uri)
	again := other.awaitPayloads("b", "c")
	e.Equal(list[1].GUID, again[0].GUID)
	w.deliver(uri, "d")
	other.awaitPayloads("b", "c", "d")
}

// proxyBarrier has everything that a session sent so far handled by the broker.
func (e *Env) proxyBarrier(c *client) {
	e.t.Helper()
	own := e.queue(memoryPriority)
	c.open(own, bmq.WithWrite())
	c.deliver(own, "barrier")
}

func redeliveryOrder(e *Env) {
	uri := e.queue(memoryPriority)
	first := e.reader(uri)
	w := e.writer(uri)
	w.deliver(uri, "m-0")
	first.awaitPayloads("m-0")
	c := e.reader(uri)
	w.deliver(uri, "m-1", "m-2", "m-3")
	e.eventually("all are delivered", func() bool { return len(first.messages())+len(c.messages()) == 4 })
	first.closeQueue(uri)
	had := payloads(c.awaitMessages(4))
	e.ElementsMatch(numbered("m", 4), had)
	c.closeQueue(uri)
	w.deliver(uri, "new")
	e.reader(uri).awaitPayloads(append(had, "new")...)
}

func pausedKeeps(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	w.deliver(uri, "a", "b")
	list := c.awaitPayloads("a", "b")
	c.configure(uri, bmq.Paused())
	other := e.reader(uri)
	w.deliver(uri, "c")
	other.awaitPayloads("c")
	for _, m := range list {
		e.NoError(m.Confirm())
	}
	c.closeQueue(uri)
	w.deliver(uri, "d")
	other.awaitPayloads("c", "d")
}

func expire(e *Env) {
	uri := e.queue(shortLived)
	w := e.writer(uri)
	c := e.reader(uri)
	w.deliver(uri, "delivered")
	c.awaitPayloads("delivered")
	c.configure(uri, bmq.Paused())
	w.deliver(uri, "waits")
	var rest []string
	for range 5 { // the broker looks for old messages when it likes
		e.broker.pass(shortLife + shortLife/2)
		other := e.reader(uri)
		w.deliver(uri, "mark")
		other.until("the mark", func(es []entry) bool {
			list := messagesOf(es)
			return len(list) > 0 && list[len(list)-1].payload() == "mark"
		})
		list := other.messages()
		rest = payloads(list[:len(list)-1])
		e.NoError(list[len(list)-1].Confirm())
		other.stop()
		if len(rest) == 0 {
			break
		}
	}
	e.Empty(rest)
	c.stop()
	e.remaining(uri)
}

func poison(e *Env) {
	uri := e.queue(poisonous)
	w := e.writer(uri)
	w.deliver(uri, "poison")
	for range 2 {
		c := e.clientWith(setup{proxy: e.newProxy()})
		c.open(uri, bmq.WithRead())
		c.awaitPayloads("poison")
		c.vanish()
	}
	e.remaining(uri)
}

func poisonGraceful(e *Env) {
	uri := e.queue(poisonous)
	w := e.writer(uri)
	w.deliver(uri, "good")
	for range 4 {
		c := e.reader(uri)
		c.awaitPayloads("good")
		c.stop()
	}
	e.remaining(uri, "good")
}
