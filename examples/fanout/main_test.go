package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"fanout": main})
	goleak.VerifyTestMain(m)
}

func TestEachApplicationGetsAllEvents(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "fanout"))
	require.Zero(t, p.Exit())
	_, lines, ok := strings.Cut(p.Stdout(), "Published 3 events\n")
	require.True(t, ok)
	var want []string
	for _, app := range []string{"foo", "bar", "baz"} {
		for _, number := range []string{"1", "2", "3"} {
			want = append(want, "Application "+app+": event "+number+", something happened")
		}
	}
	require.Equal(t, strings.Join(want, "\n"), lines)
}

func TestTheApplicationsAreTheOperators(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "d", Mode: bmqtest.Fanout, AppIDs: []string{"one"}}))
	p := proctest.Start(t, proctest.Program(t, "fanout", "-broker", b.URI(), "-queue", "bmq://d/q", "-apps", "one", "-n", "1"))
	require.Zero(t, p.Exit())
	require.Contains(t, p.Stdout(), "Application one: event 1")
	q, _ := b.Queue("bmq://d/q")
	require.Zero(t, q.Messages)
}

func TestMistakesAreTold(t *testing.T) {
	for _, flags := range [][]string{{"-n", "0"}, {"-queue", "bmq://no.such.domain/q"}, {"-queue", "what"}} {
		p := proctest.Start(t, proctest.Program(t, "fanout", flags...))
		require.Equal(t, 1, p.Exit())
		require.Contains(t, p.Stderr(), "fanout: ")
	}
}
