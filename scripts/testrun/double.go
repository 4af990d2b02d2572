package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// check is one of the ways in which the native engine is tested over the double of
// libbmq.
type check struct {
	name    string
	env     []string
	args    []string
	missing func() string // why it can't be
}

var checks = []check{
	{
		name: "race detector", missing: func() string { return "" },
		args: []string{"-race", "-tags=bmqfake", "./internal/nativetest"},
	},
	{
		name: "conformance suite", missing: func() string { return "" },
		args: []string{"-race", "-tags=bmqfake", "-run=^TestConformance$/^fake$", "./internal/enginetest"},
	},
	{
		name: "address and leak sanitizers, checks of pointers", missing: noSanitizer,
		env:  []string{"GOEXPERIMENT=cgocheck2"},
		args: []string{"-asan", "-tags=bmqfake", "./internal/nativetest"},
	},
}

// double tests the native engine with a double in the place of libbmq, and returns a
// line for the summary.
func double(out io.Writer) (line string, err error) {
	if goEnv("CGO_ENABLED") != "1" {
		return "not tested: it needs cgo, and with it a C compiler", nil
	}
	fmt.Fprintln(out, "\nthe native engine, with a double in the place of libbmq:")
	var parts []string
	for _, c := range checks {
		if why := c.missing(); why != "" {
			parts = append(parts, fmt.Sprintf("%s: not run: %s", c.name, why))
			continue
		}
		r := newReport(out)
		err = errors.Join(err, goTest(r, c.args, c.env...))
		parts = append(parts, fmt.Sprintf("%s: %d tests passed, %d failed", c.name, r.tests["pass"], r.tests["fail"]))
	}
	return strings.Join(parts, "; "), err
}

func goEnv(name string) string {
	value, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(value))
}

// noSanitizer tells why there is no address sanitizer, or nothing.
func noSanitizer() string {
	if system := goEnv("GOOS") + "/" + goEnv("GOARCH"); system != "linux/amd64" && system != "linux/arm64" {
		return "Go has it for Linux on amd64 and arm64 only"
	}
	dir, err := os.MkdirTemp("", "testrun")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = os.RemoveAll(dir) }()
	compiler := strings.Fields(goEnv("CC"))
	cmd := exec.Command(compiler[0], append(compiler[1:], "-fsanitize=address", "-x", "c", "-", "-o", dir+"/trial")...)
	cmd.Stdin = strings.NewReader("int main(void) { return 0; }\n")
	if err := cmd.Run(); err != nil {
		return "the C compiler has none"
	}
	return ""
}
