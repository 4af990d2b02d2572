package admin_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/officialbroker"
	"github.com/bmq-go/bmq/sessionevents"
)

func TestMain(m *testing.M) {
	_ = os.Unsetenv("BMQ_BROKER_URI") // fails for malformed names only
	goleak.VerifyTestMain(m)
}

// onBrokers runs a test for each broker.
func onBrokers(t *testing.T, test func(t *testing.T, uri string)) {
	t.Run("embedded", func(t *testing.T) { test(t, bmqtest.Start(t).URI()) })
	t.Run("official", func(t *testing.T) { test(t, officialbroker.ForTest(t, officialbroker.Config{}).URI()) })
}

// session returns a session that has the given queues open for writing.
func session(t *testing.T, broker string, queues ...string) *bmq.Session {
	t.Helper()
	s, err := bmq.NewSession(t.Context(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker),
		bmq.WithOnMessage(func(*bmq.Message, *bmq.MessageHandle) {}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	for _, q := range queues {
		require.NoError(t, s.OpenQueue(t.Context(), q, bmq.WithWrite()))
	}
	return s
}

// post posts n messages of five bytes.
func post(t *testing.T, s *bmq.Session, queue string, n int) {
	t.Helper()
	for range n {
		_, err := s.PostAndWait(t.Context(), queue, []byte("hello"))
		require.NoError(t, err)
	}
}
