package enginetest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/bmq-go/bmq/internal/enginetest"
	"github.com/bmq-go/bmq/internal/proctest"
	"go.uber.org/goleak"
)

// matrixVariable names a file that the results are written to.
const matrixVariable = "ENGINETEST_MATRIX"

var matrix *enginetest.Matrix

func TestMain(m *testing.M) {
	proctest.Main(enginetest.Programs())
	code := m.Run()
	if matrix != nil {
		report()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func report() {
	matrix.Write(os.Stdout)
	name := os.Getenv(matrixVariable)
	if name == "" {
		return
	}
	f, err := os.Create(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	matrix.Write(f)
	if err := f.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func TestConformance(t *testing.T) { matrix = enginetest.Run(t) }
