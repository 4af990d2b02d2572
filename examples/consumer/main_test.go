package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/sessionevents"
)

const queueURI = "bmq://bmq.test.mem.priority/consumer"

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"consumer": main})
	goleak.VerifyTestMain(m)
}

func TestItRunsWithoutFlagsUntilASignal(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := proctest.Start(t, proctest.Program(t, "consumer"))
			for range 3 {
				require.Regexp(t, `^Confirming:  <Message\[[0-9A-F]{32}\] for bmq://bmq.test.mmap.priority/go-examples>$`,
					p.Await("Confirming"))
			}
			p.Signal(sig)
			p.Await("Waiting to process all outstanding messages")
			p.Await("Session stopped.")
			require.Zero(t, p.Exit())
		})
	}
}

func TestNoMessageIsLostOrRepeatedByStopping(t *testing.T) {
	b := bmqtest.Start(t)
	again := make(chan *bmq.Message, 10)
	session, err := bmq.NewSession(t.Context(), sessionevents.LogSessionEvent, bmq.WithBroker(b.URI()),
		bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { again <- m }))
	require.NoError(t, err)
	defer session.Close()
	require.NoError(t, session.OpenQueue(t.Context(), queueURI, bmq.WithWrite()))
	require.NoError(t, session.Post(t.Context(), queueURI, []byte("first")))

	p := proctest.Start(t, proctest.Program(t, "consumer", "-broker", b.URI(), "-queue", queueURI))
	p.Await("Confirming")
	p.Signal(syscall.SIGTERM)
	require.Zero(t, p.Exit())

	require.NoError(t, session.CloseQueue(t.Context(), queueURI))
	require.NoError(t, session.OpenQueue(t.Context(), queueURI, bmq.WithRead(), bmq.WithWrite()))
	require.NoError(t, session.Post(t.Context(), queueURI, []byte("second")))
	require.Equal(t, "second", string((<-again).Data), "the first message was confirmed for good")
}

func TestItEndsWithoutAConnectionToo(t *testing.T) {
	b := bmqtest.Start(t)
	p := proctest.Start(t, proctest.Program(t, "consumer", "-broker", b.URI()))
	require.Eventually(t, func() bool {
		q, _ := b.Queue("bmq://bmq.test.mmap.priority/go-examples")
		return q.Consumers == 1
	}, proctest.Timeout, proctest.Timeout/1000)
	b.Kill()
	p.Signal(syscall.SIGTERM)
	require.Equal(t, 1, p.Exit())
	require.Contains(t, p.Stderr(), "consumer: not ended in good order, what is not confirmed will be delivered again: Failed to configure")
}
