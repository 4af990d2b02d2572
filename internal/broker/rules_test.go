package broker_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryRuleHasItsTests(t *testing.T) {
	known := make(map[string]bool)
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	expressions, err := filepath.Glob("../expr/*_test.go")
	require.NoError(t, err)
	for _, name := range append(files, expressions...) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				known[f.Name.Name] = true
			}
		}
	}
	text, err := os.ReadFile("rules.md")
	require.NoError(t, err)
	rules := 0
	for line := range strings.Lines(string(text)) {
		line = strings.ReplaceAll(line, `\|`, "or")
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| ") || len(cells) != 2 || strings.Contains(cells[0], "---") || strings.TrimSpace(cells[0]) == "rule" {
			continue
		}
		rules++
		for name := range strings.SplitSeq(cells[1], ",") {
			require.True(t, known[strings.TrimSpace(name)], "there is no test %q for the rule %q", strings.TrimSpace(name), cells[0])
		}
	}
	require.Greater(t, rules, 100)
}
