package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport lists, for each folder of the core, the folders of this module that it may
// import, and so the direction of all imports: wire, portable, bmq on the client's side,
// wire, broker, bmqtest on the broker's. The two sides meet in wire and framing only,
// so that they are two readers of one protocol.
var mayImport = map[string][]string{
	"include":            {},
	"sessionevents":      {},
	"internal/expr":      {},
	"internal/pace":      {},
	"internal/pages":     {},
	"internal/ports":     {},
	"internal/slab":      {},
	"internal/wire":      {},
	"internal/wire/ctrl": {"internal/wire"},
	"internal/framing":   {"internal/pages", "internal/wire"},

	"internal/engine":   {"internal/wire"},
	"internal/portable": {"internal/engine", "internal/framing", "internal/pace", "internal/wire", "internal/wire/ctrl"},
	"cbridge":           {"include", "internal/engine", "internal/pages", "internal/slab", "internal/wire"},
	".": {
		"cbridge", "include", "internal/engine", "internal/pace", "internal/portable", "internal/slab", "internal/wire",
		"internal/expr", "sessionevents",
	},
	"admin":     {"internal/framing", "internal/wire", "internal/wire/ctrl"},
	"messaging": {".", "admin", "internal/expr", "sessionevents"},

	"internal/broker":  {"internal/expr", "internal/framing", "internal/ports", "internal/wire", "internal/wire/ctrl"},
	"internal/control": {"internal/broker", "internal/wire", "internal/wire/ctrl"},
	"bmqtest":          {"internal/broker", "internal/wire", "internal/wire/ctrl"},
}

// dependencies are what code other than tests may import from elsewhere.
var dependencies = []string{"github.com/klauspost/compress/", "github.com/mattn/go-pointer", "golang.org/x/sys/"}

// testDependencies are what tests may import besides.
var testDependencies = []string{
	"github.com/stretchr/testify/require", "go.uber.org/goleak", "pgregory.net/rapid",
}

// benchDependencies are what the comparison with other clients may import besides: it is a
// module of its own.
var benchDependencies = []string{"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/perf/benchmath"}

// forTests are packages that help tests and are no part of programs.
var forTests = []string{"internal/enginetest", "internal/lint", "internal/logtest", "internal/officialbroker", "internal/proctest", "internal/wire/wiretest"}

func TestPackagesOfTheCoreImportInOneDirection(t *testing.T) {
	for _, f := range goFiles(t) {
		allowed, listed := mayImport[f.dir()]
		if !listed || f.isTest() {
			continue
		}
		for _, path := range f.imports() {
			if dir, ours := folder(path); ours && !slices.Contains(allowed, dir) {
				t.Errorf("%s imports %s: %s may import %v only", f.path, dir, f.dir(), allowed)
			}
		}
	}
}

func TestDependenciesAreThoseOfTheDesign(t *testing.T) {
	for _, f := range goFiles(t) {
		if strings.HasPrefix(f.path, "plugin/") {
			continue // modules of their own, so that nobody else pays for theirs
		}
		allowed := slices.Clone(dependencies)
		if f.isTest() || slices.Contains(forTests, f.dir()) {
			allowed = append(allowed, testDependencies...)
		}
		if f.dir() == "bench" || strings.HasPrefix(f.dir(), "bench/") {
			allowed = append(allowed, benchDependencies...)
		}
		for _, path := range f.imports() {
			_, ours := folder(path)
			first, _, _ := strings.Cut(path, "/")
			standard := !strings.Contains(first, ".")
			if !ours && !standard && !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(path, p) }) {
				t.Errorf("%s imports %s, which is not among the dependencies", f.path, path)
			}
		}
	}
}

func TestProgramsUseThePublicPackages(t *testing.T) {
	for _, f := range goFiles(t) {
		if !strings.HasPrefix(f.path, "examples/") && !strings.HasPrefix(f.path, "plugin/") || f.isTest() {
			continue
		}
		for _, path := range f.imports() {
			dir, ours := folder(path)
			require.False(t, ours && strings.HasPrefix(dir, "internal/"), "%s imports %s", f.path, dir)
		}
	}
}

// folder tells in which folder of this module a package is, if it is in it.
func folder(importPath string) (dir string, ours bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}
