package lint_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildTimeout is how long one build may take; the first one compiles the standard
// library.
const buildTimeout = 15 * time.Minute

// command runs a program at the module's root and returns what it printed.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v %s %s\n%s", env, name, strings.Join(args, " "), out)
	return string(out)
}

func TestTheModuleBuildsWithoutCgo(t *testing.T) {
	t.Parallel()
	goFiles(t) // so that a cached result is dropped when one of them changes
	command(t, []string{"CGO_ENABLED=0"}, "go", "build", "./...")
}

func TestTheModuleIsRightForOtherSystems(t *testing.T) {
	t.Parallel()
	goFiles(t)
	command(t, nil, "go", "run", "./internal/lint/typecheck", "linux/amd64", "linux/arm64", "linux/386", "windows/amd64", "darwin/arm64")
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

func TestProgramsInTheReadmeWork(t *testing.T) {
	t.Parallel()
	goFiles(t)
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	programs := goBlock.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, programs)
	for _, program := range programs {
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(program[1]), 0o600))
		out := command(t, []string{"BMQ_BROKER_URI="}, "go", "run", file)
		// What it prints stands in its comments, as in testable examples.
		_, expected, found := strings.Cut(program[1], "// Output:\n")
		require.True(t, found, "the program does not say what it prints")
		for _, line := range strings.Split(strings.TrimSpace(expected), "\n") {
			require.Contains(t, out, strings.TrimPrefix(line, "// "))
		}
	}
}
