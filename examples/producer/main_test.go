package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/sessionevents"
)

const queueURI = "bmq://bmq.test.mem.priority/producer"

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"producer": main})
	goleak.VerifyTestMain(m)
}

func TestItRunsWithoutFlags(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "producer"))
	require.Zero(t, p.Exit())
	require.Equal(t, messages, strings.Count(p.Stdout(), " SUCCESS for "))
}

func TestMessagesAndTheirAcksArriveInOrder(t *testing.T) {
	b := bmqtest.Start(t)
	received := make(chan []byte, messages)
	session, err := bmq.NewSession(t.Context(), sessionevents.LogSessionEvent, bmq.WithBroker(b.URI()),
		bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { received <- m.Data }))
	require.NoError(t, err)
	defer session.Close()
	require.NoError(t, session.OpenQueue(t.Context(), queueURI, bmq.WithRead()))

	p := proctest.Start(t, proctest.Program(t, "producer", "-broker", b.URI(), "-queue", queueURI))
	for id := range messages {
		require.Regexp(t, `^Received Ack for message number \d: <Ack\[[0-9A-F]{32}\] SUCCESS for `+queueURI+`>$`,
			p.Await("Received Ack for message number "+string(rune('0'+id))))
		require.Equal(t, []byte{0xde, 0xad, 0, 0, 0xbe, 0xef}, <-received)
	}
	require.Zero(t, p.Exit())
}

func TestRefusedMessagesAreAFailure(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "tiny", QueueMessages: 2}))
	p := proctest.Start(t, proctest.Program(t, "producer", "-broker", b.URI(), "-queue", "bmq://tiny/q"))
	require.Equal(t, 1, p.Exit())
	require.Contains(t, p.Stdout(), "Received NAck for message number 9: <Ack LIMIT_MESSAGES for bmq://tiny/q>")
	require.Contains(t, p.Stderr(), "refused")
}
