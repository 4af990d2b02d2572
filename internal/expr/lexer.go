package expr

import "strconv"

type token uint8

const (
	tokenEnd token = iota
	tokenInvalid
	tokenOverflow // an integer of more than 64 bits
	tokenProperty
	tokenExists // a property as well, unless "(" follows
	tokenInteger
	tokenString
	tokenTrue
	tokenFalse
	tokenLeft
	tokenRight
	tokenNot
	tokenOr
	tokenAnd
	tokenEqual
	tokenNotEqual
	tokenLess
	tokenLessEqual
	tokenGreater
	tokenGreaterEqual
	tokenPlus
	tokenMinus
	tokenTimes
	tokenDivide
	tokenModulo
)

// lexer cuts a text into tokens. Its fields describe the token that next found.
type lexer struct {
	text  string
	token token
	pos   int // where the token begins
	end   int // where it ends
	num   int64
}

var symbols = map[string]token{
	"(": tokenLeft, ")": tokenRight, "!": tokenNot, "~": tokenNot, "||": tokenOr, "&&": tokenAnd,
	"==": tokenEqual, "!=": tokenNotEqual, "<": tokenLess, "<=": tokenLessEqual, ">": tokenGreater, ">=": tokenGreaterEqual,
	"+": tokenPlus, "-": tokenMinus, "*": tokenTimes, "/": tokenDivide, "%": tokenModulo,
}

var words = map[string]token{"true": tokenTrue, "false": tokenFalse, "exists": tokenExists}

// next goes on to the next token.
func (l *lexer) next() {
	l.pos = l.end
	for l.pos < len(l.text) && isBlank(l.text[l.pos]) {
		l.pos++
	}
	rest := l.text[l.pos:]
	length := 1
	switch {
	case rest == "":
		l.token, length = tokenEnd, 0
	case isLetter(rest[0]):
		length = span(rest, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' || c == '.' })
		var ok bool
		if l.token, ok = words[rest[:length]]; !ok {
			l.token = tokenProperty
		}
	case isDigit(rest[0]), rest[0] == '-' && len(rest) > 1 && isDigit(rest[1]):
		length += span(rest[1:], isDigit)
		l.token = tokenInteger
		var err error
		if l.num, err = strconv.ParseInt(rest[:length], 10, 64); err != nil {
			l.token = tokenOverflow
		}
	case rest[0] == '"':
		if length = stringLength(rest); length > 0 {
			l.token = tokenString
		} else {
			l.token, length = tokenInvalid, 1
		}
	default:
		l.token, length = symbol(rest)
	}
	l.end = l.pos + length
}

// symbol finds the longest symbol at the start of s.
func symbol(s string) (token, int) {
	for length := min(2, len(s)); length > 0; length-- {
		if t, ok := symbols[s[:length]]; ok {
			return t, length
		}
	}
	return tokenInvalid, 1
}

// stringLength is the length of the string at the start of s with its quotes, or 0
// if it has no end. A backslash does not protect a line feed, and zero bytes are not
// accepted.
func stringLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case 0:
			return 0
		case '"':
			return i + 1
		case '\\':
			if i++; i < len(s) && (s[i] == '\n' || s[i] == 0) {
				return 0
			}
		}
	}
	return 0
}

func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func isBlank(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
