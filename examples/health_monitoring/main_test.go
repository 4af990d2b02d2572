package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"health_monitoring": main})
	goleak.VerifyTestMain(m)
}

func TestTheQueuePausesWhileTheHostIsUnhealthy(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "health_monitoring"))
	for _, line := range []string{
		"<Connected>",
		`message "posted while healthy"`,
		"<HostUnhealthy>",
		"<QueueSuspended: bmq://",
		"a post is refused",
		"<QueueResumed: bmq://",
		"<HostHealthRestored>",
		`message "posted by another client meanwhile"`,
		"<Disconnected>",
	} {
		p.Await(line)
	}
	require.Zero(t, p.Exit())
}
