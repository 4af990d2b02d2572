package messaging

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/sessionevents"
)

func TestASlowApplicationLosesTheOldestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		release := make(chan bool)
		var codes []int
		n := newNotifier(func(e sessionevents.SessionEvent) {
			<-release
			codes = append(codes, e.StatusCode())
		}, slog.New(slog.NewTextHandler(&log, nil)))
		const extra = 10
		for i := range maxEvents + extra {
			n.add(sessionevents.New(sessionevents.TypeConnected, "", i, ""))
			synctest.Wait() // the first one is being handed out
		}
		close(release)
		n.close()
		synctest.Wait()
		require.Len(t, codes, maxEvents+1)
		require.Equal(t, 0, codes[0])
		require.Equal(t, extra, codes[1])
		require.Equal(t, maxEvents+extra-1, codes[maxEvents])
		require.Contains(t, log.String(), "events were dropped")
	})
}
