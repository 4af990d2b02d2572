package broker

import (
	"cmp"
	"slices"

	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// subscription is one of the subscriptions of a stream. It outlives its place in
// the routing as long as messages are delivered to it.
type subscription struct {
	stream     *stream
	id         uint32 // the client's sId
	expression ctrl.Expression
	window     window
	priority   int32
	count      int32 // messages in a row
	turns      int32 // of them left
}

// canTake tells whether a message may be delivered.
func (s *subscription) canTake() bool {
	return s.window.open() && s.stream.handle.session.out.hasRoom()
}

// group are the subscriptions of an application that have the same expression and,
// of those, the highest priority. They take turns.
type group struct {
	key      ctrl.Expression
	matches  filter
	priority int32
	turn     []*subscription
}

// level are the groups of one priority.
type level struct {
	priority int32
	groups   []*group
}

// routing decides which consumer of an application gets a message. It is made
// anew when a consumer comes, goes or is configured.
type routing struct {
	levels    []*level // highest priority first
	consumers []*stream
}

func newRouting(consumers []*stream) routing {
	r := routing{consumers: consumers}
	var all []*subscription
	for _, st := range consumers {
		all = append(all, st.subscriptions...)
	}
	slices.SortStableFunc(all, func(a, b *subscription) int { return cmp.Compare(b.priority, a.priority) })
	groups := make(map[ctrl.Expression]*group)
	for _, s := range all {
		g := groups[s.expression]
		if g == nil {
			g = &group{key: s.expression, matches: newFilter(s.expression), priority: s.priority}
			groups[s.expression] = g
			if len(r.levels) == 0 || r.levels[len(r.levels)-1].priority != s.priority {
				r.levels = append(r.levels, &level{priority: s.priority})
			}
			last := r.levels[len(r.levels)-1]
			last.groups = append(last.groups, g)
		}
		if g.priority == s.priority {
			s.turns = s.count
			g.turn = append(g.turn, s)
		}
	}
	return r
}

// hasCapacity tells whether any subscription could take a message.
func (r *routing) hasCapacity() bool {
	for _, l := range r.levels {
		for _, g := range l.groups {
			if slices.ContainsFunc(g.turn, (*subscription).canTake) {
				return true
			}
		}
	}
	return false
}

// selectFor finds the subscription that gets the message. Only the highest
// priority at which some expression matches counts: if there is no capacity, the
// message waits, and others behind it unless they may be for groups that it does
// not match.
func (r *routing) selectFor(m *message, p *properties) (*subscription, outcome) {
	if !r.hasCapacity() {
		return nil, exhausted
	}
	others := false
	for _, l := range r.levels {
		matched := false
		for _, g := range l.groups {
			if !g.matches.match(m, p) {
				others = true
				continue
			}
			matched = true
			if s := g.take(); s != nil {
				return s, delivered
			}
		}
		switch {
		case matched && others:
			return nil, blocked
		case matched:
			return nil, exhausted
		}
	}
	return nil, unwanted
}

// take picks the subscription whose turn it is among those with capacity.
func (g *group) take() *subscription {
	for i, s := range g.turn {
		if !s.canTake() {
			continue
		}
		if s.turns--; s.turns <= 0 {
			s.turns = s.count
			copy(g.turn[i:], g.turn[i+1:])
			g.turn[len(g.turn)-1] = s
		}
		return s
	}
	return nil
}

// forStream finds the first subscription of a stream that is active, matches the
// message and has an open window.
func (r *routing) forStream(st *stream, m *message, p *properties) *subscription {
	for _, l := range r.levels {
		for _, g := range l.groups {
			i := slices.IndexFunc(g.turn, func(s *subscription) bool { return s.stream == st && s.window.open() })
			if i >= 0 && g.matches.match(m, p) {
				return g.turn[i]
			}
		}
	}
	return nil
}
