package enginetest_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bmq-go/bmq/internal/enginetest"
	"github.com/stretchr/testify/require"
)

func TestWhatLibbmqDoesOtherwiseIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "engines.md"))
	require.NoError(t, err)
	for _, name := range enginetest.Differences() {
		require.True(t, slices.ContainsFunc(enginetest.Behaviours(), func(b enginetest.Behaviour) bool { return b.Name == name }), name)
		require.Contains(t, string(text), "`"+name+"`")
	}
}
