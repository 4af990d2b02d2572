package officialbroker_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

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

var domains = []bmqtest.Domain{
	{Name: "d.fanout", Mode: bmqtest.Fanout, AppIDs: []string{"a", "b"}, Subscriptions: map[string]string{"a": "x > 1"}, MaxConsumers: 3},
	{Name: "d.small", Persistent: true, QueueMessages: 3, MessageTTL: time.Minute, DeduplicationTime: -1, MaxDeliveryAttempts: 5},
}

func TestTheConfigurationIsThatOfTheEmbeddedBroker(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, officialbroker.WriteConfig(dir, 12345, officialbroker.Config{Domains: domains, Users: map[string]string{"me": "secret"}}))
	b := bmqtest.Start(t, bmqtest.WithConfigDir(filepath.Join(dir, "etc")), bmqtest.WithListenAddress("127.0.0.1:0"))
	got, ok := b.Domain("d.fanout")
	require.True(t, ok)
	require.Equal(t, domains[0].AppIDs, got.AppIDs)
	require.Equal(t, domains[0].Subscriptions, got.Subscriptions)
	require.Equal(t, domains[0].MaxConsumers, got.MaxConsumers)
	require.Equal(t, time.Hour, got.MessageTTL)
	got, ok = b.Domain("d.small")
	require.True(t, ok)
	require.True(t, got.Persistent)
	require.Equal(t, int64(3), got.QueueMessages)
	require.Equal(t, time.Minute, got.MessageTTL)
	require.Negative(t, got.DeduplicationTime)
	require.Equal(t, 5, got.MaxDeliveryAttempts)
	_, ok = b.Domain("bmq.test.mem.priority")
	require.True(t, ok)
	s, err := session(t.Context(), b.URI(), bmq.WithAuthnCredentialProvider(func(context.Context) (bmq.AuthnCredential, error) {
		return bmq.AuthnCredential{Mechanism: bmq.MechanismBasic, Data: []byte("me:secret")}, nil
	}))
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestAProgramThatIsNoBrokerDoesNotStart(t *testing.T) {
	if why := officialbroker.Missing(); why == "processes are controlled on Linux only" {
		t.Skip(why)
	}
	t.Setenv("BMQBRKR", "/no/such/program")
	require.Contains(t, officialbroker.Missing(), "BMQBRKR")
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("BMQBRKR", "false")
	require.Empty(t, officialbroker.Missing())
	_, err := officialbroker.Start(officialbroker.Config{})
	require.ErrorContains(t, err, "the official broker does not start")
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheBrokerDiesAndComesBack(t *testing.T) {
	b := officialbroker.ForTest(t, officialbroker.Config{Domains: domains})
	s, err := session(t.Context(), b.URI())
	require.NoError(t, err)
	defer s.Close()
	const q = "bmq://d.small/q"
	require.NoError(t, s.OpenQueue(t.Context(), q, bmq.WithWrite()))
	post := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := s.PostAndWait(ctx, q, []byte("x"))
		return err
	}
	require.NoError(t, post(time.Minute))
	b.Kill()
	require.NoError(t, b.Restart())
	require.NoError(t, post(time.Minute))
	require.NoError(t, b.Freeze())
	require.ErrorIs(t, post(100*time.Millisecond), context.DeadlineExceeded)
	b.Thaw()
	require.NoError(t, s.Flush(t.Context()))
	require.NoError(t, b.Terminate())
	require.NoError(t, b.Restart())
	require.NoError(t, post(time.Minute), "four messages where three may be")
	require.ErrorIs(t, post(time.Minute), bmq.ErrLimitMessages, "what it stored is there after restarts")
	require.Empty(t, b.Failed())
}

func session(ctx context.Context, uri string, opts ...bmq.Option) (*bmq.Session, error) {
	return bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, append(opts, bmq.WithBroker(uri),
		bmq.WithEngine(bmq.EnginePortable), bmq.WithLogger(slog.New(slog.DiscardHandler)))...)
}
