package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/expr"
)

func compile(tb testing.TB, text string) *expr.Expression {
	tb.Helper()
	e, err := expr.Compile(text)
	require.NoError(tb, err, text)
	return e
}

func TestEvaluate(t *testing.T) {
	for text, want := range map[string]bool{
		"t": true, "f": false, " \t\n t \n": true, "(((t)))": true,

		"n == 42": true, "n != 42": false, "n == 43": false, "n < 43": true, "n < 42": false, "n <= 42": true, "n <= 41": false,
		"n > 41": true, "n > 42": false, "n >= 42": true, "n >= 43": false,
		"42 == n": true, "41 < n": true, "42 < n": false, "42 >= n": true, "43 <= n": false,
		"n == n": true, "n != n": false, "neg < zero": true, "min < big": true,

		`s == "foo"`: true, `s != "foo"`: false, `"foo" == s`: true, `s < "fop"`: true, `s < "foo"`: false, `s <= "foo"`: true,
		`s > "bar"`: true, `s > "fooo"`: false, `s >= "foo"`: true, `s >= "zig"`: false, `s > "FOO"`: true, `s < "\x"`: false,
		`empty == ""`: true, `empty < s`: true, `s == s`: true, "s < \"\xff\"": true,

		// A backslash stays in the value.
		`s == "\f\o\o"`: false, `s != "\""`: true, `s != "\\"`: true, "s != \"a\nb\"": true,

		"!t": false, "!!t": true, "!~t": true, "~!t": true, "~t": false, "~~~t": false,
		"t && t": true, "t && f": false, "f && t": false, "f || t": true, "t || f": true, "f || f": false,
		"f && f || t": true, "f && (f || t)": false, "t || t && f": true, "(t || t) && f": false,
		"!f && f": false, "!(f && f)": true, "!f || f": true, "!(f || t)": false,

		"n + 1 == 43": true, "n - 2 == 40": true, "n * 2 == 84": true, "n / 4 == 10": true, "n % 5 == 2": true,
		"2 + 3 * n == 128": true, "(2 + 3) * n == 210": true, "n - 1 - 1 == 40": true, "n - (1 - 1) == 42": true,
		"n / 2 / 3 == 7": true, "n / (2 / 1) == 21": true, "n * 10 % 100 == 20": true, "n % 100 * 10 == 420": true,
		"-n == -42": true, "- n == -42": true, "-n + 1 == -41": true, "-n * -1 == n": true, "- - n == 42": true, "--1 == one": true,
		"n - -1 == 43": true, "n + -1 == 41": true, "n--1 == 43": true, "n+1 == 43": true, "n==42": true, "-(n) == -42": true,
		"neg / 2 == 0": true, "-7 / 2 == -3 && t": true, "-7 % 2 == neg": true, "7 % -2 == one": true,
		"n < 40 + 3": true, "n-one == 41": true, "n == 42 && n < 43": true,

		// Integers wrap around.
		"big + 1 == min": true, "min - 1 == big": true, "-min == min": true, "big * 2 == -2": true,
		"n != -9223372036854775808": true, "min == -9223372036854775808": true, "big == 9223372036854775807": true,
		"n == 0042": true, "n == -0": false, "zero == -0": true, "min / 1 == min": true, "big / -1 == min + 1": true,

		// The precedence of comparisons.
		"n > 41 == true": true, "n > 41 != false": true, "true == n > 41": true, "n < 41 == false": true,

		// Comparison with the words true and false.
		"t == true": true, "t == false": false, "t != true": false, "t != false": true, "true == t": true, "false == t": false,
		"true != t": false, "false != t": true, "f == true": false, "f == false": true, "f != true": true, "f != false": false,
		"(true == true) == t": true, "(true == false) == t": false, "(true != false) == t": true, "(false != false) == f": true,
		"(t == true) == true": true, "(t == false) == false": true, "t == (true)": true, "(true && true) || t": true,
		"true || t": true, "true && t": true, "false || !t": false, "t && true": true,

		// exists
		"exists(n)": true, "exists(missing)": false, "!exists(missing)": true, "exists(bin)": false, "exists (n)": true, "exists( n )": true,
		"exists == 42": true, "exists(exists)": true, "exists + 1 == 43": true, "exists(n) == true": true,
		"exists(n) && n > 41": true, "exists(missing) && missing > 41": false, "!exists(missing) || missing > 41": true,

		// What is not needed is not evaluated.
		"t || missing": true, "f && missing": false, "t || n": true, "f && n": false, "t || n / zero == 1": true, "f && bin": false,
	} {
		e := compile(t, text)
		got, err := e.Evaluate(lookup)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, want, e.Match(lookup), text)
	}
}

func TestEvaluationErrors(t *testing.T) {
	for text, want := range map[string]struct {
		code expr.Code
		pos  int
	}{
		"missing":                   {expr.CodeName, 0},
		"!missing":                  {expr.CodeName, 1},
		"missing > 5 || s == \"A\"": {expr.CodeName, 0},
		"f || missing":              {expr.CodeName, 5},
		"n == missing":              {expr.CodeName, 5},
		"missing == missing":        {expr.CodeName, 0},
		"bin":                       {expr.CodeBinary, 0},
		`bin == "a"`:                {expr.CodeBinary, 0},

		"n":                 {expr.CodeType, 0},
		"s":                 {expr.CodeType, 0},
		"n + 1":             {expr.CodeType, 2},
		"n == true":         {expr.CodeType, 0}, // the same as "n"
		"n != true":         {expr.CodeType, 2}, // the same as "!n"
		"n == false":        {expr.CodeType, 2},
		"s == 42":           {expr.CodeType, 2},
		"42 == s":           {expr.CodeType, 3},
		`n == "42"`:         {expr.CodeType, 2},
		"t == t":            {expr.CodeType, 2},
		"t != f":            {expr.CodeType, 2},
		"t == 1":            {expr.CodeType, 2},
		"1 == t":            {expr.CodeType, 2},
		"t < true":          {expr.CodeType, 2},
		"true >= t":         {expr.CodeType, 5},
		"t == !true":        {expr.CodeType, 2},
		"t == (true && t)":  {expr.CodeType, 2},
		"!n":                {expr.CodeType, 0},
		"!s":                {expr.CodeType, 0},
		"~empty":            {expr.CodeType, 0},
		"-t":                {expr.CodeType, 0},
		"-s == 1":           {expr.CodeType, 0},
		"s + s == s":        {expr.CodeType, 2},
		`s + "a" == "fooa"`: {expr.CodeType, 2},
		"t + 1 == 2":        {expr.CodeType, 2},
		"n && t":            {expr.CodeType, 2},
		"t && n":            {expr.CodeType, 2},
		"f || s":            {expr.CodeType, 2},
		"s || t":            {expr.CodeType, 2},
		"n > 41 == t || t":  {expr.CodeType, 7},
		"!n == 42":          {expr.CodeType, 0}, // "!" binds stronger
		"s == 42 && f":      {expr.CodeType, 2},
		"f || s == 42":      {expr.CodeType, 7},

		"n / zero == 0":      {expr.CodeArithmetic, 2},
		"n % zero == 0":      {expr.CodeArithmetic, 2},
		"n / 0 == 0":         {expr.CodeArithmetic, 2},
		"zero / zero == 0":   {expr.CodeArithmetic, 5},
		"min / neg == min":   {expr.CodeArithmetic, 4},
		"min % neg == 0":     {expr.CodeArithmetic, 4},
		"t && n / zero == 1": {expr.CodeArithmetic, 7},

		// Both sides are evaluated before their types are looked at.
		"t == missing":        {expr.CodeName, 5},
		"s + missing == 1":    {expr.CodeName, 4},
		"s / (n / zero) == 1": {expr.CodeArithmetic, 7},
		// && and || look at the left side first.
		"n && missing": {expr.CodeType, 2},
	} {
		e := compile(t, text)
		got, err := e.Evaluate(lookup)
		require.False(t, got, text)
		var ee *expr.Error
		require.ErrorAs(t, err, &ee, text)
		require.Equal(t, want.code, ee.Code, "%s: %v", text, err)
		require.Equal(t, want.pos, ee.Pos, "%s: %v", text, err)
		require.False(t, e.Match(lookup), text)
	}
	_, err := compile(t, "t && missing").Evaluate(lookup)
	require.EqualError(t, err, `subscription expression: the message has no property "missing" (at offset 5)`)
	_, err = compile(t, "bin").Evaluate(lookup)
	require.EqualError(t, err, `subscription expression: property "bin" has a type that expressions can't use (at offset 0)`)
}

func TestEvaluationAllocatesNothing(t *testing.T) {
	for _, text := range []string{
		`f || (n == 42 && s == "foo")`, `exists(n) && -n * 2 + 1 < n % 7 - 3`, `s < "zig" && !f`, "t == true",
	} {
		e := compile(t, text)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if ok, err := e.Evaluate(lookup); !ok || err != nil {
				t.Error(text, err)
			}
		}), text)
		found := 0 // a lookup that has state of its own
		require.Zero(t, testing.AllocsPerRun(100, func() {
			e.Match(func(name string) (expr.Value, bool) {
				found++
				return lookup(name)
			})
		}), text)
		require.NotZero(t, found)
	}
	broken := compile(t, "missing == 1")
	require.Zero(t, testing.AllocsPerRun(100, func() { broken.Match(lookup) }))
}

func BenchmarkMatch(b *testing.B) {
	e := compile(b, `false || (n==42 && s=="foo")`)
	b.ReportAllocs()
	for b.Loop() {
		if !e.Match(lookup) {
			b.Fatal("does not match")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Compile(`false || (n==42 && s=="foo")`); err != nil {
			b.Fatal(err)
		}
	}
}
