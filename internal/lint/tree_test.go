package lint_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root       = "../.."
	modulePath = "github.com/bmq-go/bmq"
)

// source is a file of the repository.
type source struct {
	path string // from the root on, with slashes
	text string
}

// sources returns the repository's own files with one of the given endings, without
// what is recorded, generated or installed.
func sources(t *testing.T, endings ...string) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == ".venv" || name == ".tools" || name == "bin" || name == "build" || name == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !slices.Contains(endings, filepath.Ext(name)) && !slices.Contains(endings, name):
			return nil
		}
		text, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(root, path)
		require.NoError(t, relErr)
		list = append(list, source{filepath.ToSlash(rel), string(text)})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

// parsed is a Go file.
type parsed struct {
	source
	syntax *ast.File
	set    *token.FileSet
}

var allGo struct {
	once sync.Once
	list []parsed
	err  error // what could not be parsed
}

// goFiles returns all Go files, for reading.
func goFiles(t *testing.T) []parsed {
	t.Helper()
	allGo.once.Do(func() {
		for _, s := range sources(t, ".go") {
			set := token.NewFileSet()
			syntax, err := parser.ParseFile(set, s.path, s.text, parser.ParseComments)
			allGo.err = errors.Join(allGo.err, err)
			allGo.list = append(allGo.list, parsed{s, syntax, set})
		}
	})
	require.NoError(t, allGo.err)
	require.NotEmpty(t, allGo.list)
	return allGo.list
}

func (p *parsed) isTest() bool { return strings.HasSuffix(p.path, "_test.go") }

// imports tells which packages a file imports.
func (p *parsed) imports() []string {
	var list []string
	for _, spec := range p.syntax.Imports {
		list = append(list, strings.Trim(spec.Path.Value, `"`))
	}
	return list
}

// dir is the folder of a file from the root on, "." for the root.
func (s *source) dir() string {
	if i := strings.LastIndexByte(s.path, '/'); i >= 0 {
		return s.path[:i]
	}
	return "."
}
