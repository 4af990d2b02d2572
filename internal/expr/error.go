package expr

import "fmt"

// Code is the kind of an error, with the numbers of the official evaluator.
type Code int

// Errors of Compile.
const (
	CodeSyntax       Code = -100
	CodeNoProperties Code = -101
	CodeTooComplex   Code = -102
	CodeTooLong      Code = -103
)

// Errors of Evaluate.
const (
	CodeName       Code = -1 // a property is missing
	CodeType       Code = -2 // an operand, or the result, has the wrong type
	CodeBinary     Code = -3 // a property has a type that expressions can't use
	CodeArithmetic Code = -4 // a quotient can't be represented
)

// Error says why an expression can't be compiled or evaluated.
type Error struct {
	Code   Code
	Pos    int // offset in the text in bytes
	Reason string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("subscription expression: %s (at offset %d)", e.Reason, e.Pos)
}

func errorAt(code Code, pos int, format string, args ...any) *Error {
	return &Error{Code: code, Pos: pos, Reason: fmt.Sprintf(format, args...)}
}
