package enginetest

import (
	"context"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var timeouts = chapter("timeouts",
	Behaviour{Name: "an-open-that-times-out-drops-the-connection", Ref: "4/18 4/73 5.2/timeout", Run: openTimesOut},
	Behaviour{Name: "the-second-step-of-an-open-times-out", Ref: "4/73 5.2/timeout", Run: openConfigureTimesOut},
	Behaviour{Name: "a-close-that-times-out-drops-the-connection", Ref: "4/73", Run: closeTimesOut},
	Behaviour{Name: "a-configure-that-times-out-spares-the-connection", Ref: "4/18", Run: configureTimesOut},
	Behaviour{Name: "a-reopening-that-times-out-is-tried-again", Ref: "4/73", Run: reopenTimesOut},
	Behaviour{Name: "an-open-times-out-while-the-connection-is-down", Ref: "4/73 5.8/requests", Run: openTimesOutDown},
	Behaviour{Name: "one-value-is-for-the-operations-on-queues", Ref: "4/2 4/10", Run: sessionTimeout},
	Behaviour{Name: "each-of-the-five-is-its-own", Ref: "4/2 4/10", Run: fiveTimeouts},
	Behaviour{Name: "a-calls-own-timeout-wins", Ref: "4/16", Run: callTimeout},
	Behaviour{Name: "a-broker-that-does-not-say-goodbye-is-left", Ref: "5.4/silent", Run: disconnectTimesOut},
	Behaviour{Name: "closing-does-not-mind-a-broker-that-does-not-say-goodbye", Ref: "4/14 5.4/silent", Run: closeDisconnectTimesOut},
)

// silent has the broker's answers to requests lost.
func (e *Env) silent() *rule { return e.proxy.drop(down, wire.EventControl) }

func openTimesOut(e *Env) {
	uri, kept := e.queue(memoryPriority), e.queue(memoryPriority)
	c := e.client()
	c.open(kept, bmq.WithRead(), bmq.WithWrite())
	r := e.silent()
	err := c.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithTimeout(brief))
	r.remove()
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	e.NotErrorIs(err, context.DeadlineExceeded)
	e.Regexp("^Failed to open "+uri+" queue: TIMEOUT", err.Error())
	c.awaitEvents("Connected", "ConnectionLost", "Reconnected", "QueueReopened", "StateRestored")
	c.deliver(kept, "x")
	c.open(uri, bmq.WithRead())
}

func openConfigureTimesOut(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	r := e.proxy.add(&rule{d: down, typ: wire.EventControl, skip: 1, do: func([]byte) ([]byte, bool) { return nil, false }})
	err := c.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithTimeout(brief))
	r.remove()
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	c.awaitEvent("StateRestored", 1)
	e.NotContains(c.events(), "QueueReopened")
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
}

func closeTimesOut(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	r := e.silent()
	err := c.CloseQueue(e.soon(), uri, bmq.WithTimeout(brief))
	r.remove()
	e.ErrorIs(err, bmq.ErrBrokerTimeout)
	e.Regexp("^Failed to close "+uri+" queue: TIMEOUT", err.Error())
	c.awaitEvents("Connected", "ConnectionLost", "Reconnected", "StateRestored")
	e.ErrorIs(c.CloseQueue(e.soon(), uri), bmq.ErrQueueNotOpened)
	c.open(uri, bmq.WithRead())
}

func configureTimesOut(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.proxy.stall(down)
	e.ErrorIs(c.ConfigureQueue(e.soon(), uri, limit(3), bmq.WithTimeout(brief)), bmq.ErrBrokerTimeout)
	e.proxy.resume()
	c.deliver(uri, "x")
	c.awaitPayloads("x")
	e.Equal([]string{"Connected"}, c.events())
}

func reopenTimesOut(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithTimeouts(bmq.Timeouts{OpenQueueTimeout: unhurried}))
	c.open(uri, bmq.WithRead(), bmq.WithWrite(), bmq.WithTimeout(patience))
	// The introduction passes, the first answer does not.
	r := e.proxy.add(&rule{d: down, typ: wire.EventControl, skip: 1, do: func([]byte) ([]byte, bool) { return nil, false }})
	e.proxy.cut()
	c.awaitEvent("ConnectionLost", 2)
	r.remove()
	c.awaitEvent("StateRestored", 1)
	c.deliver(uri, "x")
	c.awaitPayloads("x")
	names := c.events()
	e.Equal([]string{"Connected", "ConnectionLost", "Reconnected", "ConnectionLost"}, names[:4])
	e.Equal([]string{"Reconnected", "QueueReopened", "StateRestored"}, names[len(names)-3:])
	e.NotContains(names, "QueueReopenFailed")
}

func openTimesOutDown(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client()
	c.lose()
	e.ErrorIs(c.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithTimeout(brief)), bmq.ErrBrokerTimeout)
	c.restore()
	c.open(uri, bmq.WithRead())
}

func sessionTimeout(e *Env) {
	for name, call := range queueCalls(e) {
		uri := e.queue(memoryPriority)
		c := e.client(bmq.WithTimeout(unhurried))
		c.open(uri, bmq.WithRead(), bmq.WithTimeout(patience))
		r := e.silent()
		e.ErrorIs(call(c, uri), bmq.ErrBrokerTimeout, name)
		r.remove()
		c.stop()
	}
	e.proxy.refuse(true)
	_, err := e.start(e.within(2*unhurried), e.noEvents, bmq.WithTimeout(unhurried))
	e.ErrorIs(err, context.DeadlineExceeded, "connecting is not meant")
}

// queueCalls are the operations on queues that have timeouts.
func queueCalls(e *Env) map[string]func(*client, string) error {
	return map[string]func(*client, string) error{
		"open": func(c *client, _ string) error {
			return c.OpenQueue(e.soon(), e.queue(memoryPriority), bmq.WithRead())
		},
		"configure": func(c *client, uri string) error { return c.ConfigureQueue(e.soon(), uri, limit(3)) },
		"close":     func(c *client, uri string) error { return c.CloseQueue(e.soon(), uri) },
	}
}

func fiveTimeouts(e *Env) {
	for name, call := range queueCalls(e) {
		t := bmq.Timeouts{
			ConnectTimeout: patience, DisconnectTimeout: patience, OpenQueueTimeout: wholePatience,
			ConfigureQueueTimeout: wholePatience, CloseQueueTimeout: wholePatience,
		}
		switch name {
		case "open":
			t.OpenQueueTimeout = brief
		case "configure":
			t.ConfigureQueueTimeout = brief
		case "close":
			t.CloseQueueTimeout = brief
		}
		uri := e.queue(memoryPriority)
		c := e.client(bmq.WithTimeouts(t))
		c.open(uri, bmq.WithRead(), bmq.WithTimeout(patience))
		r := e.silent()
		e.ErrorIs(call(c, uri), bmq.ErrBrokerTimeout, name)
		r.remove()
		c.stop()
	}
}

func callTimeout(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithTimeout(wholePatience))
	c.open(uri, bmq.WithRead())
	e.proxy.stall(down)
	e.ErrorIs(c.ConfigureQueue(e.soon(), uri, limit(3), bmq.WithTimeout(brief)), bmq.ErrBrokerTimeout)
	e.proxy.resume()
	c.configure(uri, limit(3))
}

func disconnectTimesOut(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.client(bmq.WithTimeouts(bmq.Timeouts{DisconnectTimeout: brief}))
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	e.proxy.stall(down)
	c.post(uri, "x")
	start := time.Now()
	c.stop()
	e.GreaterOrEqual(time.Since(start), brief)
	e.Equal(bmq.AckUnknown, c.answers()[0].Status)
}

func closeDisconnectTimesOut(e *Env) {
	c := e.client(bmq.WithTimeouts(bmq.Timeouts{DisconnectTimeout: brief}))
	e.proxy.stall(down)
	e.NoError(c.Close())
	c.ended.Store(true)
	c.awaitEvents("Connected", "Disconnected")
}
