package bmq_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

func ignore(sessionevents.SessionEvent) {}

func TestBadSessionOptionsAreRefusedBeforeConnecting(t *testing.T) {
	for name, tc := range map[string]struct {
		opt  bmq.Option
		text string
	}{
		"no processing thread":            {bmq.WithNumProcessingThreads(0), "NumProcessingThreads"},
		"negative processing threads":     {bmq.WithNumProcessingThreads(-1), "NumProcessingThreads"},
		"no blob buffer":                  {bmq.WithBlobBufferSize(0), "BlobBufferSize"},
		"negative blob buffer":            {bmq.WithBlobBufferSize(-1), "BlobBufferSize"},
		"channel watermark of 8 MiB":      {bmq.WithChannelHighWatermark(8 << 20), "ChannelHighWatermark"},
		"low watermark equals high":       {bmq.WithEventQueueWatermarks(10, 10), "EventQueueWatermarks"},
		"negative low watermark":          {bmq.WithEventQueueWatermarks(-1, 10), "EventQueueWatermarks"},
		"stats interval not of 30 s":      {bmq.WithStatsDumpInterval(45 * time.Second), "StatsDumpInterval"},
		"stats interval of an hour":       {bmq.WithStatsDumpInterval(time.Hour), "StatsDumpInterval"},
		"negative stats interval":         {bmq.WithStatsDumpInterval(-time.Second), "StatsDumpInterval"},
		"timeout of 0":                    {bmq.WithTimeout(0), "timeout must be greater than 0, was 0s"},
		"negative timeout":                {bmq.WithTimeout(-time.Second), "timeout must be greater than 0, was -1s"},
		"negative connect timeout":        {bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: -1}), "timeout must be greater than 0"},
		"negative disconnect timeout":     {bmq.WithTimeouts(bmq.Timeouts{DisconnectTimeout: -1}), "timeout"},
		"negative open timeout":           {bmq.WithTimeouts(bmq.Timeouts{OpenQueueTimeout: -1}), "timeout"},
		"negative configure timeout":      {bmq.WithTimeouts(bmq.Timeouts{ConfigureQueueTimeout: -1}), "timeout"},
		"negative close timeout":          {bmq.WithTimeouts(bmq.Timeouts{CloseQueueTimeout: -1}), "timeout"},
		"unknown compression":             {bmq.WithMessageCompressionAlgorithm(7), "compression"},
		"negative write timeout":          {bmq.WithChannelWriteTimeout(-1), "ChannelWriteTimeout"},
		"negative outbound budget":        {bmq.WithMaxPendingBytes(-1), "MaxPendingBytes"},
		"negative inbound budget":         {bmq.WithMaxInboundBytes(-1), "MaxInboundBytes"},
		"user agent prefix too long":      {bmq.WithUserAgentPrefix(strings.Repeat("x", 97)), "UserAgentPrefix"},
		"user agent prefix not printable": {bmq.WithUserAgentPrefix("tab\t"), "UserAgentPrefix"},
		"NUL in the broker URI":           {bmq.WithBroker("tcp://localhost:30114\x00"), "NUL"},
		"unknown engine":                  {bmq.WithEngine(9), "engine"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bmq.NewSession(context.Background(), ignore, tc.opt)
			require.ErrorIs(t, err, bmq.ErrValue)
			require.NotErrorIs(t, err, bmq.ErrBMQ)
			require.ErrorContains(t, err, tc.text)
		})
	}
}

func TestAllBadOptionsAreReportedTogether(t *testing.T) {
	_, err := bmq.NewSession(context.Background(), nil, bmq.WithNumProcessingThreads(0), bmq.WithBlobBufferSize(0))
	require.ErrorIs(t, err, bmq.ErrType)
	require.ErrorIs(t, err, bmq.ErrValue)
	require.ErrorContains(t, err, "onSessionEvent")
	require.ErrorContains(t, err, "NumProcessingThreads")
	require.ErrorContains(t, err, "BlobBufferSize")
}

func TestWhatIsPulledCanNotBeBorrowed(t *testing.T) {
	_, err := bmq.NewSession(context.Background(), ignore, bmq.WithPull(), bmq.WithBorrowedPayloads())
	require.ErrorIs(t, err, bmq.ErrValue)
	require.ErrorContains(t, err, "WithBorrowedPayloads")
}

func TestBadBrokerURIsAreInvalidArgument(t *testing.T) {
	for _, uri := range []string{"garbage", "localhost:30114", "tcp://localhost", "tcp://:30114", "tcp://localhost:0", "tcp://localhost:65536", "tcp://localhost:x", "http://localhost:80"} {
		_, err := bmq.NewSession(context.Background(), ignore, bmq.WithBroker(uri))
		require.ErrorIs(t, err, bmq.ErrInvalidArgument, uri)
		require.ErrorIs(t, err, bmq.ErrBMQ)
		require.ErrorContains(t, err, "Failed to start session: INVALID_ARGUMENT")
		require.ErrorContains(t, err, "tcp://host:port")
	}
}

func TestAStartThatItsContextEndsSaysWhyInOneLine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := bmq.NewSession(ctx, ignore, bmq.WithBroker("tcp://127.0.0.1:1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Regexp(t, `^Failed to start session: context deadline exceeded: .*127\.0\.0\.1:1.*$`, err.Error())
	require.NotContains(t, err.Error(), "\n")
}

func TestURIsThatCanNotBeReadAreToldOnce(t *testing.T) {
	_, err := bmq.ParseURI("nonsense")
	require.ErrorIs(t, err, bmq.ErrInvalidURI)
	require.EqualError(t, err, `queue URI "nonsense": it does not start with bmq:// (the form is bmq://domain[.~tier]/queue[?id=appId])`)
}

func TestABrokerURIMayEndWithASlash(t *testing.T) {
	b := bmqtest.Start(t)
	s, err := bmq.NewSession(t.Context(), ignore, bmq.WithBroker(b.URI()+"/"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = bmq.NewSession(t.Context(), ignore, bmq.WithBroker(b.URI()+"/x"))
	require.ErrorIs(t, err, bmq.ErrInvalidArgument)
}

func TestBrokerURIOfTheEnvironmentWins(t *testing.T) {
	t.Setenv("BMQ_BROKER_URI", "nonsense")
	_, err := bmq.NewSession(context.Background(), ignore, bmq.WithBroker("tcp://127.0.0.1:1"))
	require.ErrorIs(t, err, bmq.ErrInvalidArgument)
	require.ErrorContains(t, err, "nonsense")
}

func TestEngineOfTheEnvironment(t *testing.T) {
	t.Setenv("BMQ_ENGINE", "turbo")
	_, err := bmq.NewSession(context.Background(), ignore)
	require.ErrorIs(t, err, bmq.ErrValue)
	require.ErrorContains(t, err, "auto, native or portable")
}

func TestOptionStructsCompareByValue(t *testing.T) {
	require.Equal(t, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(1)}, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(1)})
	require.True(t, bmq.QueueOptions{ConsumerPriority: bmq.Some(0)} != bmq.QueueOptions{})
	var one, other bmq.SessionOptions
	require.True(t, one == other)
	require.True(t, bmq.SessionOptions{NumProcessingThreads: bmq.Some(1)} != bmq.SessionOptions{})
	require.True(t, one.Timeouts == other.Timeouts)
}

func TestOptionStructsShowWhatIsSet(t *testing.T) {
	require.Equal(t, "QueueOptions()", bmq.QueueOptions{}.String())
	require.Equal(t, "QueueOptions(max_unconfirmed_messages=1)", bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(1)}.String())
	require.Equal(t, "QueueOptions(max_unconfirmed_messages=0, max_unconfirmed_bytes=0)", bmq.Paused().String())
	require.Equal(t, "Timeouts()", bmq.Timeouts{}.String())
	require.Equal(t, "Timeouts(connect_timeout=1s, close_queue_timeout=2s)",
		bmq.Timeouts{ConnectTimeout: time.Second, CloseQueueTimeout: 2 * time.Second}.String())
	require.Equal(t, "SessionOptions()", bmq.SessionOptions{}.String())
	require.Equal(t, "SessionOptions(message_compression_algorithm=ZLIB, host_health_monitor=BasicHealthMonitor(), event_queue_watermarks={1 2})",
		bmq.SessionOptions{
			MessageCompressionAlgorithm: bmq.CompressionZLIB, HostHealthMonitor: bmq.NewBasicHealthMonitor(),
			EventQueueWatermarks: bmq.Some(bmq.Watermarks{Low: 1, High: 2}),
		}.String())
}

func TestOptional(t *testing.T) {
	var none bmq.Optional[int]
	_, ok := none.Get()
	require.False(t, ok)
	require.False(t, none.IsSet())
	require.Equal(t, 7, none.Or(7))
	require.Equal(t, "None", none.String())
	zero := bmq.Some(0)
	v, ok := zero.Get()
	require.True(t, ok)
	require.Zero(t, v)
	require.Zero(t, zero.Or(7))
	require.Equal(t, "0", zero.String())
}

func TestQueueURIs(t *testing.T) {
	u, err := bmq.ParseURI("bmq://my.domain.~tier1/queue-1?id=app")
	require.NoError(t, err)
	require.Equal(t, bmq.URI{Domain: "my.domain", Tier: "tier1", Queue: "queue-1", AppID: "app"}, u)
	require.Equal(t, "bmq://my.domain.~tier1/queue-1?id=app", u.String())
	require.Equal(t, "bmq://my.domain.~tier1/queue-1", u.Canonical())
	_, err = bmq.ParseURI("bmq://domain")
	require.ErrorIs(t, err, bmq.ErrInvalidURI)
	require.ErrorIs(t, err, bmq.ErrBMQ)
}

func TestMessageGUIDs(t *testing.T) {
	g := bmq.MessageGUID{0xab, 1}
	require.Equal(t, "AB010000000000000000000000000000", g.String())
	back, err := bmq.ParseMessageGUID(strings.ToLower(g.String()))
	require.NoError(t, err)
	require.Equal(t, g, back)
	require.False(t, g.IsZero())
	require.True(t, bmq.MessageGUID{}.IsZero())
	_, err = bmq.ParseMessageGUID("AB")
	require.ErrorIs(t, err, bmq.ErrInvalidGUID)
}

func TestSubscriptionsAreCheckedHere(t *testing.T) {
	s, _ := start(t)
	beyond := math.MaxInt32
	beyond++ // negative where int has 32 bits
	for name, sub := range map[string]bmq.Subscription{
		"syntax":            {Expression: "x >"},
		"too complex":       {Expression: "a==1 && b==2 && c==3 && d==4"},
		"too long":          {Expression: "x == 1" + strings.Repeat(" ", 128)},
		"no property":       {Expression: "1 == 1"},
		"negative limit":    {MaxUnconfirmedMessages: bmq.Some(-1)},
		"priority too high": {ConsumerPriority: bmq.Some(math.MaxInt32)},
		"beyond 32 bits":    {MaxUnconfirmedBytes: bmq.Some(beyond)},
	} {
		err := s.OpenQueue(t.Context(), "bmq://bmq.test.mem.priority/q", bmq.WithRead(), bmq.WithSubscriptions(sub))
		require.ErrorIs(t, err, bmq.ErrValue, name)
	}
}

func TestAHealthMonitorTakesNoObserverForNothing(t *testing.T) {
	m := bmq.NewBasicHealthMonitor()
	cancel := m.Observe(nil)
	m.SetUnhealthy()
	cancel()
	require.Equal(t, bmq.HostUnhealthy, m.State())
}
