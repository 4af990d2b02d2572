//go:build cgo && linux && libbmq && !bmqfake

package nativetest_test

import (
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/stretchr/testify/require"
)

// libbmq would end the process: it forgets a queue that it is opening again when it is
// told to stop, and does not expect messages for it.
func TestStoppingWhileQueuesAreOpenedAgain(t *testing.T) {
	nothingLeft(t)
	b := bmqtest.Start(t)
	c, err := tryAt(t, b.URI())
	require.NoError(t, err)
	require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite()))
	c.post("x")
	c.wait("the message", func() bool { return len(c.messages) == 1 })
	// The queue is open again, and its options come late, the message behind them.
	late := b.Inject(bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventControl, Do: bmqtest.Delay, Wait: 500 * time.Millisecond, Skip: 2, Times: 1})
	b.Inject(bmqtest.Fault{On: bmqtest.Receiving, Event: bmqtest.EventPut, Do: bmqtest.Cut, Times: 1})
	require.NoError(t, c.Post(t.Context(), queue, []byte("y")))
	require.NoError(t, late.Await(t.Context()))
	require.NoError(t, c.Stop(t.Context()))
}
