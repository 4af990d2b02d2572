package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// events is what `go test -json` tells about a package that passes, one that fails and
// one that does not compile.
const events = `
{"Action":"run","Package":"github.com/bmq-go/bmq","Test":"TestGood"}
{"Action":"output","Package":"github.com/bmq-go/bmq","Test":"TestGood","Output":"quiet please\n"}
{"Action":"pass","Package":"github.com/bmq-go/bmq","Test":"TestGood","Elapsed":0.1}
{"Action":"output","Package":"github.com/bmq-go/bmq","Test":"TestSkipped","Output":"    x_test.go:7: no such machine\n"}
{"Action":"skip","Package":"github.com/bmq-go/bmq","Test":"TestSkipped","Elapsed":0}
{"Action":"pass","Package":"github.com/bmq-go/bmq","Elapsed":1.5}
{"Action":"output","Package":"github.com/bmq-go/bmq/internal/bad","Test":"TestBad","Output":"    bad_test.go:9: broken\n"}
{"Action":"fail","Package":"github.com/bmq-go/bmq/internal/bad","Test":"TestBad","Elapsed":0.1}
{"Action":"fail","Package":"github.com/bmq-go/bmq/internal/bad","Elapsed":0.2}
{"Action":"output","Package":"github.com/bmq-go/bmq/internal/slow","Test":"TestSlow","Output":"panic: test timed out\n"}
{"Action":"output","Package":"github.com/bmq-go/bmq/internal/slow","Output":"FAIL\tgithub.com/bmq-go/bmq/internal/slow\t600s\n"}
{"Action":"fail","Package":"github.com/bmq-go/bmq/internal/slow","Elapsed":600}
{"Action":"build-output","ImportPath":"x","Output":"syntax error\n"}
{"Action":"fail","Package":"github.com/bmq-go/bmq/internal/worse","FailedBuild":"x"}
{"Action":"skip","Package":"github.com/bmq-go/bmq/internal/empty"}
`

func TestTheReportCountsAndShowsWhatFailed(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&out)
	require.NoError(t, r.read(strings.NewReader(strings.TrimSpace(events))))
	require.Equal(t, 4, r.failed())
	require.Contains(t, out.String(), "bad_test.go:9: broken")
	require.Contains(t, out.String(), "panic: test timed out\nFAIL\t")
	require.Contains(t, out.String(), "syntax error")
	require.NotContains(t, out.String(), "quiet please")

	out.Reset()
	r.summary()
	require.Equal(t, `
packages      1 passed, 3 failed, 1 without tests
tests         1 passed, 1 failed, 1 skipped
  skipped     bmq TestSkipped: no such machine
`, out.String())
}

func TestSkipsWithOneReasonAreCounted(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&out)
	for _, test := range []string{"A", "B", "C", "D"} {
		r.event(&event{Action: "output", Package: modulePath + "/x", Test: test, Output: "    x_test.go:1: no Python\n"})
		r.event(&event{Action: "skip", Package: modulePath + "/x", Test: test})
	}
	r.summary()
	require.Contains(t, out.String(), "skipped     x 4 tests: no Python\n")
}

func TestWhatGoItselfSaysIsPassedOn(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, newReport(&out).read(strings.NewReader("go: no such package")))
	require.Equal(t, "go: no such package\n", out.String())
}

func TestSkippedTestsAreRunAgainWithoutTheRaceDetector(t *testing.T) {
	var out bytes.Buffer
	first, second := newReport(&out), newReport(&out)
	skip := func(r *report, pkg, test, why string) {
		r.event(&event{Action: "output", Package: pkg, Test: test, Output: "    x_test.go:1: " + why + "\n"})
		r.event(&event{Action: "skip", Package: pkg, Test: test})
	}
	skip(first, modulePath, "TestSlow", "slow under the race detector")
	skip(first, modulePath+"/internal/x", "TestMany/one", "not here")
	require.Equal(t, []string{"-count=1", "-run", "^(TestMany|TestSlow)$", modulePath, modulePath + "/internal/x"},
		first.skippedArgs([]string{"-race", "-count=1", "./..."}))

	second.event(&event{Action: "pass", Package: modulePath, Test: "TestSlow"})
	skip(second, modulePath+"/internal/x", "TestMany/one", "not here")
	first.merge(second)
	out.Reset()
	first.summary()
	require.Contains(t, out.String(), "tests         1 passed, 0 failed, 1 skipped\n  skipped     internal/x TestMany/one: not here\n")
}
