package broker

import (
	"github.com/bmq-go/bmq/internal/expr"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// filter decides by an expression. The zero value matches everything.
type filter struct{ expression *expr.Expression }

// newFilter compiles an expression. As with the official broker, one that has no
// text, or does not compile, matches everything.
func newFilter(e ctrl.Expression) filter {
	if e.Version != ctrl.ExpressionVersion1 || e.Text == "" {
		return filter{}
	}
	compiled, err := expr.Compile(e.Text)
	if err != nil {
		return filter{}
	}
	return filter{compiled}
}

func (f filter) match(m *message, p *properties) bool {
	return f.expression == nil || f.expression.Match(p.of(m))
}

// properties are those of the message that is being looked at, read when an
// expression asks for them.
type properties struct {
	message *message
	values  wire.Properties
	lookup  func(string) (expr.Value, bool)
}

// of returns the lookup of the properties of m.
func (p *properties) of(m *message) func(string) (expr.Value, bool) {
	if p.lookup == nil {
		p.lookup = p.find
	}
	if p.message != m {
		p.message, p.values = m, wire.Properties{}
		if m.flags&wire.FlagProperties != 0 {
			// What can't be read has no properties; the message is delivered as it is.
			p.values, _, _ = wire.ParseProperties(m.data, m.schema == wire.SchemaOldStyle)
			for r := range p.values.All {
				if !r.Type.Known() {
					p.values = wire.Properties{} // as with the official broker
					break
				}
			}
		}
	}
	return p.lookup
}

// done forgets the message: its slot may be used for another one.
func (p *properties) done() { p.message, p.values = nil, wire.Properties{} }

func (p *properties) find(name string) (v expr.Value, found bool) {
	for r := range p.values.All {
		if string(r.Name) != name {
			continue
		}
		switch r.Type {
		case wire.PropertyBool:
			v = expr.Bool(r.Int() != 0)
		case wire.PropertyString:
			v = expr.String(string(r.Value))
		case wire.PropertyBinary:
			// Expressions can't use it.
		default:
			v = expr.Int(r.Int())
		}
		return v, true
	}
	return v, false
}
