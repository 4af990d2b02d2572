package enginetest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bmq-go/bmq/internal/enginetest"
	"github.com/stretchr/testify/require"
)

// reference is the name of a behaviour in the guarantees.
var reference = regexp.MustCompile("`([a-z]+/[a-zA-Z0-9-]+)`")

func guarantees(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guarantees.md"))
	require.NoError(t, err)
	return string(text)
}

func TestGuaranteesNameBehavioursThatExist(t *testing.T) {
	names := make(map[string]bool)
	for _, b := range enginetest.Behaviours() {
		names[b.Name] = true
	}
	found := reference.FindAllStringSubmatch(guarantees(t), -1)
	require.NotEmpty(t, found)
	for _, m := range found {
		if m[1] == "internal/enginetest" {
			continue
		}
		require.True(t, names[m[1]], "there is no behaviour %s", m[1])
	}
}

func TestEveryGuaranteeHasABehaviour(t *testing.T) {
	_, list, ok := strings.Cut(guarantees(t), "\n## ")
	require.True(t, ok)
	for section := range strings.SplitSeq(list, "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		statements := strings.Split(body, "\n- ")[1:]
		require.NotEmpty(t, statements, title)
		for _, s := range statements {
			require.Regexp(t, reference, s, title)
		}
	}
}
