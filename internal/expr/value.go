package expr

type kind uint8

const (
	kindBinary kind = iota
	kindBool
	kindInt
	kindString
)

// Value is the value of a property. The zero Value is one that expressions can't use:
// evaluation that meets it fails, and exists() is false for it.
type Value struct {
	kind kind
	num  int64 // of booleans 0 or 1
	str  string
}

// Bool returns the value of a boolean property.
func Bool(b bool) Value {
	if b {
		return Value{kind: kindBool, num: 1}
	}
	return Value{kind: kindBool}
}

// Int returns the value of an integer property of any size. A CHAR counts as a signed
// byte.
func Int(n int64) Value { return Value{kind: kindInt, num: n} }

// String returns the value of a string property.
func String(s string) Value { return Value{kind: kindString, str: s} }
