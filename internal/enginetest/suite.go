// Package enginetest has what every engine of package bmq does against every
// broker: a list of behaviours, each written once against the public API, and what
// runs them for the engines that are compiled in and the brokers that are there.
//
// The embedded broker is always there. The official one is where internal/officialbroker
// finds it.
//
// Further variables: ENGINETEST_MATRIX names a file that the table of results is
// written to, ENGINETEST_POSTS is how many messages are posted where the broker or
// the connection fails on the way, ENGINETEST_STOPS how many sessions are stopped at
// random moments.
package enginetest

import (
	"context"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bmq-go/bmq"
)

// Behaviour is one thing that sessions do.
type Behaviour struct {
	// Name is the chapter and what holds: "posting/an-empty-payload-is-refused".
	Name string
	// Ref names the lines of the list that it proves, separated by blanks; see Lines.
	Ref string
	// Needs is what the broker and the engine must allow.
	Needs Needs
	// Broker changes the configuration of the broker, which is then not shared.
	Broker *BrokerConfig
	// Run shows it. It fails the test where something else happens.
	Run func(*Env)
}

// Needs are conditions of a behaviour.
type Needs uint

const (
	// OwnBroker says that the broker is disturbed: no other behaviour may use it.
	OwnBroker Needs = 1 << iota
	// BrokerProcess says that the broker has to be a process that can be frozen.
	BrokerProcess
	// OldBroker says that the broker has to hide what it can do.
	OldBroker
	// Portable says that the behaviour is one of the portable engine.
	Portable
)

// Behaviours returns all of them, in the order of the chapters.
func Behaviours() []Behaviour {
	return slices.Concat(
		construction, values, queues, configuring, posting, properties, consuming, confirming,
		flowControl, routing, broadcast, fanout, subscriptions, events, health, reconnecting, restarts, delivery,
		handlers, contexts, timeouts, memory, stopping, extras,
	)
}

// crew is how many behaviours run at a time. Most of what they do is to wait.
const crew = 16

// Run runs all behaviours for all engines and brokers, and returns the results.
func Run(t *testing.T) *Matrix {
	m := newMatrix()
	for _, e := range bmq.Engines() {
		t.Run(e.Kind.String(), func(t *testing.T) {
			for _, k := range brokerKinds(e.Kind) {
				if why := k.missing(); why != "" {
					m.absent(e, k, why)
					continue
				}
				t.Run(k.name, func(t *testing.T) { runPair(t, m, e, k) })
			}
		})
	}
	return m
}

func runPair(t *testing.T, m *Matrix, e bmq.EngineInfo, k brokerKind) {
	shared := &sharedBroker{t: t, kind: k}
	jobs := make(chan Behaviour)
	var workers sync.WaitGroup
	for range crew {
		workers.Go(func() {
			for b := range jobs {
				runOne(t, m, e, k, shared, b)
			}
		})
	}
	for _, b := range Behaviours() {
		jobs <- b
	}
	close(jobs)
	workers.Wait()
}

func runOne(t *testing.T, m *Matrix, e bmq.EngineInfo, k brokerKind, shared *sharedBroker, b Behaviour) {
	if why := k.unfit(b, e.Kind); why != "" {
		m.add(e, k, b.Name, notApplicable, why)
		return
	}
	ran := false
	passed := t.Run(b.Name, func(t *testing.T) {
		ran = true
		run(t, e, k, shared, b)
	})
	switch {
	case !ran: // not selected by -run
	case passed:
		m.add(e, k, b.Name, passedResult, "")
	default:
		m.add(e, k, b.Name, failedResult, "")
	}
}

// run runs one behaviour. All goroutines that it causes bear its name, so that one
// that is left behind can be told.
func run(t *testing.T, e bmq.EngineInfo, k brokerKind, shared *sharedBroker, b Behaviour) {
	disturbs := b.Needs&(OwnBroker|BrokerProcess) != 0 || b.Broker != nil
	var lent broker
	if !disturbs {
		lent = shared.get()
	}
	label := strings.Join([]string{e.Kind.String(), k.name, b.Name}, "/")
	pprof.Do(context.Background(), pprof.Labels(labelKey, label), func(context.Context) {
		env := newEnv(t, e.Kind, k)
		defer env.close()
		if lent == nil {
			config := BrokerConfig{}
			if b.Broker != nil {
				config = *b.Broker
			}
			lent = k.start(t, config)
			env.own = lent
		}
		env.useBroker(lent)
		b.Run(env)
	})
	if !t.Failed() {
		requireNoGoroutines(t, label)
	}
}

// sharedBroker is started when it is asked for, and ends with the test. Should it end
// by itself, it is replaced.
type sharedBroker struct {
	t    *testing.T
	kind brokerKind
	mu   sync.Mutex
	b    broker
}

func (s *sharedBroker) get() broker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b == nil || s.b.failed() != "" {
		s.b = s.kind.start(s.t, BrokerConfig{})
		s.t.Cleanup(s.b.close)
	}
	return s.b
}

// countFrom reads how often something is done from the environment.
func countFrom(variable string, d int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil && n > 0 {
		return n
	}
	return d
}
