package lint_test

import (
	"go/ast"
	"go/format"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the length above which a file says more than one thing.
const maxLines = 800

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t, ".go", ".c", ".cpp", ".h", ".py") {
		if n := strings.Count(s.text, "\n"); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it", s.path, n, maxLines)
		}
	}
}

var (
	// A path that exists on somebody's machine only.
	machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9._])/(root|home|work|farm|tmp/[a-z])`)
	registry    = regexp.MustCompile(`\b(pypi\.org|pythonhosted\.org|proxy\.golang\.org|registry\.npmjs\.org|ghcr\.io)\b`)
	// Marks of what is not done, in two parts so that they are not found here.
	unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|\b(not |un)imple` + `mented\b`)
)

// banned is what no file may have. A text that matches the pattern has at least one of the
// words, which are looked for first: that takes a tenth of the time.
var banned = []struct {
	what    string
	pattern *regexp.Regexp
	words   []string
}{
	{"a path of a machine", machinePath, []string{"/root", "/home", "/work", "/farm", "/tmp/"}},
	{"the host of a registry", registry, []string{"pypi", "pythonhosted", "golang", "npmjs", "ghcr"}},
	{"a mark of something unfinished", unfinished, []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "imple" + "mented"}},
}

func TestFilesNameNoMachineAndAreFinished(t *testing.T) {
	for _, s := range sources(t, ".go", ".c", ".cpp", ".h", ".py", ".md", ".yml", ".yaml", ".txt", ".json",
		"Makefile", "Dockerfile", "run", "venv", "browser", "fuzz", "test-native", "test-broker", "steps", "run-broker") {
		if s.path == "internal/lint/files_test.go" {
			continue
		}
		for _, b := range banned {
			if !slices.ContainsFunc(b.words, func(word string) bool { return strings.Contains(s.text, word) }) {
				continue
			}
			for i, line := range strings.Split(s.text, "\n") {
				if found := b.pattern.FindString(line); found != "" && !brokerImage(s.path, line) {
					t.Errorf("%s:%d has %s: %q", s.path, i+1, b.what, found)
				}
			}
		}
	}
}

// brokerImage tells whether a line is the one that names the image of the official
// broker, which has no other name.
func brokerImage(path, line string) bool {
	return path == "docker/compose.yaml" && strings.HasPrefix(strings.TrimSpace(line), "image: ${BLAZINGMQ_IMAGE:-")
}

// Linters look at the files of one set of tags; this looks at all of them.
func TestGoFilesAreFormatted(t *testing.T) {
	for _, s := range sources(t, ".go") {
		formatted, err := format.Source([]byte(s.text))
		if err != nil || string(formatted) != s.text {
			t.Errorf("%s is not formatted (%v): run gofmt -w %s", s.path, err, s.path)
		}
	}
}

// Inside a bubble of testing/synctest sleeping takes no time and is the way to let it
// pass; anywhere else it makes a test slow, and wrong on a slow machine.
func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.isTest() || slices.Contains(f.imports(), "testing/synctest") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "Sleep" {
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s: a test sleeps; wait for what should happen", f.set.Position(call.Pos()))
				}
			}
			return true
		})
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() || f.syntax.Name.Name == "main" {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s has no comment", f.set.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented returns the exported names that a declaration leaves without a comment.
func undocumented(decl ast.Decl) (names []*ast.Ident) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || receiver(d).IsExported()) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && s.Doc == nil && s.Name.IsExported() {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				// A comment on the group is enough for its names.
				if d.Doc != nil || s.Doc != nil || s.Comment != nil {
					continue
				}
				for _, name := range s.Names {
					if name.IsExported() {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) *ast.Ident {
	typ := d.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		case *ast.Ident:
			return t
		default:
			return ast.NewIdent("_")
		}
	}
}
