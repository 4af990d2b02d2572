package main

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/ports"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"quickstart": main})
	goleak.VerifyTestMain(m)
}

// count returns a number of the summary.
func count(t *testing.T, summary, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` +(\d+)$`).FindStringSubmatch(summary)
	require.NotNil(t, m, "no %s in %q", name, summary)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}

func TestEveryMessageComesBack(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "quickstart", "-n", "5000"))
	require.Zero(t, p.Exit())
	out := p.Stdout()
	for _, name := range []string{"posted", "acked", "received", "confirmed"} {
		require.Equal(t, 5000, count(t, out, name), name)
	}
	require.Zero(t, count(t, out, "missing"))
	require.Zero(t, count(t, out, "duplicates"))
	require.Regexp(t, `latency +p50 .*, p90 .*, p99 .*, max `, out)
	require.NotContains(t, out+p.Stderr(), "\r", "progress is for terminals only")
	require.Empty(t, p.Stderr())
}

func TestAnotherBrokerIsUsedOnRequest(t *testing.T) {
	b := bmqtest.Start(t)
	p := proctest.Start(t, proctest.Program(t, "quickstart", "-broker", b.URI(), "-n", "3", "-size", "100000"))
	require.Zero(t, p.Exit())
	require.Equal(t, 3, count(t, p.Stdout(), "confirmed"))
	require.Contains(t, p.Stdout(), b.URI()+"\n")
}

func TestCtrlCEndsTheRunWithWhatItHas(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "quickstart", "-n", "1000000000"))
	p.Await("messages ")
	p.Signal(syscall.SIGINT)
	require.Zero(t, p.Exit())
	require.Contains(t, p.Stdout(), "Interrupted")
}

// runCommand calls the program in this process.
func runCommand(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = command(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestRefusedMessagesAreAFailure(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "tiny", QueueBytes: 100}))
	code, out, errs := runCommand("-broker", b.URI(), "-queue", "bmq://tiny/q", "-n", "400", "-size", "1000")
	require.Equal(t, 1, code)
	require.Equal(t, count(t, out, "posted"), count(t, out, "acked")+refused(t, out))
	require.Contains(t, out, "LIMIT_BYTES")
	require.Contains(t, errs, "were refused")
}

func refused(t *testing.T, summary string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^refused +(\d+),`).FindStringSubmatch(summary)
	require.NotNil(t, m)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}

func TestABrokerThatIsNotThereIsAClearError(t *testing.T) {
	port, held, err := ports.Free()
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Close()) }()
	address := "127.0.0.1:" + strconv.Itoa(port)
	code, _, errs := runCommand("-broker", "tcp://"+address)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "TIMEOUT")
	require.Contains(t, errs, address)
}

func TestWrongArgumentsAreClearErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"broker", []string{"-broker", "localhost:30114"}, 1, "tcp://host:port"},
		{"queue", []string{"-queue", "nothing"}, 1, "bmq://domain"},
		{"domain", []string{"-queue", "bmq://no.such.domain/q"}, 1, "no.such.domain"},
		{"number", []string{"-n", "0"}, 2, "-n must be at least 1"},
		{"size", []string{"-size", "1"}, 2, "-size at least 24"},
		{"flag", []string{"-bogus"}, 2, "-bogus"},
		{"argument", []string{"extra"}, 2, "no other arguments"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, _, errs := runCommand(tc.args...)
			require.Equal(t, tc.code, code)
			require.Contains(t, errs, tc.says)
		})
	}
}
