package expr

import "math"

// fault is why a node has no value; the zero fault is none.
type fault struct {
	code Code
	node uint8
}

// Evaluate tells whether the message whose properties lookup knows satisfies e. lookup
// answers false for a property that the message does not have. An error, always an
// *Error, means that the message is to be treated as one that does not satisfy e. No
// memory is allocated unless there is an error.
func (e *Expression) Evaluate(lookup func(name string) (Value, bool)) (bool, error) {
	v, f := e.result(lookup)
	if f.code != 0 {
		return false, e.describe(f)
	}
	return v.num == 1, nil
}

// Match is Evaluate with false for an error. It allocates no memory.
func (e *Expression) Match(lookup func(name string) (Value, bool)) bool {
	v, f := e.result(lookup)
	return f.code == 0 && v.num == 1
}

func (e *Expression) describe(f fault) *Error {
	n := &e.nodes[f.node]
	pos := int(n.pos)
	switch f.code {
	case CodeName:
		return errorAt(f.code, pos, "the message has no property %q", n.value.str)
	case CodeBinary:
		return errorAt(f.code, pos, "property %q has a type that expressions can't use", n.value.str)
	case CodeArithmetic:
		return errorAt(f.code, pos, "division by zero, or its result has more than 64 bits")
	default:
		return errorAt(f.code, pos, "an operand, or the result, has the wrong type")
	}
}

func (e *Expression) result(lookup func(string) (Value, bool)) (Value, fault) {
	v, f := e.evaluate(e.root, lookup)
	if f.code == 0 && v.kind != kindBool {
		f = fault{CodeType, e.root}
	}
	return v, f
}

func (e *Expression) evaluate(at uint8, lookup func(string) (Value, bool)) (Value, fault) {
	n := &e.nodes[at]
	switch n.op {
	case opLiteral:
		return n.value, fault{}
	case opProperty:
		v, ok := lookup(n.value.str)
		switch {
		case !ok:
			return v, fault{CodeName, at}
		case v.kind == kindBinary:
			return v, fault{CodeBinary, at}
		}
		return v, fault{}
	case opExists:
		v, ok := lookup(n.value.str)
		return Bool(ok && v.kind != kindBinary), fault{}
	}
	left, f := e.evaluate(n.left, lookup)
	if f.code != 0 {
		return left, f
	}
	switch n.op {
	case opNot:
		if left.kind != kindBool {
			return left, fault{CodeType, at}
		}
		return Bool(left.num == 0), fault{}
	case opMinus:
		if left.kind != kindInt {
			return left, fault{CodeType, at}
		}
		return Int(-left.num), fault{}
	case opOr, opAnd:
		if left.kind != kindBool {
			return left, fault{CodeType, at}
		}
		if decided := n.op == opOr; (left.num == 1) == decided {
			return left, fault{}
		}
	}
	right, f := e.evaluate(n.right, lookup)
	if f.code != 0 {
		return right, f
	}
	v, code := combine(n.op, left, right)
	return v, fault{code, at}
}

// combine applies an infix operator; of && and || the right side decides.
func combine(op operator, left, right Value) (Value, Code) {
	switch {
	case op == opOr || op == opAnd:
		if right.kind != kindBool {
			return right, CodeType
		}
		return right, 0
	case op < opAdd && left.kind == kindString && right.kind == kindString:
		return compare(op, left.str, right.str), 0
	case left.kind != kindInt || right.kind != kindInt:
		return left, CodeType
	case op < opAdd:
		return compare(op, left.num, right.num), 0
	}
	a, b := left.num, right.num
	switch op {
	case opAdd:
		return Int(a + b), 0
	case opSubtract:
		return Int(a - b), 0
	case opMultiply:
		return Int(a * b), 0
	}
	if b == 0 || a == math.MinInt64 && b == -1 {
		return left, CodeArithmetic
	}
	if op == opDivide {
		return Int(a / b), 0
	}
	return Int(a % b), 0
}

func compare[T int64 | string](op operator, a, b T) Value {
	switch op {
	case opEqual:
		return Bool(a == b)
	case opNotEqual:
		return Bool(a != b)
	case opLess:
		return Bool(a < b)
	case opLessEqual:
		return Bool(a <= b)
	case opGreater:
		return Bool(a > b)
	default:
		return Bool(a >= b)
	}
}
