// Command typecheck tells whether all packages of the module in the current folder, and
// their tests, are right for systems given as GOOS/GOARCH, without cgo. It type-checks them
// from source, down to the standard library, which takes seconds where compiling takes minutes.
// What a compiler or linker finds besides, functions without a body apart, it does not.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

func main() {
	set := &sourceSet{set: token.NewFileSet(), files: make(map[string]*ast.File)}
	errs := make([]error, len(os.Args)-1)
	var all sync.WaitGroup
	for i, target := range os.Args[1:] {
		all.Go(func() { errs[i] = check(target, set) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// loaded is a package as go list describes it.
type loaded struct {
	Dir, ImportPath string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct {
		Main      bool
		GoVersion string
	}
}

// list returns the packages of the module and all that they import, which come first.
func list(system, arch string) ([]loaded, error) {
	cmd := exec.Command("go", "list", "-deps", "-test", "-json=Dir,ImportPath,GoFiles,ImportMap,Module", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	var failures bytes.Buffer
	cmd.Stderr = &failures
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &failures)
	}
	var packages []loaded
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p loaded
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, err
		case p.ImportPath == "unsafe", strings.HasSuffix(p.ImportPath, ".test"): // a main that go test writes
		default:
			packages = append(packages, p)
		}
	}
}

func check(target string, set *sourceSet) error {
	system, arch, _ := strings.Cut(target, "/")
	packages, err := list(system, arch)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	done := map[string]*types.Package{"unsafe": types.Unsafe}
	var errs []error
	failed := func(err error) { errs = append(errs, fmt.Errorf("%s: %w", target, err)) }
	for _, p := range packages {
		ours := p.Module != nil && p.Module.Main
		config := types.Config{
			Importer: importer{done, p.ImportMap}, Sizes: types.SizesFor("gc", arch), IgnoreFuncBodies: !ours, Error: failed,
		}
		if p.Module != nil && p.Module.GoVersion != "" {
			config.GoVersion = "go" + p.Module.GoVersion
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := set.parse(filepath.Join(p.Dir, name))
			if err != nil {
				failed(err)
				continue
			}
			files = append(files, f)
			if ours {
				for _, err := range set.bodiless(f) {
					failed(err)
				}
			}
		}
		done[p.ImportPath], _ = config.Check(p.ImportPath, set.set, files, nil) // errors went to failed
	}
	return errors.Join(errs...)
}

// importer has what was checked before, under the names that a package imports it by.
type importer struct {
	done map[string]*types.Package
	as   map[string]string
}

// Import implements types.Importer.
func (i importer) Import(path string) (*types.Package, error) {
	if name, ok := i.as[path]; ok {
		path = name
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s was not listed", path)
}

// sourceSet has files that were parsed, for all systems.
type sourceSet struct {
	set *token.FileSet

	mu    sync.Mutex
	files map[string]*ast.File
}

func (s *sourceSet) parse(name string) (*ast.File, error) {
	s.mu.Lock()
	f := s.files[name]
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f, err := parser.ParseFile(s.set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = f
	return f, nil
}

// bodiless finds functions that only an assembler or linker could give a body.
func (s *sourceSet) bodiless(f *ast.File) (errs []error) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body == nil {
			errs = append(errs, fmt.Errorf("%s: %s has no body", s.set.Position(fn.Pos()), fn.Name.Name))
		}
	}
	return errs
}
