package enginetest

import (
	"runtime"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/sessionevents"
)

var confirming = chapter("confirming",
	Behaviour{Name: "handle-and-session-confirm-alike", Ref: "4/55", Run: confirmAlike},
	Behaviour{Name: "twice-is-as-good-as-once", Ref: "6.6/duplicate", Run: confirmTwice},
	Behaviour{Name: "an-unset-guid-is-refused", Ref: "4/54 1.14/guid", Run: confirmUnset},
	Behaviour{Name: "a-guid-that-is-not-outstanding-is-ignored", Ref: "6.6/unknown", Run: confirmUnknown},
	Behaviour{Name: "a-writer-can-not-confirm", Ref: "4/54 1.14/confirm", Run: confirmWriter},
	Behaviour{Name: "a-handle-outlives-its-queue", Ref: "4/54 4/55 1.14/not-opened", Run: confirmClosed},
	Behaviour{Name: "a-handle-outlives-its-session", Ref: "4/55 1.14/stopped", Run: confirmStopped},
	Behaviour{Name: "a-handle-keeps-its-session", Ref: "4/55", Run: handleKeepsSession},
	Behaviour{Name: "many-are-confirmed-together", Run: confirmBatch},
	Behaviour{Name: "a-batch-fails-by-queues", Run: confirmBatchFails},
)

// remaining checks what a queue still holds, by reading it to a mark.
func (e *Env) remaining(uri string, want ...string) {
	e.t.Helper()
	e.writer(cutApp(uri)).deliver(cutApp(uri), "mark")
	e.reader(uri).awaitPayloads(append(want, "mark")...)
}

func confirmAlike(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.writer(uri).deliver(uri, "a", "b", "c")
	list := c.awaitMessages(3)
	e.NoError(list[0].Confirm())
	e.NoError(c.Session.Confirm(list[1].Message))
	c.stop()
	e.remaining(uri, "c")
}

func confirmTwice(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.writer(uri).deliver(uri, "a", "b")
	m := c.awaitMessages(2)[0]
	for range 3 {
		e.NoError(m.Confirm())
		e.NoError(c.Session.Confirm(m.Message))
	}
	c.stop()
	e.remaining(uri, "b")
}

func confirmUnset(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	err := c.Session.Confirm(&bmq.Message{QueueURI: uri})
	e.ErrorIs(err, bmq.ErrInvalidGUID)
	e.Regexp("^Invalid GUID provided", err.Error())
	e.ErrorIs(c.ConfirmBatch(&bmq.Message{QueueURI: uri}), bmq.ErrInvalidGUID)
	e.ErrorIs(c.Session.Confirm(nil), bmq.ErrType)
	e.ErrorIs(c.ConfirmBatch(nil), bmq.ErrType)
	e.NoError(c.ConfirmBatch())
}

func confirmUnknown(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	guid, err := bmq.ParseMessageGUID("0123456789ABCDEF0123456789ABCDEF")
	e.NoError(err)
	e.NoError(c.Session.Confirm(&bmq.Message{QueueURI: uri, GUID: guid}))
	e.writer(uri).deliver(uri, "a")
	c.awaitPayloads("a")
}

func confirmWriter(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	err := w.Session.Confirm(&bmq.Message{QueueURI: uri, GUID: bmq.MessageGUID{1}})
	e.ErrorIs(err, bmq.ErrInvalidArgument)
	e.Equal("Failed to confirm message ["+bmq.MessageGUID{1}.String()+"]: INVALID_ARGUMENT", err.Error())
}

func confirmClosed(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.writer(uri).deliver(uri, "a")
	m := c.awaitMessages(1)[0]
	c.closeQueue(uri)
	e.ErrorIs(m.Confirm(), bmq.ErrQueueNotOpened)
	c.open(uri, bmq.WithRead())
	c.awaitPayloads("a", "a")
	e.NoError(m.Confirm(), "the queue is open again")
	c.stop()
	e.remaining(uri)
}

func confirmStopped(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	e.writer(uri).deliver(uri, "a")
	m := c.awaitMessages(1)[0]
	c.stop()
	c.Session = nil
	runtime.GC()
	e.ErrorIs(m.Confirm(), bmq.ErrSessionStopped)
}

func confirmBatch(e *Env) {
	uri, other := e.queue(memoryPriority), e.queue(memoryPriority)
	c := e.reader(uri)
	c.open(other, bmq.WithRead())
	w := e.writer(uri)
	w.open(other, bmq.WithWrite())
	sent := e.proxy.watch(up, wire.EventConfirm)
	w.deliver(uri, "a", "b", "c")
	w.deliver(other, "d", "e")
	var batch []*bmq.Message
	for _, m := range c.awaitMessages(5) {
		if m.payload() != "c" {
			batch = append(batch, m.Message)
		}
	}
	e.NoError(c.ConfirmBatch(batch...))
	c.stop()
	e.LessOrEqual(sent.count(), 2, "events")
	e.remaining(uri, "c")
	e.remaining(other)
}

func confirmBatchFails(e *Env) {
	uri, closed := e.queue(memoryPriority), e.queue(memoryPriority)
	c := e.reader(uri)
	c.open(closed, bmq.WithRead())
	w := e.writer(uri)
	w.open(closed, bmq.WithWrite())
	w.deliver(uri, "a")
	w.deliver(closed, "b")
	var batch []*bmq.Message
	for _, m := range c.awaitMessages(2) {
		batch = append(batch, m.Message)
	}
	c.closeQueue(closed)
	err := c.ConfirmBatch(batch...)
	e.ErrorIs(err, bmq.ErrQueueNotOpened)
	e.ErrorContains(err, closed)
	c.stop()
	e.remaining(uri)
	e.remaining(closed, "b")
}

// handleKeepsSession: a session that nobody refers to but by a handle is not forgotten.
func handleKeepsSession(e *Env) {
	uri := e.queue(memoryPriority)
	h := func() *bmq.MessageHandle {
		handles := make(chan *bmq.MessageHandle, 1)
		s, err := e.start(e.soon(), func(sessionevents.SessionEvent) {},
			bmq.WithOnMessage(func(_ *bmq.Message, h *bmq.MessageHandle) { handles <- h }))
		e.NoError(err)
		defer runtime.KeepAlive(s)
		e.NoError(s.OpenQueue(e.soon(), uri, bmq.WithRead(), bmq.WithWrite()))
		e.NoError(s.Post(e.soon(), uri, []byte("x")))
		return <-handles
	}()
	for range 5 {
		runtime.GC()
	}
	e.NoError(h.Confirm()) // the last use of it
	e.collected("the session is stopped", func() bool { return e.proxy.connections() == 0 })
}
