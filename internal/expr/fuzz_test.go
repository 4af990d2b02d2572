package expr_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/expr"
)

func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"", "n", "n == 42", `s != "a\"b"`, "exists(n) && !t || f", "-n * (2 + 3) % 7 <= - 1", "t == true", "x.y_z >= -9223372036854775808",
		"n - -1 / 0 == 99999999999999999999", "a == b == c", "~(exists == 1)", "\"\\\n\"", "n\x00",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := expr.Compile(text)
		around, aroundErr := expr.Compile(" ( " + text + "\n) ")
		if err != nil {
			var ee *expr.Error
			require.ErrorAs(t, err, &ee)
			require.LessOrEqual(t, ee.Code, expr.CodeSyntax)
			require.GreaterOrEqual(t, ee.Code, expr.CodeTooLong)
			require.LessOrEqual(t, ee.Pos, len(text))
			require.Equal(t, ee.Code == expr.CodeTooLong, len(text) > expr.MaxLength)
			return
		}
		require.Equal(t, text, e.String())
		got, err := e.Evaluate(lookup)
		require.Equal(t, got, e.Match(lookup))
		if err != nil {
			require.False(t, got)
			var ee *expr.Error
			require.ErrorAs(t, err, &ee)
			require.LessOrEqual(t, ee.Code, expr.CodeName)
			require.GreaterOrEqual(t, ee.Code, expr.CodeArithmetic)
			require.Less(t, ee.Pos, len(text))
		}
		// Parentheses and white space change nothing.
		if len(text)+6 > expr.MaxLength {
			return
		}
		require.NoError(t, aroundErr)
		again, againErr := around.Evaluate(lookup)
		require.Equal(t, got, again)
		if err != nil {
			require.Equal(t, err.(*expr.Error).Code, againErr.(*expr.Error).Code)
		}
		// Nothing is true and not true, or neither, unless it is an error.
		if not, notErr := expr.Compile("!(" + text + ")"); notErr == nil {
			require.Equal(t, err == nil && !got, not.Match(lookup))
		} else {
			require.Equal(t, expr.CodeTooComplex, notErr.(*expr.Error).Code)
		}
		// Without spaces the only difference is what the minus sign belongs to.
		if !strings.ContainsAny(text, "\"-") {
			if joined, err := expr.Compile(strings.NewReplacer(" ", "", "\t", "", "\n", "").Replace(text)); err == nil {
				require.Equal(t, got, joined.Match(lookup))
			}
		}
	})
}
