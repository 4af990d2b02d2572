package enginetest

import (
	"github.com/bmq-go/bmq"
)

var restarts = chapter("restarts",
	Behaviour{Name: "a-killed-broker-is-found-again", Needs: OwnBroker, Ref: "4/79 5.8/reopen", Run: func(e *Env) {
		e.brokerRestarts(func() { e.broker.kill() })
	}},
	Behaviour{Name: "a-broker-that-stops-in-good-order-is-found-again", Needs: OwnBroker, Ref: "4/74 5.8/reopen", Run: func(e *Env) {
		e.brokerRestarts(func() { e.broker.terminate() })
	}},
	Behaviour{Name: "persistent-domains-keep-acked-messages", Needs: OwnBroker, Ref: "6.11/kept", Run: persistentKept},
	Behaviour{Name: "messages-in-memory-are-lost-with-the-broker", Needs: OwnBroker, Ref: "6.11/lost", Run: memoryLost},
	Behaviour{Name: "fanout-remembers-who-confirmed", Needs: OwnBroker, Ref: "6.11/kept", Run: fanoutKept},
	Behaviour{Name: "a-start-waits-for-the-broker", Needs: OwnBroker, Ref: "4/7", Run: startWaits},
	Behaviour{Name: "poison-is-not-counted-when-the-broker-ends", Needs: OwnBroker, Ref: "6.9/graceful", Run: poisonRestart},
)

// brokerRestarts has the broker end and come back under a producer and a consumer.
func (e *Env) brokerRestarts(end func()) {
	e.t.Helper()
	uri := e.queue(persistentPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	w.deliver(uri, "before")
	e.NoError(c.awaitPayloads("before")[0].Confirm())
	e.proxyBarrier(c)
	end()
	c.awaitEvent("ConnectionLost", 1)
	w.awaitEvent("ConnectionLost", 1)
	w.post(uri, "meanwhile")
	e.broker.restart()
	e.Equal(bmq.AckSuccess, w.awaitAcks(1)[0].Status)
	w.deliver(uri, "after")
	c.awaitPayloads("before", "meanwhile", "after")
	e.Subset(c.events(), []string{"ConnectionLost", "Reconnected", "QueueReopened", "StateRestored"})
}

func persistentKept(e *Env) {
	uri := e.queue(persistentPriority)
	w := e.writer(uri)
	c := e.reader(uri)
	want := numbered("m", 20)
	w.deliver(uri, want...)
	for i, m := range c.awaitPayloads(want...) {
		if i%2 == 0 {
			e.NoError(m.Confirm())
		}
	}
	e.proxyBarrier(c)
	c.stop()
	e.broker.kill()
	e.broker.restart()
	w.awaitEvent("StateRestored", 1)
	var left []string
	for i, p := range want {
		if i%2 == 1 {
			left = append(left, p)
		}
	}
	e.remaining(uri, left...)
}

func memoryLost(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	w.deliver(uri, "a")
	w.lose()
	w.post(uri, "b") // of this the session still knows
	e.broker.kill()
	e.broker.restart()
	w.restore()
	e.Equal(bmq.AckSuccess, w.awaitAcks(1)[0].Status)
	e.remaining(uri, "b")
}

func fanoutKept(e *Env) {
	uri := e.queue(persistentFanout)
	w := e.writer(uri)
	foo := e.reader(app(uri, "foo"))
	w.deliver(uri, "a", "b")
	e.NoError(foo.awaitPayloads("a", "b")[0].Confirm())
	e.proxyBarrier(foo)
	foo.stop()
	e.broker.kill()
	e.broker.restart()
	w.awaitEvent("StateRestored", 1)
	e.reader(app(uri, "foo")).awaitPayloads("b")
	e.reader(app(uri, "bar")).awaitPayloads("a", "b")
}

func startWaits(e *Env) {
	e.broker.kill()
	up := make(chan *client, 1)
	go func() { up <- e.client() }()
	e.eventually("attempts are made", func() bool { return e.proxy.attempts() > 0 })
	e.broker.restart()
	select {
	case c := <-up:
		c.awaitEvents("Connected")
	case <-e.soon().Done():
		e.FailNow("the session does not come up")
	}
}

func poisonRestart(e *Env) {
	uri := e.queue(poisonous)
	c := e.reader(uri)
	w := e.writer(uri)
	w.deliver(uri, "a")
	c.awaitPayloads("a")
	for i := range 3 {
		e.broker.terminate()
		e.broker.restart()
		w.awaitEvent("StateRestored", i+1)
		c.awaitEvent("StateRestored", i+1)
	}
	// The domain keeps nothing: what matters is that a post of now is not dropped.
	w.deliver(uri, "b")
	c.awaitPayloads("a", "b")
}
