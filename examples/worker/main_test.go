package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"worker": main})
	goleak.VerifyTestMain(m)
}

func TestItRunsWithoutFlags(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "worker"))
	require.Zero(t, p.Exit())
	require.Contains(t, p.Stdout(), "Published 12 jobs\n")
	require.Contains(t, p.Stdout(), "Job 7 is given up: nobody can do job 7\n")
	require.Contains(t, p.Stdout(), "Job 4 done, attempt 2\n")
	require.Contains(t, p.Stdout(), "11 jobs done, 1 given up, 6 failures on the way")
}

func TestWorkersOfSeveralProcessesShareTheJobs(t *testing.T) {
	b := bmqtest.Start(t)
	flags := []string{"-broker", b.URI(), "-queue", "bmq://bmq.test.mem.priority/jobs", "-dead", "bmq://bmq.test.mem.priority/dead"}
	first := proctest.Start(t, proctest.Program(t, "worker", append(flags, "-n", "0", "-workers", "1")...))
	second := proctest.Start(t, proctest.Program(t, "worker", append(flags, "-n", "0", "-workers", "1")...))
	require.Eventually(t, func() bool {
		q, _ := b.Queue("bmq://bmq.test.mem.priority/dead")
		return q.Consumers == 2
	}, proctest.Timeout, proctest.Timeout/1000)
	publisher := proctest.Start(t, proctest.Program(t, "worker", append(flags, "-n", "20", "-workers", "1")...))
	publisher.Await("Published 20 jobs")
	var done, givenUp, failed int
	for _, p := range []*proctest.Process{first, second, publisher} {
		if p == first {
			require.Eventually(t, func() bool {
				for _, q := range b.Queues() {
					if q.Messages > 0 {
						return false
					}
				}
				return true
			}, proctest.Timeout, proctest.Timeout/1000)
		}
		p.Signal(syscall.SIGTERM)
		var d, g, f int
		_, err := fmt.Sscanf(p.Await("given up, "), "%d jobs done, %d given up, %d failures on the way", &d, &g, &f)
		require.NoError(t, err)
		done, givenUp, failed = done+d, givenUp+g, failed+f
		require.Zero(t, p.Exit())
	}
	require.Equal(t, []int{19, 1, 8}, []int{done, givenUp, failed})
}

func TestMistakesAreTold(t *testing.T) {
	for _, flags := range [][]string{{"-workers", "0"}, {"-n", "-1"}, {"-queue", "bmq://no.such.domain/q"}, {"-queue", "what"}} {
		p := proctest.Start(t, proctest.Program(t, "worker", flags...))
		require.Equal(t, 1, p.Exit())
		require.Contains(t, p.Stderr(), "worker: ")
	}
}

func TestItSaysWhatItWaitsForAndEndsWithoutABroker(t *testing.T) {
	b := bmqtest.Start(t)
	p := proctest.Start(t, proctest.Program(t, "worker", "-broker", b.URI(), "-n", "0"))
	tells := func(text string) {
		require.Eventually(t, func() bool { return strings.Contains(p.Stderr(), text) }, proctest.Timeout, proctest.Timeout/1000)
	}
	require.Eventually(t, func() bool {
		q, _ := b.Queue("bmq://bmq.test.mmap.priority/go-dead-jobs")
		return q.Consumers == 1
	}, proctest.Timeout, proctest.Timeout/1000)
	b.Kill()
	tells("The connection to the broker is lost")
	require.NoError(t, b.Restart(t.Context(), bmqtest.KeepAll))
	tells("The connection to the broker is back")
	b.Kill()
	require.Eventually(t, func() bool { return strings.Count(p.Stderr(), "is lost") == 2 }, proctest.Timeout, proctest.Timeout/1000)
	p.Signal(syscall.SIGTERM)
	require.Zero(t, p.Exit())
	require.Contains(t, p.Stdout(), "0 jobs done")
}
