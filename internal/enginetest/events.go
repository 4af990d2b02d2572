package enginetest

import (
	"io"
	"log/slog"
	"runtime"
	"strings"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

var events = chapter("events",
	Behaviour{Name: "a-slow-consumer-is-told-and-told-again", Ref: "5.7/slow", Run: slowConsumer},
	Behaviour{Name: "a-slow-handler-of-acks-is-told-too", Ref: "5.7/slow", Run: slowAcks},
	Behaviour{Name: "a-handler-of-events-may-panic", Ref: "4/64", Run: eventHandlerPanics},
	Behaviour{Name: "a-handler-of-messages-may-panic", Ref: "4/79", Run: messageHandlerPanics},
	Behaviour{Name: "a-handler-of-acks-may-panic", Ref: "4/79", Run: ackHandlerPanics},
	Behaviour{Name: "a-handler-may-end-its-goroutine", Run: handlerExits},
	Behaviour{Name: "the-log-goes-to-the-given-logger", Ref: "4/62", Run: logsToLogger},
)

// slowConsumer: the handler is stuck in the first message while others arrive in
// events of their own.
func slowConsumer(e *Env) {
	const high = 4
	uri := e.queue(memoryPriority)
	gate := make(chan struct{})
	c := e.clientWith(setup{
		options:   []bmq.Option{bmq.WithEventQueueWatermarks(1, high)},
		onMessage: func(*client, *received) { <-gate },
	})
	c.open(uri, bmq.WithRead())
	w := e.writer(uri)
	n := 0
	for c.Stats().WaitingEvents < high {
		w.deliver(uri, "m")
		n++
		e.eventually("the message arrives", func() bool { return int(c.Stats().MessagesReceived) == n })
		e.Less(n, 10*high)
	}
	close(gate)
	c.awaitEvent("SlowConsumerNormal", 1)
	c.awaitMessages(n)
	var order []string
	for _, entry := range c.log.all() {
		if entry.event != nil {
			order = append(order, eventName(entry.event))
		} else {
			order = append(order, "m")
		}
	}
	text := strings.Join(order, " ")
	e.Regexp("^Connected m SlowConsumerHighWaterMark m ", text, "ahead of what waits")
	e.Regexp("m SlowConsumerNormal$", text)
	e.Equal([]string{"Connected", "SlowConsumerHighWaterMark", "SlowConsumerNormal"}, c.events())
}

// slowAcks: the handler is stuck in the first ack while others come in events of their
// own. Nothing holds posts up.
func slowAcks(e *Env) {
	const high = 4
	uri := e.queue(memoryPriority)
	w := e.clientWith(setup{writer: true, options: []bmq.Option{bmq.WithEventQueueWatermarks(1, high)}})
	w.open(uri, bmq.WithWrite())
	gate := make(chan struct{})
	e.NoError(w.Post(e.soon(), uri, []byte("m"), bmq.WithOnAck(func(*bmq.Ack) { <-gate })))
	n := 0
	for ; w.Stats().WaitingEvents < high; n++ {
		e.eventually("the ack arrives", func() bool { return int(w.Stats().Acks) == n+1 })
		w.post(uri, "m")
		e.Less(n, 10*high)
	}
	close(gate)
	w.awaitEvent("SlowConsumerNormal", 1)
	w.awaitAcks(n)
	e.Equal([]string{"Connected", "SlowConsumerHighWaterMark", "SlowConsumerNormal"}, w.events())
}

func eventHandlerPanics(e *Env) {
	var log timeline
	panics := make(chan string, 10)
	c, err := e.start(e.soon(), func(ev sessionevents.SessionEvent) {
		log.add(entry{event: ev})
		panic("in the handler")
	}, bmq.WithLogger(slog.New(warningHandler{slog.NewTextHandler(io.Discard, nil), panics})))
	e.NoError(err)
	uri := e.queue(memoryPriority)
	e.NoError(c.OpenQueue(e.soon(), uri, bmq.WithWrite()))
	_, err = c.PostAndWait(e.soon(), uri, []byte("x"))
	e.NoError(err)
	e.NoError(c.Stop(e.soon()))
	e.Equal([]string{"Connected", "Disconnected"}, eventNames(log.all()))
	e.Contains(<-panics, "panicked")
	e.Contains(<-panics, "panicked")
	e.Empty(panics)
}

// panicsReported checks how many panics of handlers were reported.
func (c *client) panicsReported(n int, text string) {
	c.e.t.Helper()
	c.awaitEvent("HandlerPanicked", n)
	for _, entry := range c.log.all() {
		if p, ok := entry.event.(sessionevents.HandlerPanicked); ok {
			c.e.Contains(p.Message(), text)
		}
	}
}

func messageHandlerPanics(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{onMessage: func(_ *client, m *received) {
		if m.payload() == "bad" {
			panic("cannot stand it")
		}
		_ = m.Confirm()
	}})
	e.writer(uri).deliver(uri, "good", "bad", "good", "bad", "good")
	c.open(uri, bmq.WithRead())
	c.awaitPayloads("good", "bad", "good", "bad", "good")
	c.panicsReported(2, "cannot stand it")
	c.stop()
	e.remaining(uri, "bad", "bad")
}

func ackHandlerPanics(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	e.proxy.stall(down) // so that the acks come together
	w.post(uri, "a")
	e.NoError(w.Post(e.soon(), uri, []byte("b"), bmq.WithOnAck(func(*bmq.Ack) { panic("bad news") })))
	w.post(uri, "c")
	e.proxy.resume()
	w.awaitAcks(2)
	w.panicsReported(1, "bad news")
}

func handlerExits(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.clientWith(setup{onMessage: func(_ *client, m *received) {
		if m.payload() == "exit" {
			runtime.Goexit()
		}
	}})
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	c.deliver(uri, "exit", "a")
	c.awaitPayloads("exit", "a")
}

func logsToLogger(e *Env) {
	warnings := make(chan string, 10)
	c := e.client(bmq.WithLogger(slog.New(warningHandler{slog.NewTextHandler(io.Discard, nil), warnings})))
	e.proxy.cut()
	c.awaitEvent("StateRestored", 1)
	e.Contains(<-warnings, "lost the connection")
}
