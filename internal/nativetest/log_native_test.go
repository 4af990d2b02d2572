//go:build cgo && linux && libbmq && !bmqfake

package nativetest_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/stretchr/testify/require"
)

// stuckLog is a handler that does not return before it is let go.
type stuckLog struct {
	slog.Handler
	once    sync.Once
	entered chan struct{}
	let     chan struct{}
}

func (h *stuckLog) Enabled(context.Context, slog.Level) bool { return true }

func (h *stuckLog) Handle(context.Context, slog.Record) error {
	h.once.Do(func() { close(h.entered) })
	<-h.let
	return nil
}

// A start that fails looks into the log of libbmq, which may be the application's.
func TestALogThatIsStuckDoesNotHoldAStartUp(t *testing.T) {
	nothingLeft(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	h := &stuckLog{entered: make(chan struct{}), let: make(chan struct{})}
	bmq.SetLogger(slog.New(h))
	t.Cleanup(func() {
		close(h.let)
		bmq.SetLogger(nil)
	})
	ended := make(chan error, 1)
	go func() {
		_, err := tryAt(t, "tcp://"+l.Addr().String(), bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 200 * time.Millisecond, DisconnectTimeout: 200 * time.Millisecond}))
		ended <- err
	}()
	select {
	case err := <-ended:
		require.Error(t, err)
		<-h.entered
	case <-time.After(patience):
		require.FailNow(t, "it is held up")
	}
}
