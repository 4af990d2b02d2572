package enginetest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// entry is one call of a handler: one of its fields is set.
type entry struct {
	event    sessionevents.SessionEvent
	received *received
	answer   *answer
}

// received is a message with its handle.
type received struct {
	*bmq.Message
	*bmq.MessageHandle
}

// Confirm is the handle's.
func (r *received) Confirm() error { return r.MessageHandle.Confirm() }

// String is the message's.
func (r *received) String() string { return r.Message.String() }

func (r *received) payload() string { return string(r.Data) }

// answer is an ack with what was posted.
type answer struct {
	*bmq.Ack
	payload string
}

// timeline is what handlers were called with, in order.
type timeline struct {
	mu      sync.Mutex
	entries []entry
	changed chan struct{} // closed by the next entry
}

func (t *timeline) add(e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// now returns the entries so far, and what is closed when there are more.
func (t *timeline) now() ([]entry, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return slices.Clone(t.entries), t.changed
}

// until waits until cond holds for the entries, and tells whether it came to that.
func (t *timeline) until(ctx context.Context, cond func([]entry) bool) bool {
	for {
		entries, changed := t.now()
		if cond(entries) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (t *timeline) all() []entry {
	entries, _ := t.now()
	return entries
}

// String lists the entries, for failures.
func (t *timeline) String() string {
	var text strings.Builder
	for _, e := range t.all() {
		text.WriteString("\n\t" + e.String())
	}
	return text.String()
}

func (e entry) String() string {
	switch {
	case e.event != nil:
		return e.event.String()
	case e.received != nil:
		return e.received.String() + " " + clip(e.received.payload())
	}
	return e.answer.String() + " " + clip(e.answer.payload)
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// name is an event's type as its class in package sessionevents is called.
func eventName(e sessionevents.SessionEvent) string {
	name := strings.TrimPrefix(e.String(), "<")
	if i := strings.IndexAny(name, ":>"); i >= 0 {
		name = name[:i]
	}
	return name
}

func eventNames(entries []entry) (names []string) {
	for _, e := range entries {
		if e.event != nil {
			names = append(names, eventName(e.event))
		}
	}
	return names
}

func messagesOf(entries []entry) (list []*received) {
	for _, e := range entries {
		if e.received != nil {
			list = append(list, e.received)
		}
	}
	return list
}

func answersOf(entries []entry) (list []*answer) {
	for _, e := range entries {
		if e.answer != nil {
			list = append(list, e.answer)
		}
	}
	return list
}

func payloads(list []*received) (texts []string) {
	for _, m := range list {
		texts = append(texts, m.payload())
	}
	return texts
}
