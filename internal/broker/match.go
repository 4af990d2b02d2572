package broker

import "errors"

// expression is a compiled subscription expression.
type expression struct{}

// compile answers an error until expressions can be evaluated: a subscription then
// matches everything, as one does that does not compile.
func compile(text string) (*expression, error) {
	return nil, errors.New("expressions are not evaluated: " + text)
}

// Match tells whether a message matches.
func (*expression) Match(func(string) (string, bool)) bool { return true }

func (p *properties) lookup(string) (string, bool) { return "", false }
