package expr_test

import (
	"math"
	"testing"

	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/expr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var properties = map[string]expr.Value{
	"t": expr.Bool(true), "f": expr.Bool(false),
	"zero": expr.Int(0), "one": expr.Int(1), "neg": expr.Int(-1), "n": expr.Int(42),
	"big": expr.Int(math.MaxInt64), "min": expr.Int(math.MinInt64),
	"s": expr.String("foo"), "empty": expr.String(""),
	"exists": expr.Int(42),
	"bin":    {},
}

func lookup(name string) (expr.Value, bool) {
	v, ok := properties[name]
	return v, ok
}
