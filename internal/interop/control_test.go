package interop_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/proctest"
)

// TestTheCommandServesTestsInPython runs what docs/testing.md shows: tests in Python
// start the broker with the command, control it over HTTP, and use the Python SDK.
func TestTheCommandServesTestsInPython(t *testing.T) {
	interpreter := pythonCommand(t)
	ctx, cancel := context.WithTimeout(t.Context(), proctest.Timeout)
	defer cancel()
	dir := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "bmq"), "github.com/bmq-go/bmq/cmd/bmq")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	tests := exec.CommandContext(ctx, interpreter, filepath.Join("testdata", "shop.py"))
	tests.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err = tests.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "Ran 3 tests")
}
