package messaging

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/bmq-go/bmq"
)

// Kind is how an exchange chooses queues.
type Kind string

// The kinds of exchanges, those of AMQP.
const (
	Direct  Kind = "direct"  // bindings whose key is the message's
	Topic   Kind = "topic"   // bindings whose pattern matches the message's key
	Fanout  Kind = "fanout"  // all bindings
	Headers Kind = "headers" // bindings whose headers the message has
)

// Exchange chooses queues for messages by their key or headers, in this process. It may
// be used by any number of goroutines and producers, and be changed at any time.
type Exchange struct {
	name string
	kind Kind

	mu       sync.RWMutex
	bindings []Binding
}

// Binding says which messages go to a queue, or to another exchange.
type Binding struct {
	// Queue is a URI or a name in the Topology.
	Queue string
	// Exchange takes the place of Queue: its own bindings decide.
	Exchange *Exchange
	// Key is what a direct exchange compares, and the pattern of a topic exchange: words
	// separated by dots, where "*" stands for one word and "#" for any number of them.
	Key string
	// Match is what a headers exchange looks for: with MatchAny one of it is enough. A
	// value of nil asks for the header alone.
	Match    Header
	MatchAny bool
}

// NewExchange returns an exchange. An unknown kind is an error.
func NewExchange(name string, kind Kind, bindings ...Binding) (*Exchange, error) {
	switch kind {
	case Direct, Topic, Fanout, Headers:
	default:
		return nil, fmt.Errorf("messaging: exchange %q: kind %q is none of direct, topic, fanout and headers", name, kind)
	}
	e := &Exchange{name: name, kind: kind}
	for _, b := range bindings {
		e.Bind(b)
	}
	return e, nil
}

// Name returns the exchange's name, Kind its kind.
func (e *Exchange) Name() string { return e.name }

// Kind returns the exchange's kind.
func (e *Exchange) Kind() Kind { return e.kind }

// Bind adds a binding, unless it is there already.
func (e *Exchange) Bind(b Binding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.ContainsFunc(e.bindings, b.equal) {
		b.Match = maps.Clone(b.Match)
		e.bindings = append(slices.Clip(e.bindings), b)
	}
}

// Unbind removes a binding. Messages that are published from now on don't follow it.
func (e *Exchange) Unbind(b Binding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bindings = slices.DeleteFunc(slices.Clone(e.bindings), b.equal)
}

// Bindings returns the bindings, oldest first.
func (e *Exchange) Bindings() []Binding {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Clone(e.bindings)
}

// equal compares exchanges by what they are, not by what they have: two of one name may
// come to differ.
func (b Binding) equal(o Binding) bool {
	return b.Exchange == o.Exchange && b.Queue == o.Queue && b.Key == o.Key && b.MatchAny == o.MatchAny &&
		reflect.DeepEqual(b.Match, o.Match)
}

// Route returns the queues of a message with the given key and headers, each once, in
// the order of the bindings.
func (e *Exchange) Route(key string, h Header) []string {
	var queues []string
	e.route(key, h, make(map[*Exchange]bool), func(queue string) {
		if !slices.Contains(queues, queue) {
			queues = append(queues, queue)
		}
	})
	return queues
}

// route follows bindings from exchange to exchange; each is seen once, so that circles
// end.
func (e *Exchange) route(key string, h Header, seen map[*Exchange]bool, found func(queue string)) {
	if seen[e] {
		return
	}
	seen[e] = true
	e.mu.RLock()
	bindings := e.bindings // never changed in place
	e.mu.RUnlock()
	for i := range bindings {
		b := &bindings[i]
		switch {
		case !b.matches(e.kind, key, h):
		case b.Exchange != nil:
			b.Exchange.route(key, h, seen, found)
		default:
			found(b.Queue)
		}
	}
}

func (b *Binding) matches(kind Kind, key string, h Header) bool {
	switch kind {
	case Direct:
		return b.Key == key
	case Topic:
		return topicMatches(b.Key, key)
	case Headers:
		return b.matchesHeaders(h)
	default:
		return true
	}
}

func (b *Binding) matchesHeaders(h Header) bool {
	for name, want := range b.Match {
		got, ok := h[name]
		if hit := ok && (want == nil || sameValue(want, got)); hit == b.MatchAny {
			return hit
		}
	}
	return !b.MatchAny
}

// sameValue compares header values; integers of different types are equal if their
// numbers are.
func sameValue(a, b any) bool {
	pair := bmq.PropertyValueDict{"a": a, "b": b}
	x, aInt := pair.Int64("a")
	y, bInt := pair.Int64("b")
	if aInt && bInt {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}
