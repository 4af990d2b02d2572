package expr_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/expr"
)

// requireCode checks that text does not compile, for which reason and where.
func requireCode(t *testing.T, text string, code expr.Code, pos int) {
	t.Helper()
	e, err := expr.Compile(text)
	require.Nil(t, e, text)
	var ee *expr.Error
	require.ErrorAs(t, err, &ee, text)
	require.Equal(t, code, ee.Code, "%s: %v", text, err)
	require.Equal(t, pos, ee.Pos, "%s: %v", text, err)
}

func TestTextThatIsNoExpressionIsASyntaxError(t *testing.T) {
	for _, c := range []struct {
		text string
		pos  int
	}{
		{"", 0}, {" ", 1}, {"\t\n", 2},
		{"n ==", 4}, {"n == ", 5}, {"== n", 0}, {"n n", 2}, {"n 42", 2}, {"42 n", 3}, {"42n == 1", 2}, {"!", 1}, {"n !", 2}, {"- ", 2},
		{"(", 1}, {")", 0}, {"()", 1}, {"(n", 2}, {"n)", 1}, {"(n == 1", 7}, {"n == (1", 7}, {"n(1)", 1},

		// What does not belong to the language.
		{"n == 42 @", 8}, {"n = 42", 2}, {"n | t", 2}, {"n & t", 2}, {"n <> 42", 3}, {"n => 42", 2}, {"n === 42", 4}, {"n =! 42", 2},
		{"n && & t", 5}, {"n == 4.5", 6}, {"n == .5", 5}, {"n == 0x10", 6}, {"n == 1e3", 6}, {"n ** 2 == 4", 3}, {"n ^ 2 == 4", 2},
		{"n ? t : f", 2}, {"n, t", 1}, {"n; t", 1}, {"n[0]", 1}, {"n == 'a'", 5}, {"n and t", 2}, {"not t", 4}, {"n\r== 1", 1}, {"n\v", 1},
		{"n == ä", 5}, {"\xff", 0}, {"n == 1\x00", 6}, {"#n", 0}, {"$n", 0}, {"n == +1", 5},

		// Names begin with a letter.
		{"_n == 1", 0}, {".n == 1", 0}, {"0n == 1", 1}, {"1.n == 1", 1}, {"_ == 1", 0},

		// Comparisons do not chain.
		{"n == one == t", 9}, {"t == true == true", 10}, {"n != one != t", 9}, {"n == one != t", 9}, {"n < one < 3", 8}, {"n <= one >= 3", 9}, {"n > one > 3", 8},
		{"n == one < 3 < 4", 13}, {"n < one == 3 < 4 == t", 17}, {"n < one == t == t", 13}, {"n + 1 < 2 > 3", 10},

		// The minus sign belongs to the digits behind it.
		{"n-1 == 41", 1}, {"n -1 == 41", 2}, {"2-1 == one", 1}, {"(n)-1 == 41", 3}, {"n - 1-1 == 40", 5},

		// exists
		{"exists()", 7}, {"exists(n", 8}, {"exists(n n)", 9}, {"exists(42)", 7}, {`exists("n")`, 7}, {"exists(true)", 7}, {"exists((n))", 7},
		{"exists(n) n", 10}, {"exists n", 7}, {"exists(!t)", 7}, {"exists(n, one)", 8},

		// Integers have 64 bits.
		{"n == 9223372036854775808", 5}, {"n == -9223372036854775809", 5}, {"n == - 9223372036854775808", 7},
		{"n == 170141183460469231731687303715884105727", 5}, {"n == 99999999999999999999999999999999999999999999", 5},

		// Strings
		{`s == "foo`, 5}, {`s == "`, 5}, {`s == foo"`, 8}, {`s == "a" "b"`, 9}, {`s == "\"`, 5}, {`s == "a\`, 5}, {"s == \"a\\\nb\"", 5},
		{"s == \"a\x00b\"", 5}, {"s == \"a\\\x00b\"", 5}, {`s == "a"b"`, 8},
	} {
		requireCode(t, c.text, expr.CodeSyntax, c.pos)
	}
}

func TestNamesOfProperties(t *testing.T) {
	for _, name := range []string{
		"n", "N", "name", "NAME", "camelCase", "snake_case", "n1", "N0_.", "a.b.c", "n.", "n_", "n..__", "organization.repository", "A9._z",
		"truex", "falsey", "true.", "TRUE", "False", "existsx", "exists_", "Exists", strings.Repeat("n", 120),
	} {
		e, err := expr.Compile(name + " > 0")
		require.NoError(t, err, name)
		asked := ""
		require.True(t, e.Match(func(name string) (expr.Value, bool) {
			asked = name
			return expr.Int(1), true
		}))
		require.Equal(t, name, asked)
		require.Equal(t, name+" > 0", e.String())
	}
}

func TestExpressionIsAtMost128BytesLong(t *testing.T) {
	for _, text := range []string{
		"n == 42" + strings.Repeat(" ", 121),
		strings.Repeat("(", 63) + "n " + strings.Repeat(")", 63),
		`s == "` + strings.Repeat("ä", 60) + `" `,
	} {
		require.Len(t, text, expr.MaxLength)
		_, err := expr.Compile(text)
		require.NoError(t, err)
		requireCode(t, text+" ", expr.CodeTooLong, expr.MaxLength)
	}
	// The length is looked at before anything else.
	requireCode(t, strings.Repeat("@", 129), expr.CodeTooLong, expr.MaxLength)
	requireCode(t, strings.Repeat("!", 1<<20), expr.CodeTooLong, expr.MaxLength)
	requireCode(t, strings.Repeat("(", 128), expr.CodeSyntax, 128)
	requireCode(t, strings.Repeat("!", 128), expr.CodeSyntax, 128)
	requireCode(t, strings.Repeat("!", 127)+"n", expr.CodeTooComplex, 0)
}

func TestExpressionUsesAProperty(t *testing.T) {
	for _, text := range []string{"true", "1 == 1", "true && false", `"a" < "b"`, "!true", "42", "((true))"} {
		requireCode(t, text, expr.CodeNoProperties, 0)
	}
	// Too many operators come first.
	requireCode(t, strings.Repeat("!", 11)+"true", expr.CodeTooComplex, 0)
	for _, text := range []string{"n", "exists(n)", "exists", "true || n"} {
		_, err := expr.Compile(text)
		require.NoError(t, err, text)
	}
}

func TestUsesOfPropertiesCountAsOperators(t *testing.T) {
	for text, cost := range map[string]int{
		"t":                                   1,
		"exists(t)":                           1,
		"!!!!!!!!!t":                          10,
		"!!!!!!!!!!t":                         11,
		"!!!!!!!!!exists(t)":                  10,
		"!!!!!!!!!!exists(t)":                 11,
		"n == 1 && n == 2 && n == 3":          8,
		"n == 1 && n == 2 && n == 3 && t":     10,
		"n == 1 && n == 2 && n == 3 && !t":    11,
		"a==1 && b==2 && c==3 && d==4":        11,
		"t || t || t || t || t":               9,
		"t || t || t || t || !t":              10,
		"t || t || t || t || t || t":          11,
		"1+1+1+1+1+1+1+1 == n":                9,
		"1+1+1+1+1+1+1+1+1 == n":              10,
		"1+1+1+1+1+1+1+1+1+1 == n":            11,
		"- - - - - - - - n == 1":              10,
		"(t == true) == ((f != false) == t)":  7,
		"exists(a) && exists(b) && exists(c)": 5,
	} {
		_, err := expr.Compile(text)
		switch {
		case cost > expr.MaxOperators:
			requireCode(t, text, expr.CodeTooComplex, 0)
			require.ErrorContains(t, err, "it has 11 operators", text)
		default:
			require.NoError(t, err, text)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		"n-1 == 41":                "subscription expression: -1 is an integer; put a space behind the minus sign to subtract (at offset 1)",
		"n == 9223372036854775808": "subscription expression: 9223372036854775808 has more than 64 bits (at offset 5)",
		"n == ":                    "subscription expression: it ends where an operand or a parenthesis is expected (at offset 5)",
		"n = 1":                    `subscription expression: unexpected "=" (at offset 2)`,
		"n 42":                     `subscription expression: unexpected "42" (at offset 2)`,
	} {
		_, err := expr.Compile(text)
		require.EqualError(t, err, want)
	}
}
