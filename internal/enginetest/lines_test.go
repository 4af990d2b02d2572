package enginetest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/bmq-go/bmq/internal/enginetest"
	"github.com/stretchr/testify/require"
)

// sdkLines is how many lines the tests of the official SDKs come to.
const sdkLines = 79

func TestTheListIsWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, l := range enginetest.Lines() {
		require.False(t, seen[l.Ref], "%s is there twice", l.Ref)
		require.NotEmpty(t, l.Text, l.Ref)
		seen[l.Ref] = true
	}
	for n := range sdkLines {
		require.True(t, seen[fmt.Sprintf("4/%d", n+1)], "line %d is missing", n+1)
	}
	require.False(t, seen[fmt.Sprintf("4/%d", sdkLines+1)])
}

func TestEveryLineHasABehaviourOrAReason(t *testing.T) {
	shown := make(map[string]bool)
	for _, b := range enginetest.Behaviours() {
		for _, ref := range strings.Fields(b.Ref) {
			shown[ref] = true
		}
	}
	for _, l := range enginetest.Lines() {
		require.NotEqual(t, shown[l.Ref], l.Reason != "", "%s (%s): behaviour %v, reason %q", l.Ref, l.Text, shown[l.Ref], l.Reason)
		delete(shown, l.Ref)
	}
	require.Empty(t, shown, "behaviours refer to lines that are not there")
}

func TestBehavioursHaveNamesOfTheirOwn(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+/[a-zA-Z0-9-]+$`)
	seen := make(map[string]bool)
	for _, b := range enginetest.Behaviours() {
		require.Regexp(t, name, b.Name)
		require.False(t, seen[b.Name], "%s is there twice", b.Name)
		require.NotNil(t, b.Run, b.Name)
		seen[b.Name] = true
	}
}
