package expr

// Limits of the official evaluator.
const (
	MaxLength    = 128 // bytes
	MaxOperators = 10  // uses of properties included
)

// operator is what a node does.
type operator uint8

const (
	opLiteral operator = iota
	opProperty
	opExists
	opNot
	opMinus // in front of an operand
	opOr
	opAnd
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opAdd
	opSubtract
	opMultiply
	opDivide
	opModulo
)

// infix operators by token, with their precedence. Those that are not chainable
// may not stand behind each other at the same precedence.
var infix = map[token]struct {
	op         operator
	precedence int
	chainable  bool
}{
	tokenOr:           {opOr, 1, true},
	tokenAnd:          {opAnd, 2, true},
	tokenEqual:        {opEqual, 3, false},
	tokenNotEqual:     {opNotEqual, 3, false},
	tokenLess:         {opLess, 4, false},
	tokenLessEqual:    {opLessEqual, 4, false},
	tokenGreater:      {opGreater, 4, false},
	tokenGreaterEqual: {opGreaterEqual, 4, false},
	tokenPlus:         {opAdd, 5, true},
	tokenMinus:        {opSubtract, 5, true},
	tokenTimes:        {opMultiply, 6, true},
	tokenDivide:       {opDivide, 6, true},
	tokenModulo:       {opModulo, 6, true},
}

// node is one operand or operator of an expression.
type node struct {
	op          operator
	pos         uint8 // in the text, which has at most MaxLength bytes
	left, right uint8 // operands; of opNot and opMinus the left one only
	value       Value // of a literal; of a property its name
}

// Expression is a compiled expression. It can be used by several goroutines at once.
type Expression struct {
	text  string
	nodes []node
	root  uint8
}

// String returns the text that was compiled.
func (e *Expression) String() string { return e.text }

// Compile reads an expression. The error is an *Error.
func Compile(text string) (*Expression, error) {
	e, err := compile(text)
	if err != nil {
		return nil, err // not e, which would be an interface that holds nil
	}
	return e, nil
}

func compile(text string) (*Expression, *Error) {
	if len(text) > MaxLength {
		return nil, errorAt(CodeTooLong, MaxLength, "it has %d bytes, at most %d are allowed", len(text), MaxLength)
	}
	p := parser{lexer: lexer{text: text}}
	p.next()
	root, err := p.expression(1)
	switch {
	case err != nil:
		return nil, err
	case p.token != tokenEnd:
		return nil, p.unexpected()
	case p.operators > MaxOperators:
		return nil, errorAt(CodeTooComplex, 0,
			"it has %d operators, where each use of a property counts as one; at most %d are allowed", p.operators, MaxOperators)
	case !p.hasProperties:
		return nil, errorAt(CodeNoProperties, 0, "it uses no property")
	}
	return &Expression{text: text, nodes: p.nodes, root: root}, nil
}

// parser makes nodes of tokens. The length of the text bounds its recursion.
type parser struct {
	lexer
	nodes         []node
	operators     int
	hasProperties bool
}

func (p *parser) add(n node) uint8 {
	if n.op != opLiteral {
		p.operators++
	}
	p.nodes = append(p.nodes, n)
	return uint8(len(p.nodes) - 1)
}

func (p *parser) unexpected() *Error {
	switch p.token {
	case tokenEnd:
		return errorAt(CodeSyntax, p.pos, "it ends where an operand or a parenthesis is expected")
	case tokenOverflow:
		return errorAt(CodeSyntax, p.pos, "%s has more than 64 bits", p.text[p.pos:p.end])
	case tokenInteger:
		if p.text[p.pos] == '-' {
			return errorAt(CodeSyntax, p.pos, "%s is an integer; put a space behind the minus sign to subtract", p.text[p.pos:p.end])
		}
	}
	return errorAt(CodeSyntax, p.pos, "unexpected %q", p.text[p.pos:p.end])
}

// expression reads operands and the infix operators between them that have at least
// the given precedence.
func (p *parser) expression(precedence int) (uint8, *Error) {
	left, err := p.operand()
	for err == nil {
		in, ok := infix[p.token]
		if !ok || in.precedence < precedence {
			return left, nil
		}
		pos := uint8(p.pos)
		p.next()
		var right uint8
		if right, err = p.expression(in.precedence + 1); err != nil {
			break
		}
		left = p.infix(node{op: in.op, pos: pos, left: left, right: right})
		if again, ok := infix[p.token]; ok && !in.chainable && again.precedence == in.precedence {
			return 0, p.unexpected()
		}
	}
	return 0, err
}

// infix adds a node with two operands. A comparison with the word true or false is
// replaced by the other side, or its negation: at run time booleans don't compare.
func (p *parser) infix(n node) uint8 {
	at := p.add(n)
	if n.op != opEqual && n.op != opNotEqual {
		return at
	}
	word, other := p.nodes[n.left], n.right
	if !word.isBool() {
		word, other = p.nodes[n.right], n.left
	}
	if !word.isBool() {
		return at
	}
	keep := (word.value.num == 1) == (n.op == opEqual)
	switch operand := p.nodes[other]; {
	case operand.isBool():
		p.nodes[at] = node{pos: n.pos, value: Bool((operand.value.num == 1) == keep)}
	case keep:
		return other
	default:
		p.nodes[at] = node{op: opNot, pos: n.pos, left: other}
	}
	return at
}

// isBool tells whether n is the word true or false.
func (n *node) isBool() bool { return n.op == opLiteral && n.value.kind == kindBool }

func (p *parser) operand() (uint8, *Error) {
	token, pos, text := p.token, uint8(p.pos), p.text[p.pos:p.end]
	switch token {
	case tokenInteger:
		return p.literal(Int(p.num)), nil
	case tokenString:
		return p.literal(String(text[1 : len(text)-1])), nil
	case tokenTrue, tokenFalse:
		return p.literal(Bool(token == tokenTrue)), nil
	case tokenNot, tokenMinus:
		op := opNot
		if token == tokenMinus {
			op = opMinus
		}
		p.next()
		operand, err := p.operand()
		if err != nil {
			return 0, err
		}
		return p.add(node{op: op, pos: pos, left: operand}), nil
	case tokenLeft:
		p.next()
		inner, err := p.expression(1)
		if err != nil {
			return 0, err
		}
		return inner, p.closing()
	case tokenProperty:
		p.next()
		return p.property(opProperty, pos, text), nil
	case tokenExists:
		p.next()
		if p.token != tokenLeft {
			return p.property(opProperty, pos, text), nil
		}
		p.next()
		name := p.text[p.pos:p.end]
		if p.token != tokenProperty && p.token != tokenExists {
			return 0, p.unexpected()
		}
		p.next()
		return p.property(opExists, pos, name), p.closing()
	}
	return 0, p.unexpected()
}

func (p *parser) literal(v Value) uint8 {
	pos := uint8(p.pos)
	p.next()
	return p.add(node{pos: pos, value: v})
}

func (p *parser) property(op operator, pos uint8, name string) uint8 {
	p.hasProperties = true
	return p.add(node{op: op, pos: pos, value: String(name)})
}

// closing reads the parenthesis that ends an operand.
func (p *parser) closing() *Error {
	if p.token != tokenRight {
		return p.unexpected()
	}
	p.next()
	return nil
}
