package broker

import (
	"cmp"
	"slices"

	"github.com/bmq-go/bmq/internal/wire"
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
// message waits.
func (r *routing) selectFor(m *message, p *properties) (*subscription, outcome) {
	if !r.hasCapacity() {
		return nil, exhausted
	}
	for _, l := range r.levels {
		matched := false
		for _, g := range l.groups {
			if !g.matches.match(m, p) {
				continue
			}
			matched = true
			if s := g.take(); s != nil {
				return s, delivered
			}
		}
		if matched {
			return nil, blocked
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

// filter decides by an expression.
type filter struct{ expr *expression }

// newFilter compiles an expression. As with the official broker, one that has no
// text, or does not compile, matches everything.
func newFilter(e ctrl.Expression) filter {
	if e.Version != ctrl.ExpressionVersion1 || e.Text == "" {
		return filter{}
	}
	compiled, err := compile(e.Text)
	if err != nil {
		return filter{}
	}
	return filter{compiled}
}

func (f filter) match(m *message, p *properties) bool {
	return f.expr == nil || f.expr.Match(p.of(m).lookup)
}

// properties are those of the message that is being looked at, read when an
// expression asks for them.
type properties struct {
	message *message
	values  wire.Properties
}

func (p *properties) of(m *message) *properties {
	if p.message == m {
		return p
	}
	p.message, p.values = m, wire.Properties{}
	if m.flags&wire.FlagProperties != 0 {
		// What can't be read has no properties; the message is delivered as it is.
		p.values, _, _ = wire.ParseProperties(m.data, m.schema == wire.SchemaOldStyle)
	}
	return p
}

// done forgets the message: its slot may be used for another one.
func (p *properties) done() { *p = properties{} }
