package portable

import (
	"fmt"

	"github.com/bmq-go/bmq/internal/engine"
)

// edge is one line of a state table: in state from, event on leads to state to, and
// then do is run (nil: nothing).
type edge[S, E comparable, O any] struct {
	from S
	on   E
	to   S
	do   func(O, engine.Status)
}

type edgeKey[S, E comparable] struct {
	from S
	on   E
}

// machine is a state table that can be looked things up in.
type machine[S, E comparable, O any] struct {
	edges map[edgeKey[S, E]]edge[S, E, O]
}

func newMachine[S, E comparable, O any](table []edge[S, E, O]) machine[S, E, O] {
	m := machine[S, E, O]{edges: make(map[edgeKey[S, E]]edge[S, E, O], len(table))}
	for _, e := range table {
		k := edgeKey[S, E]{e.from, e.on}
		if _, twice := m.edges[k]; twice {
			panic(fmt.Sprintf("state table: %v on %v is there twice", e.from, e.on))
		}
		m.edges[k] = e
	}
	return m
}

// step takes the edge for an event in the state that state points to. It answers
// false, and changes nothing, if there is none.
func (m *machine[S, E, O]) step(owner O, state *S, on E, st engine.Status) bool {
	e, ok := m.edges[edgeKey[S, E]{*state, on}]
	if !ok {
		return false
	}
	*state = e.to
	if e.do != nil {
		e.do(owner, st)
	}
	return true
}
