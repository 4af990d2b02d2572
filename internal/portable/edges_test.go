package portable

import (
	"fmt"
	"sync"

	"github.com/bmq-go/bmq/internal/engine"
)

// taken are the edges of the state tables that were taken since it was emptied.
var taken struct {
	mu    sync.Mutex
	edges map[string]bool
}

func edgeName(machine string, from, on any) string {
	return fmt.Sprintf("%s: %v on %v", machine, from, on)
}

// watchEdges has the state tables write down which of their edges are taken.
func watchEdges() {
	watch("session", &sessionMachine)
	watch("queue", &queueMachine)
}

func watch[S, E comparable, O any](name string, m *machine[S, E, O]) {
	for key, e := range m.edges {
		do := e.do
		e.do = func(o O, st engine.Status) {
			taken.mu.Lock()
			if taken.edges != nil {
				taken.edges[edgeName(name, key.from, key.on)] = true
			}
			taken.mu.Unlock()
			if do != nil {
				do(o, st)
			}
		}
		m.edges[key] = e
	}
}

// edgesTaken returns the edges that f takes.
func edgesTaken(f func()) map[string]bool {
	taken.mu.Lock()
	taken.edges = make(map[string]bool)
	taken.mu.Unlock()
	f()
	taken.mu.Lock()
	defer taken.mu.Unlock()
	edges := taken.edges
	taken.edges = nil
	return edges
}
