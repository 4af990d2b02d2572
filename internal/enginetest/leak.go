package enginetest

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// labelKey is under which goroutines bear the name of their behaviour.
const labelKey = "behaviour"

// requireNoGoroutines waits until no goroutine bears the label any more.
func requireNoGoroutines(t *testing.T, label string) {
	t.Helper()
	var left []string
	if !poll(patience, func() bool {
		left = goroutines(label)
		return len(left) == 0
	}) {
		require.Fail(t, "goroutines are left behind", strings.Join(left, "\n\n"))
	}
}

// goroutines returns the stacks of the goroutines that bear a label.
func goroutines(label string) (stacks []string) {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	mark := `"` + labelKey + `":"` + label + `"`
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, mark) {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
