// Command testrun runs `go test` and ends with a plain summary: what was tested, what
// was skipped and why, and what this run is not about. Tests that are skipped under the
// race detector are run without it.
//
//	go run ./scripts/testrun [-title text] [-double] [-matrix] -- [flags and packages for go test]
//
// With -double it goes on with the native engine over a double of libbmq.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	title := flag.String("title", "", "what the run is about, for the summary")
	more := flag.Bool("double", false, "test the native engine over a double of libbmq as well")
	table := flag.Bool("matrix", false, "show the whole matrix of the conformance suite, not its sums only")
	flag.Parse()
	r := newReport(os.Stdout)
	r.table = *table
	os.Exit(run(r, *title, *more, flag.Args()))
}

func run(r *report, title string, more bool, args []string) int {
	started, out := time.Now(), r.out
	err := goTest(r, args)
	race := slices.Contains(args, "-race")
	if race && len(r.skips) > 0 {
		fmt.Fprintln(out, "\nwhat was skipped, without the race detector:")
		again := newReport(out)
		err = errors.Join(err, goTest(again, r.skippedArgs(args)))
		r.merge(again)
	}
	nativeLine := ""
	if more {
		var doubleErr error
		nativeLine, doubleErr = double(out)
		err = errors.Join(err, doubleErr)
	}
	r.summary()
	if title == "" {
		title = "portable engine, embedded broker"
	}
	fmt.Fprintf(out, "tested        %s\n", title)
	fmt.Fprintf(out, "race detector %s\n", onOff(race))
	fmt.Fprintf(out, "Python SDK    %s\n", r.interop(os.Getenv("BMQ_PYTHON")))
	if nativeLine != "" {
		fmt.Fprintf(out, "native engine over a double of libbmq: %s\n", nativeLine)
	}
	for _, other := range []struct{ about, target string }{
		{"native engine", "make test-native"}, {"official broker", "make test-broker"},
	} {
		if other.about != title {
			fmt.Fprintf(out, "not in here   %s: %s\n", other.about, other.target)
		}
	}
	fmt.Fprintf(out, "time          %v\n", time.Since(started).Round(time.Second))
	if err != nil {
		fmt.Fprintln(out, "FAILED")
		return 1
	}
	fmt.Fprintln(out, "PASSED")
	return 0
}

// timeout is how long the tests of a package may take. It is for tests that hang, not for
// machines that are slow: with nothing in the cache, the builds for other systems take
// many minutes on some.
const timeout = "-timeout=40m"

// goTest runs go test.
func goTest(r *report, args []string, env ...string) error {
	cmd := exec.Command("go", append([]string{"test", "-json", timeout}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := r.read(events)
	err = errors.Join(readErr, cmd.Wait())
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || r.failed() == 0) {
		fmt.Fprintf(r.out, "%s\n%v\n", &stderr, err) // not a matter of tests
	}
	return err
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off (not asked for, or there is no C compiler)"
}

// sdkVersion asks an interpreter which SDK it has.
func sdkVersion(interpreter string) string {
	version, err := exec.Command(interpreter, "-c",
		"import blazingmq, platform; print('blazingmq', blazingmq.__version__, 'on Python', platform.python_version())").Output()
	if err != nil {
		return "unknown: " + err.Error()
	}
	return strings.TrimSpace(string(version))
}
