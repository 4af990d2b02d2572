package bmq

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exportedNames returns the exported names of the package in dir, as pkg.Name,
// pkg.Type.Method and pkg.Type.Field.
func exportedNames(t *testing.T, dir, pkg string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	add := func(parts ...string) {
		for _, p := range parts {
			if !ast.IsExported(p) {
				return
			}
		}
		names[pkg+"."+strings.Join(parts, ".")] = true
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name.Name)
					continue
				}
				typ := d.Recv.List[0].Type
				if star, ok := typ.(*ast.StarExpr); ok {
					typ = star.X
				}
				if id, ok := typ.(*ast.Ident); ok {
					add(id.Name, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						for _, id := range s.Names {
							add(id.Name)
						}
					case *ast.TypeSpec:
						add(s.Name.Name)
						if st, ok := s.Type.(*ast.StructType); ok {
							for _, field := range st.Fields.List {
								for _, id := range field.Names {
									add(s.Name.Name, id.Name)
								}
							}
						}
					}
				}
			}
		}
	}
	return names
}

// commands are what the documentation tells people to type, and where each can be looked up.
var commands = []struct{ pattern, file, entry string }{
	{`make ([a-z][a-z-]*)`, "Makefile", "(?m)^%s:"},
	{`docker/steps ([a-z]+)`, "docker/steps", `(?m)^%s\) `},
	{`bmq ((?:broker|engines)|[a-z]+) -`, "cmd/bmq/main.go", `\{"%s", `},
}

func TestCommandsOfTheDocumentationExist(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	pages = append(pages, "README.md", "CONTRIBUTING.md", "SECURITY.md", "DESIGN.md", "CHANGELOG.md")
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, c := range commands {
			source, err := os.ReadFile(c.file)
			require.NoError(t, err)
			// Commands are in backquotes, or begin a line of a block.
			for _, m := range regexp.MustCompile("(?m)(?:`|^(?:    )?)"+c.pattern).FindAllStringSubmatch(string(text), -1) {
				require.Regexp(t, fmt.Sprintf(c.entry, m[1]), string(source), "%s: %s", page, m[0])
				found++
			}
		}
		for _, m := range regexp.MustCompile("go (?:run|build|test|install) [^`\n]*?(\\./[a-z_./]+)").FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(strings.TrimSuffix(m[1], "/..."))
			require.NoError(t, err, "%s: %s", page, m[0])
			found++
		}
	}
	require.Greater(t, found, 30)
}

func TestPythonTableIsComplete(t *testing.T) {
	doc, err := os.ReadFile("docs/python.md")
	require.NoError(t, err)
	names := exportedNames(t, ".", "bmq")
	for name := range exportedNames(t, "sessionevents", "sessionevents") {
		names[name] = true
	}
	mentioned := make(map[string]bool)
	for _, m := range regexp.MustCompile("`((?:bmq|sessionevents)\\.[A-Za-z0-9.]+)`").FindAllStringSubmatch(string(doc), -1) {
		mentioned[m[1]] = true
		require.True(t, names[m[1]], "docs/python.md names %s, which does not exist", m[1])
	}
	// Methods of a type that is there need no line of their own if Python knows the
	// type as such; those of Session do.
	var missing []string
	for name := range names {
		parts := strings.Split(name, ".")
		if len(parts) == 2 && !mentioned[name] || len(parts) == 3 && parts[1] == "Session" && !mentioned[name] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing, "docs/python.md does not mention these exported names")
}
