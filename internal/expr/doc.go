// Package expr compiles and evaluates subscription expressions: conditions on the
// properties of a message, in the language of the official evaluator.
//
// Operators, from the weakest to the strongest:
//
//	||
//	&&
//	==  !=          not one behind the other
//	<  <=  >  >=    not one behind the other
//	+  -
//	*  /  %
//	!  ~  -         in front of one operand; ! and ~ both mean "not"
//
// Operands are parentheses, exists(property), properties, integers, "strings", true
// and false. A property is a letter followed by letters, digits, "_" and "."; its name
// may be exists. An integer has 64 bits, and a minus sign directly before a digit belongs
// to it: "a-1" is a property followed by an integer and no expression, "a - 1" is one. A
// backslash in a string protects the character behind it and stays in the value.
//
// Operands have the types boolean, integer or string, and an operator accepts no others
// than its own: && || ! booleans, arithmetic integers, comparisons two integers or two
// strings, which compare byte by byte. Booleans can be compared with the words true and
// false only. && and || evaluate their right side where the left one decides nothing.
// Arithmetic wraps around, except that a quotient that can't be represented is an error.
//
// An expression is at most MaxLength bytes long, uses at least one property and has at
// most MaxOperators operators, where each use of a property and each exists() counts as
// one more operator.
package expr
