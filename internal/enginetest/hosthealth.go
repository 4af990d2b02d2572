package enginetest

import (
	"sync"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
)

var health = chapter("health",
	Behaviour{Name: "every-change-is-told-without-queues", Ref: "4/67 5.9/events", Run: healthToggles},
	Behaviour{Name: "without-a-monitor-nothing-is-told", Ref: "4/68", Run: healthOff},
	Behaviour{Name: "queues-are-suspended-and-resumed", Ref: "4/67 4/69 5.9/events", Run: healthQueues},
	Behaviour{Name: "a-suspended-writer-refuses-posts", Ref: "4/69 1.14/pack", Run: healthWriter},
	Behaviour{Name: "a-suspended-reader-gets-nothing-and-confirms", Ref: "5.9/reader", Run: healthReader},
	Behaviour{Name: "insensitive-queues-work-on", Ref: "5.9/reader", Run: healthInsensitive},
	Behaviour{Name: "a-session-may-start-unhealthy", Ref: "5.9/start", Run: healthAtStart},
	Behaviour{Name: "one-monitor-serves-several-sessions", Ref: "1.12/sessions", Run: healthSessions},
	Behaviour{Name: "any-monitor-will-do", Ref: "4/79", Run: healthOwnMonitor},
	Behaviour{Name: "a-change-survives-the-connection", Ref: "5.9/connection", Run: healthReconnect},
	Behaviour{Name: "a-suspension-that-fails-drops-the-connection", Ref: "5.9/failed", Run: healthSuspendFails},
	Behaviour{Name: "a-resumption-that-fails-is-told", Ref: "5.9/failed", Run: healthResumeFails},
)

func healthToggles(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	c := e.client(bmq.WithHostHealthMonitor(m))
	for range 2 {
		m.SetUnhealthy()
		m.SetUnhealthy() // no change
		m.SetHealthy()
		m.SetHealthy()
	}
	c.stop()
	c.awaitEvents("Connected", "HostUnhealthy", "HostHealthRestored", "HostUnhealthy", "HostHealthRestored", "Disconnected")
	m.SetUnhealthy() // nobody listens
}

func healthOff(e *Env) {
	c := e.client()
	c.stop()
	c.awaitEvents("Connected", "Disconnected")
}

var sensitive = bmq.WithQueueOptions(bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})

func healthQueues(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	c := e.client(bmq.WithHostHealthMonitor(m))
	c.open(e.queue(memoryPriority), bmq.WithRead(), sensitive)
	c.open(e.queue(memoryPriority), bmq.WithWrite(), sensitive)
	c.open(e.queue(memoryPriority), bmq.WithRead())
	for i := range 2 {
		m.SetUnhealthy()
		c.awaitEvent("QueueSuspended", 2*(i+1))
		m.SetHealthy()
		c.awaitEvent("HostHealthRestored", i+1)
	}
	c.stop()
	once := []string{"HostUnhealthy", "QueueSuspended", "QueueSuspended", "QueueResumed", "QueueResumed", "HostHealthRestored"}
	want := append([]string{"Connected"}, once...)
	want = append(append(want, once...), "Disconnected")
	e.Equal(want, c.events())
	suspended := make(map[string]bool)
	for _, entry := range c.log.all() {
		if ev, ok := entry.event.(sessionevents.QueueSuspended); ok {
			suspended[ev.QueueURI()] = true
		}
	}
	e.Len(suspended, 2)
}

func healthWriter(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	uri := e.queue(memoryPriority)
	w := e.client(bmq.WithHostHealthMonitor(m))
	w.open(uri, bmq.WithWrite(), sensitive)
	w.deliver(uri, "a")
	m.SetUnhealthy()
	w.awaitEvent("QueueSuspended", 1)
	err := w.Post(e.soon(), uri, []byte("b"))
	e.ErrorIs(err, bmq.ErrQueueSuspended)
	e.Equal("Failed to construct message: QUEUE_SUSPENDED", err.Error())
	m.SetHealthy()
	w.awaitEvent("HostHealthRestored", 1)
	w.deliver(uri, "c")
	e.reader(uri).awaitPayloads("a", "c")
}

func healthReader(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithHostHealthMonitor(m))
	c.open(uri, bmq.WithRead(), sensitive)
	w := e.writer(uri)
	w.deliver(uri, "a")
	a := c.awaitPayloads("a")[0]
	m.SetUnhealthy()
	c.awaitEvent("QueueSuspended", 1)
	e.NoError(a.Confirm())
	w.deliver(uri, "b")
	other := e.reader(uri)
	e.NoError(other.awaitPayloads("b")[0].Confirm())
	other.stop()
	w.deliver(uri, "c")
	m.SetHealthy()
	c.awaitEvent("QueueResumed", 1)
	c.awaitPayloads("a", "c")
	o, err := c.GetQueueOptions(uri)
	e.NoError(err)
	e.Equal(bmq.Some(1000), o.MaxUnconfirmedMessages)
}

func healthInsensitive(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithHostHealthMonitor(m))
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	m.SetUnhealthy()
	c.awaitEvent("HostUnhealthy", 1)
	c.deliver(uri, "a")
	c.awaitPayloads("a")
}

func healthAtStart(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	m.SetUnhealthy()
	c := e.client(bmq.WithHostHealthMonitor(m))
	c.awaitEvent("HostUnhealthy", 1)
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	w.deliver(uri, "a")
	c.open(uri, bmq.WithRead(), bmq.WithWrite(), sensitive) // it is suspended from the start
	e.ErrorIs(c.Post(e.soon(), uri, []byte("b")), bmq.ErrQueueSuspended)
	m.SetHealthy()
	c.awaitEvent("HostHealthRestored", 1)
	c.awaitPayloads("a")
	c.deliver(uri, "b")
}

func healthSessions(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	var list []*client
	for range 3 {
		c := e.client(bmq.WithHostHealthMonitor(m))
		c.open(e.queue(memoryPriority), bmq.WithWrite(), sensitive)
		list = append(list, c)
	}
	m.SetUnhealthy()
	for _, c := range list {
		c.awaitEvent("QueueSuspended", 1)
	}
	list[0].stop()
	m.SetHealthy()
	for _, c := range list[1:] {
		c.awaitEvents("Connected", "HostUnhealthy", "QueueSuspended", "QueueResumed", "HostHealthRestored")
	}
	list[0].awaitEvents("Connected", "HostUnhealthy", "QueueSuspended", "Disconnected")
}

// ownMonitor is a monitor as an application may write one.
type ownMonitor struct {
	mu    sync.Mutex
	state bmq.HostHealth
	fn    func(bmq.HostHealth)
}

func (m *ownMonitor) State() bmq.HostHealth {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *ownMonitor) Observe(fn func(bmq.HostHealth)) (cancel func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fn = fn
	fn(m.state)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fn = nil
	}
}

func (m *ownMonitor) set(s bmq.HostHealth) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = s
	if m.fn != nil {
		m.fn(s)
	}
}

func healthOwnMonitor(e *Env) {
	m := &ownMonitor{state: bmq.HostHealthy}
	c := e.client(bmq.WithHostHealthMonitor(m))
	m.set(bmq.HostHealthUnknown) // is as bad
	m.set(bmq.HostUnhealthy)
	m.set(bmq.HostHealthy)
	c.stop()
	c.awaitEvents("Connected", "HostUnhealthy", "HostHealthRestored", "Disconnected")
	e.Nil(m.fn, "the session does not observe any more")
}

func healthReconnect(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithHostHealthMonitor(m))
	c.open(uri, bmq.WithRead(), bmq.WithWrite(), sensitive)
	e.proxy.isolate()
	c.awaitEvent("ConnectionLost", 1)
	m.SetUnhealthy()
	c.awaitEvent("QueueSuspended", 1)
	e.ErrorIs(c.Post(e.soon(), uri, []byte("x")), bmq.ErrQueueSuspended)
	e.proxy.refuse(false)
	c.awaitEvent("StateRestored", 1)
	e.ErrorIs(c.Post(e.soon(), uri, []byte("x")), bmq.ErrQueueSuspended)
	w := e.writer(uri)
	w.deliver(uri, "a")
	other := e.reader(uri)
	e.NoError(other.awaitPayloads("a")[0].Confirm())
	other.stop()
	m.SetHealthy()
	c.awaitEvent("HostHealthRestored", 1)
	c.deliver(uri, "b")
	c.awaitPayloads("b")
}

func healthSuspendFails(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	c := e.client(bmq.WithHostHealthMonitor(m), bmq.WithTimeouts(bmq.Timeouts{ConfigureQueueTimeout: unhurried}))
	c.open(e.queue(memoryPriority), bmq.WithRead(), sensitive)
	lost := e.proxy.drop(down, wire.EventControl)
	m.SetUnhealthy()
	c.awaitEvent("QueueSuspendFailed", 1)
	c.awaitEvent("ConnectionLost", 1)
	lost.remove()
	c.awaitEvent("StateRestored", 1)
	m.SetHealthy()
	c.awaitEvent("HostHealthRestored", 1)
}

func healthResumeFails(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	c := e.client(bmq.WithHostHealthMonitor(m), bmq.WithTimeouts(bmq.Timeouts{ConfigureQueueTimeout: unhurried}))
	c.open(e.queue(memoryPriority), bmq.WithRead(), sensitive)
	m.SetUnhealthy()
	c.awaitEvent("QueueSuspended", 1)
	lost := e.proxy.drop(down, wire.EventControl)
	m.SetHealthy()
	c.awaitEvent("QueueResumeFailed", 1)
	lost.remove()
	c.stop()
	e.NotContains(c.events(), "ConnectionLost")
}
