package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// skip is why tests of a package were skipped.
type skip struct{ pkg, reason string }

// event is what `go test -json` tells; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// id names a test, or with an empty name a package.
type id struct{ pkg, test string }

// report counts results, and prints failures as they come.
type report struct {
	out      io.Writer
	output   map[id][]string
	builds   map[string][]string // what the compiler said, by package
	tests    map[string]int      // by result
	packages map[string]int      // by result
	perPkg   map[string]int      // tests that passed
	skips    map[skip][]string   // tests that were skipped
	matrix   matrix
	table    bool // the whole matrix is shown
}

func newReport(out io.Writer) *report {
	return &report{
		out: out, output: make(map[id][]string), builds: make(map[string][]string), tests: make(map[string]int),
		packages: make(map[string]int), perPkg: make(map[string]int), skips: make(map[skip][]string),
	}
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text()) // go itself has something to say
			continue
		}
		r.event(&e)
	}
	return lines.Err()
}

func (r *report) event(e *event) {
	key := id{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "fail", "skip":
		r.result(key, e)
		delete(r.output, key)
	}
}

// result takes the end of a test or a package. Tests with subtests are counted as
// their subtests are, and as one themselves.
func (r *report) result(key id, e *event) {
	if key.test == "" {
		r.packageResult(key, e)
		return
	}
	r.tests[e.Action]++
	switch e.Action {
	case "pass":
		r.perPkg[key.pkg]++
	case "fail":
		fmt.Fprintf(r.out, "%s\n", strings.Join(r.output[key], ""))
	case "skip":
		why := skip{short(key.pkg), reason(r.output[key])}
		r.skips[why] = append(r.skips[why], key.test)
	}
}

func (r *report) packageResult(key id, e *event) {
	name := short(key.pkg)
	switch e.Action {
	case "pass":
		fmt.Fprintf(r.out, "ok    %-32s %6.1fs  %d tests\n", name, e.Elapsed, r.perPkg[key.pkg])
	case "fail":
		fmt.Fprint(r.out, strings.Join(r.builds[e.FailedBuild], ""), r.unfinished(key.pkg), strings.Join(r.output[key], ""))
		fmt.Fprintf(r.out, "FAIL  %s\n", name)
	}
	r.packages[e.Action]++
	if key.pkg == conformance {
		r.matrix = newMatrix(r.output[key])
	}
}

// unfinished returns what the tests of a package printed that have no result, for the
// process ended before they did: by a panic, or by the timeout.
func (r *report) unfinished(pkg string) string {
	var text strings.Builder
	byName := func(a, b id) int { return cmp.Compare(a.test, b.test) }
	for _, key := range slices.SortedFunc(maps.Keys(r.output), byName) {
		if key.pkg == pkg && key.test != "" {
			text.WriteString(strings.Join(r.output[key], ""))
			delete(r.output, key)
		}
	}
	return text.String()
}

func (r *report) failed() int { return r.tests["fail"] + r.packages["fail"] }

// skippedArgs returns the arguments of a run, without the race detector, of the tests
// that were skipped in the run with the given ones.
func (r *report) skippedArgs(args []string) []string {
	var packages, tests []string
	for why, names := range r.skips {
		packages = append(packages, modulePath+strings.TrimSuffix("/"+strings.TrimPrefix(why.pkg, rootName), "/"))
		for _, name := range names {
			top, _, _ := strings.Cut(name, "/")
			tests = append(tests, top)
		}
	}
	unique := func(list []string) []string {
		slices.Sort(list)
		return slices.Compact(list)
	}
	flags := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "-race" || !strings.HasPrefix(a, "-") })
	return slices.Concat(flags, []string{"-run", "^(" + strings.Join(unique(tests), "|") + ")$"}, unique(packages))
}

// merge takes over what became of the skipped tests in a second run.
func (r *report) merge(again *report) {
	failed := again.tests["fail"]
	still := 0
	for _, names := range again.skips {
		still += len(names)
	}
	r.tests["pass"] += max(0, r.tests["skip"]-still-failed)
	r.tests["fail"] += failed
	r.tests["skip"] = still
	r.packages["fail"] += again.packages["fail"]
	r.skips = again.skips
}

func (r *report) summary() {
	if r.table {
		fmt.Fprintln(r.out)
		for _, line := range r.matrix.table {
			fmt.Fprintln(r.out, line)
		}
	}
	fmt.Fprintf(r.out, "\npackages      %d passed, %d failed, %d without tests\n",
		r.packages["pass"], r.packages["fail"], r.packages["skip"])
	fmt.Fprintf(r.out, "tests         %d passed, %d failed, %d skipped\n", r.tests["pass"], r.tests["fail"], r.tests["skip"])
	reasons := slices.SortedFunc(maps.Keys(r.skips), func(a, b skip) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(r.skips[a][0], r.skips[b][0]))
	})
	for _, why := range reasons {
		tests := strings.Join(r.skips[why], ", ")
		if n := len(r.skips[why]); n > manySkips {
			tests = fmt.Sprintf("%d tests", n)
		}
		fmt.Fprintf(r.out, "  skipped     %s %s: %s\n", why.pkg, tests, why.reason)
	}
	for _, line := range r.matrix.notes {
		fmt.Fprintln(r.out, line)
	}
}

// interop tells what the tests against the Python SDK came to.
func (r *report) interop(interpreter string) string {
	passed := r.perPkg[modulePath+"/internal/interop"]
	switch {
	case passed == 0:
		return "not tested against; see the reasons above, if the tests were part of this run"
	case interpreter == "":
		return fmt.Sprintf("%d tests against that in .venv", passed)
	}
	return fmt.Sprintf("%d tests against %s", passed, sdkVersion(interpreter))
}

// manySkips is how many tests with one reason are too many to be named.
const manySkips = 3

const (
	modulePath = "github.com/bmq-go/bmq"
	rootName   = "bmq" // the root package in the report
)

func short(pkg string) string {
	return cmp.Or(strings.TrimPrefix(strings.TrimPrefix(pkg, modulePath), "/"), rootName)
}

var skipLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)

// reason finds what a test gave as its reason for being skipped.
func reason(output []string) string {
	for _, line := range output {
		if m := skipLine.FindStringSubmatch(line); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return "no reason given"
}
