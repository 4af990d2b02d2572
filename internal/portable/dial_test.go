package portable

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStopDoesNotWaitForADialerThatIgnoresItsContext(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		stuck := make(chan struct{})
		ours, theirs := net.Pipe()
		sc.s.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			<-stuck
			return ours, nil
		}
		require.NoError(t, l.conn.Close())
		sc.pass(time.Second) // it is being dialed
		sc.expect("CONNECTION_LOST")
		sc.s.Stop(context.Background())
		sc.expect("DISCONNECTED")
		close(stuck)
		synctest.Wait()
		_, err := theirs.Write([]byte("x"))
		require.Error(t, err, "a connection that comes too late is closed")
	})
}

func TestCredentialProviderThatPanicsCostsTheConnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := authenticatedBy(sc, time.Minute, func(_ context.Context, n int) error {
			if n == 2 {
				panic("the vault fell over")
			}
			return nil
		})
		sc.pass(time.Minute)
		l.gone()
		sc.expect("CONNECTION_LOST")
		require.Contains(t, sc.logs.String(), "the vault fell over")
		l = sc.accept()
		require.Equal(t, "3", l.credential())
		l.accepts(0)
		l.negotiate()
		sc.expect("RECONNECTED", "STATE_RESTORED")
	})
}
