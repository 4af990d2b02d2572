package messaging

import (
	"log/slog"
	"sync"

	"github.com/bmq-go/bmq/sessionevents"
)

// maxEvents is how many events may wait for the application.
const maxEvents = 1024

// notifier hands events to the application, on a goroutine of its own.
type notifier struct {
	fn  func(sessionevents.SessionEvent)
	log *slog.Logger

	mu      sync.Mutex
	events  []sessionevents.SessionEvent
	dropped int
	closed  bool
	wake    chan struct{}
}

func newNotifier(fn func(sessionevents.SessionEvent), log *slog.Logger) *notifier {
	n := &notifier{fn: fn, log: log, wake: make(chan struct{}, 1)}
	if fn != nil {
		go n.run()
	}
	return n
}

// add never waits: if the application is too slow, the oldest event is dropped.
func (n *notifier) add(e sessionevents.SessionEvent) {
	if n.fn == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.events) == maxEvents {
		n.events = n.events[1:]
		n.dropped++
	}
	n.events = append(n.events, e)
	n.signal()
}

func (n *notifier) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *notifier) run() {
	for range n.wake {
		for {
			e, dropped, ok, closed := n.next()
			if dropped > 0 {
				n.log.Warn("OnEvent is too slow; events were dropped", "events", dropped)
			}
			if ok {
				n.call(e)
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}

func (n *notifier) next() (e sessionevents.SessionEvent, dropped int, ok, closed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	dropped, n.dropped = n.dropped, 0
	if len(n.events) == 0 {
		return nil, dropped, false, n.closed
	}
	e = n.events[0]
	n.events = n.events[1:]
	return e, dropped, true, false
}

func (n *notifier) call(e sessionevents.SessionEvent) {
	if err := protect(func() error { n.fn(e); return nil }); err != nil {
		n.log.Error("OnEvent panicked", "event", e, "error", err)
	}
}

// close lets the goroutine end when it has handed out all events. It does not wait: the
// application may be closing the client from OnEvent.
func (n *notifier) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	n.signal()
}
