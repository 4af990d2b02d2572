package bmqtest_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/bmqtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStartGivesALoopbackURIAndStopsWithTheTest(t *testing.T) {
	var address string
	t.Run("inside", func(t *testing.T) {
		b := bmqtest.Start(t)
		require.Regexp(t, `^tcp://127\.0\.0\.1:\d+$`, b.URI())
		address = b.URI()[len("tcp://"):]
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
	_, err := net.Dial("tcp", address)
	require.Error(t, err)
}

func TestRestartKeepsThePort(t *testing.T) {
	b := bmqtest.Start(t)
	before := b.URI()
	b.Kill()
	_, err := b.DialContext(context.Background(), "", "")
	require.Error(t, err)
	require.NoError(t, b.Restart(context.Background(), bmqtest.KeepAll))
	require.Equal(t, before, b.URI())
	conn, err := b.DialContext(context.Background(), "", "")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, b.Restart(context.Background(), bmqtest.KeepNone), "while it runs")
}

func TestMemoryNetworkNeedsTheDialer(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithInMemoryNetwork())
	conn, err := b.DialContext(context.Background(), "tcp", "anything")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestAWrongDomainIsRefused(t *testing.T) {
	_, err := bmqtest.New(bmqtest.WithDomain(bmqtest.Domain{Name: "a b"}))
	require.ErrorContains(t, err, `domain "a b"`)
}

func TestABrokerStartsAtOnce(t *testing.T) {
	best := time.Hour
	for limit := time.Now().Add(time.Minute); best > 50*time.Millisecond; { // others may have the processor for a while
		require.True(t, time.Now().Before(limit), "the fastest start took %v", best)
		start := time.Now()
		b, err := bmqtest.New()
		best = min(best, time.Since(start))
		require.NoError(t, err)
		require.NoError(t, b.Stop(context.Background()))
	}
}
