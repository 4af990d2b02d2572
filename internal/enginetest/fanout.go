package enginetest

import "github.com/bmq-go/bmq"

var fanout = chapter("fanout",
	Behaviour{Name: "every-application-gets-everything", Ref: "6.5/fanout", Run: fanoutSessions},
	Behaviour{Name: "one-session-serves-several-applications", Ref: "5.2/apps 5.7/flattened", Run: fanoutOneSession},
	Behaviour{Name: "applications-confirm-for-themselves", Ref: "6.5/fanout 6.6/app", Run: fanoutConfirm},
	Behaviour{Name: "applications-have-their-own-windows", Ref: "6.4/window", Run: fanoutWindows},
	Behaviour{Name: "consumers-of-an-application-take-turns", Ref: "6.5/turns", Run: fanoutTurns},
	Behaviour{Name: "closing-one-application-leaves-the-others", Ref: "5.3/final", Run: fanoutCloseOne},
	Behaviour{Name: "a-writer-can-be-a-reader", Run: fanoutWriterReads},
	Behaviour{Name: "what-an-application-subscribed-to-alone-is-kept-for-it", Ref: "6.3/subscriptions", Run: domainSubscriptions},
)

var apps = []string{"foo", "bar", "baz"}

func fanoutSessions(e *Env) {
	uri := e.queue(memoryFanout)
	want := numbered("m", 5)
	w := e.writer(uri)
	w.deliver(uri, want[:3]...)
	var readers []*client
	for _, id := range apps {
		readers = append(readers, e.reader(app(uri, id)))
	}
	w.deliver(uri, want[3:]...)
	guids := make(map[bmq.MessageGUID]int)
	for i, c := range readers {
		for _, m := range c.awaitPayloads(want...) {
			e.Equal(app(uri, apps[i]), m.QueueURI)
			guids[m.GUID]++
		}
	}
	e.Len(guids, len(want))
}

func fanoutOneSession(e *Env) {
	const n = 10
	uri := e.queue(memoryFanout)
	c := e.client()
	for _, id := range apps {
		c.open(app(uri, id), bmq.WithRead())
	}
	want := numbered("m", n)
	e.writer(uri).deliver(uri, want...)
	got := make(map[string][]string)
	for _, m := range c.awaitMessages(n * len(apps)) {
		got[m.QueueURI] = append(got[m.QueueURI], m.payload())
		e.NoError(m.Confirm())
	}
	for _, id := range apps {
		e.Equal(want, got[app(uri, id)])
	}
	c.stop()
	w := e.writer(uri)
	w.deliver(uri, "mark")
	for _, id := range apps {
		e.reader(app(uri, id)).awaitPayloads("mark")
	}
}

func fanoutConfirm(e *Env) {
	uri := e.queue(memoryFanout)
	foo, bar := e.reader(app(uri, "foo")), e.reader(app(uri, "bar"))
	w := e.writer(uri)
	w.deliver(uri, "a")
	e.NoError(foo.awaitPayloads("a")[0].Confirm())
	bar.awaitPayloads("a")
	foo.stop()
	bar.stop()
	w.deliver(uri, "b")
	e.reader(app(uri, "foo")).awaitPayloads("b")
	e.reader(app(uri, "bar")).awaitPayloads("a", "b")
	e.reader(app(uri, "baz")).awaitPayloads("a", "b")
}

func fanoutWindows(e *Env) {
	uri := e.queue(memoryFanout)
	c := e.client()
	c.open(app(uri, "foo"), bmq.WithRead(), bmq.WithQueueOptions(limit(1)))
	c.open(app(uri, "bar"), bmq.WithRead())
	want := numbered("m", 5)
	e.writer(uri).deliver(uri, want...)
	c.awaitMessages(1 + len(want))
	e.reader(app(uri, "foo")).awaitPayloads(want[1:]...)
	c.stop()
	e.Len(c.messages(), 1+len(want))
}

func fanoutTurns(e *Env) {
	uri := e.queue(memoryFanout)
	a, b, bar := e.reader(app(uri, "foo")), e.reader(app(uri, "foo")), e.reader(app(uri, "bar"))
	e.writer(uri).deliver(uri, numbered("m", 6)...)
	got := append(payloads(a.awaitMessages(3)), payloads(b.awaitMessages(3))...)
	e.ElementsMatch(numbered("m", 6), got)
	bar.awaitPayloads(numbered("m", 6)...)
}

func fanoutCloseOne(e *Env) {
	uri := e.queue(memoryFanout)
	c := e.client()
	c.open(app(uri, "foo"), bmq.WithRead())
	c.open(app(uri, "bar"), bmq.WithRead())
	w := e.writer(uri)
	c.closeQueue(app(uri, "foo"))
	w.deliver(uri, "a")
	m := c.awaitPayloads("a")[0]
	e.Equal(app(uri, "bar"), m.QueueURI)
	e.NoError(m.Confirm())
	c.open(app(uri, "foo"), bmq.WithRead())
	m = c.awaitPayloads("a", "a")[1]
	e.Equal(app(uri, "foo"), m.QueueURI)
	c.closeQueue(app(uri, "bar"))
	c.closeQueue(app(uri, "foo"))
	e.Zero(c.Stats().OpenQueues)
}

func fanoutWriterReads(e *Env) {
	uri := e.queue(memoryFanout)
	c := e.client()
	c.open(uri, bmq.WithWrite())
	c.open(app(uri, "foo"), bmq.WithRead())
	c.deliver(uri, "a")
	e.NoError(c.awaitPayloads("a")[0].Confirm())
	c.closeQueue(app(uri, "foo"))
	c.deliver(uri, "b")
	c.closeQueue(uri)
}

func domainSubscriptions(e *Env) {
	uri := e.queue(selective)
	eu, all := e.reader(app(uri, "eu")), e.reader(app(uri, "all"))
	w := e.writer(uri)
	for _, region := range []string{"EU", "US", "", "EU"} {
		opts := []bmq.PostOption{}
		if region != "" {
			opts = append(opts, bmq.WithProperties(bmq.PropertyValueDict{"region": region}))
		}
		_, err := w.PostAndWait(e.soon(), uri, []byte("for "+region), opts...)
		e.NoError(err)
	}
	all.awaitPayloads("for EU", "for US", "for ", "for EU")
	eu.awaitPayloads("for EU", "for EU")
}
