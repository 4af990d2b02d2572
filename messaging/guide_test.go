package messaging_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCodeOfTheGuideIsRun(t *testing.T) {
	guide, err := os.ReadFile("../docs/messaging.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	require.Greater(t, len(blocks), 8)
	for _, b := range blocks {
		require.True(t, strings.Contains(unindented(string(examples)), unindented(b[1])), "no example has\n%s", b[1])
	}
}

// unindented is code without its indentation.
func unindented(code string) string {
	var out strings.Builder
	for line := range strings.Lines(code) {
		out.WriteString(strings.TrimSpace(line) + "\n")
	}
	return out.String()
}

func TestEachNameOfTheGuideExists(t *testing.T) {
	names := exported(t, "", ".")
	for name := range exported(t, "bmq.", "..") {
		names[name] = true
	}
	guide, err := os.ReadFile("../docs/messaging.md")
	require.NoError(t, err)
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(guide), "")
	short := map[string]bool{} // the last part of a name
	for name := range names {
		short[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	for _, m := range code.FindAllStringSubmatch(prose, -1) {
		if goName.MatchString(m[1]) {
			require.True(t, names[m[1]] || short[m[1]], "there is no %s", m[1])
		}
	}
}
