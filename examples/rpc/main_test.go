package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
)

const results = `fib(0) = 0
fib(10) = 55
fib(20) = 6765
fib(30) = 832040
fib(40) = 102334155
fib(-1): error: -1 is out of range`

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"rpc": main})
	goleak.VerifyTestMain(m)
}

func TestItRunsWithoutFlags(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "rpc"))
	require.Zero(t, p.Exit())
	_, lines, _ := strings.Cut(p.Stdout(), "go-calls\n")
	require.Equal(t, results, lines)
}

func TestClientAndServerMayBeSeveralProcesses(t *testing.T) {
	b := bmqtest.Start(t)
	server := proctest.Start(t, proctest.Program(t, "rpc", "-broker", b.URI(), "-serve"))
	server.Await("Serving")
	for range 2 {
		client := proctest.Start(t, proctest.Program(t, "rpc", "-broker", b.URI(), "-call"))
		require.Zero(t, client.Exit())
		require.Contains(t, client.Stdout(), results)
	}
	server.Signal(syscall.SIGTERM)
	require.Zero(t, server.Exit())
}

func TestNobodyAnswers(t *testing.T) {
	b := bmqtest.Start(t)
	p := proctest.Start(t, proctest.Program(t, "rpc", "-broker", b.URI(), "-call", "-patience", "1s"))
	require.Equal(t, 1, p.Exit())
	require.Contains(t, p.Stderr(), "waiting for a reply")
	p = proctest.Start(t, proctest.Program(t, "rpc", "-serve", "-call"))
	require.Equal(t, 1, p.Exit())
	require.Contains(t, p.Stderr(), "exclude each other")
}
