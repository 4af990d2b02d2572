package enginetest

import (
	"slices"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/engine"
)

// broker is a running broker.
type broker interface {
	// address is its host and port.
	address() string
	// kill ends it without a word to anybody, terminate in good order. Both return
	// when it is gone.
	kill()
	terminate()
	// restart starts it again after either, with what it stored.
	restart()
	// freeze keeps it from doing anything until thaw.
	freeze()
	thaw()
	// pass lets time pass for it.
	pass(time.Duration)
	// failed says how it ended by itself, or nothing.
	failed() string
	// close ends it for good.
	close()
}

// BrokerConfig is what a behaviour wants to be otherwise in its broker.
type BrokerConfig struct {
	// Heartbeats is how often the broker and its clients look for each other, and how
	// many silent times in a row end the connection; 0 for never.
	Heartbeats       time.Duration
	MissedHeartbeats int
	// Users may log in, by name and password; then nobody may stay anonymous.
	Users map[string]string
	// Old hides what brokers did not know in the beginning: properties of the new style
	// and subscriptions.
	Old bool
}

// brokerKind is a broker that the suite can run against.
type brokerKind struct {
	name string
	// missing says why there is none, or nothing.
	missing func() string
	// process tells whether it is a process of its own.
	process bool
	// delicate says that the broker may end, or answer nobody any more, when a client leaves
	// while it is being authenticated: builds of the official broker do.
	delicate bool
	start    func(testing.TB, BrokerConfig) broker
	// inside says that the broker is a part of the fake engine, which reaches no other.
	inside bool
	// applies tells which behaviours apply, nil for all of them.
	applies func(name string) bool
}

// moreKinds are those that a tag brings in.
var moreKinds []brokerKind

// brokerKinds returns the brokers that an engine can reach.
func brokerKinds(e bmq.EngineKind) []brokerKind {
	return slices.DeleteFunc(append([]brokerKind{embeddedKind, officialKind}, moreKinds...), func(k brokerKind) bool {
		return k.inside != (e == engine.FakeKind)
	})
}

// unfit says why behaviours with some needs do not apply, or nothing.
func (k brokerKind) unfit(b Behaviour, engine bmq.EngineKind) string {
	n := b.Needs
	switch {
	case k.applies != nil && !k.applies(b.Name):
		return "it needs a network, or more of a broker than there is"
	case n&BrokerProcess != 0 && !k.process:
		return "the broker is no process of its own that could be frozen"
	case n&OldBroker != 0 && k.process:
		return "the official broker announces all that it can do, whatever its configuration says"
	case n&Portable != 0 && engine != bmq.EnginePortable:
		return "only the portable engine has this"
	case engine == bmq.EngineNative:
		return libbmqDiffers[b.Name]
	}
	return ""
}
