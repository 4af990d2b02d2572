package messaging_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/messaging"
)

// row is a line of a table in docs/peers.md.
type row struct{ section, there, here string }

func peersTable(t *testing.T) (rows []row) {
	t.Helper()
	doc, err := os.ReadFile("../docs/peers.md")
	require.NoError(t, err)
	section := ""
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| There |") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.SplitN(strings.Trim(line, "|"), " | ", 2)
		require.Len(t, cells, 2, line)
		rows = append(rows, row{section, strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])})
	}
	return rows
}

func TestEachFeatureOfThePeersHasAnAnswer(t *testing.T) {
	list, err := os.ReadFile("testdata/peers.txt")
	require.NoError(t, err)
	var want, got []string
	section := ""
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "# "); ok {
			section = title
			continue
		}
		want = append(want, section+": "+line)
	}
	for _, r := range peersTable(t) {
		if r.section == unsupportedSection {
			continue
		}
		got = append(got, r.section+": "+r.there)
		require.NotEmpty(t, r.here, r.there)
	}
	require.Len(t, got, 263)
	require.Equal(t, want, got)
}

const unsupportedSection = "What a broker can't do"

func TestWhatABrokerCanNotDoIsTold(t *testing.T) {
	var want, got []string
	for _, feature := range messaging.UnsupportedFeatures() {
		var answer *messaging.UnsupportedError
		require.ErrorAs(t, messaging.Unsupported(feature), &answer)
		want = append(want, fmt.Sprintf("`%s` | %s | %s", feature, answer.Reason, answer.Instead))
	}
	for _, r := range peersTable(t) {
		if r.section == unsupportedSection && r.there != "Feature" {
			got = append(got, r.there+" | "+r.here)
		}
	}
	require.Equal(t, want, got)
}

var (
	code           = regexp.MustCompile("`([^`]+)`")
	unsupportedRef = regexp.MustCompile(`^Unsupported\("(\w+)"\)$`)
	goName         = regexp.MustCompile(`^((?:bmq|admin)\.)?[A-Z]\w*(\.[A-Z]\w*)*$`)
)

func TestEachNameOfTheAnswersExists(t *testing.T) {
	names := exported(t, "", ".")
	for name := range exported(t, "bmq.", "..") {
		names[name] = true
	}
	for name := range exported(t, "admin.", "../admin") {
		names[name] = true
	}
	seen := 0
	for _, r := range peersTable(t) {
		if r.section == unsupportedSection {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(r.here, -1) {
			if ref := unsupportedRef.FindStringSubmatch(m[1]); ref != nil {
				require.ErrorIs(t, messaging.Unsupported(ref[1]), errors.ErrUnsupported, "%s: %s", r.there, ref[1])
				seen++
			} else if goName.MatchString(m[1]) {
				require.True(t, names[m[1]], "%s: there is no %s", r.there, m[1])
				seen++
			}
		}
	}
	require.Greater(t, seen, 300)
}

// exported returns the exported names of a package: Name, Type.Method and Type.Field.
func exported(t *testing.T, prefix, dir string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			for _, name := range declared(d) {
				names[prefix+name] = true
			}
		}
	}
	return names
}

func declared(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		typ := d.Recv.List[0].Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		if id, ok := typ.(*ast.Ident); ok {
			return []string{id.Name + "." + d.Name.Name}
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, id := range s.Names {
					names = append(names, id.Name)
				}
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
				if st, ok := s.Type.(*ast.StructType); ok {
					for _, field := range st.Fields.List {
						for _, id := range field.Names {
							names = append(names, s.Name.Name+"."+id.Name)
						}
					}
				}
			}
		}
	}
	return names
}
