package bmqprometheus_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
	bmqprometheus "github.com/bmq-go/bmq/plugin/prometheus"
	"github.com/bmq-go/bmq/sessionevents"
)

const orders = "bmq://bmq.test.mem.priority/orders"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type setup struct {
	t        *testing.T
	broker   *bmqtest.Broker
	registry *prometheus.Registry
	metrics  *bmqprometheus.Metrics
	client   *messaging.Client
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	s := &setup{t: t, broker: bmqtest.Start(t), registry: prometheus.NewPedanticRegistry()}
	var err error
	s.metrics, err = bmqprometheus.New(s.registry)
	require.NoError(t, err)
	s.client, err = messaging.Dial(t.Context(), messaging.Config{
		Brokers: []string{s.broker.URI()}, Logger: slog.New(slog.DiscardHandler), OnPublish: s.metrics.OnPublish,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

func (s *setup) publish(queue string) error {
	s.t.Helper()
	p, err := s.client.NewProducer(s.t.Context(), messaging.ProducerConfig{})
	require.NoError(s.t, err)
	_, err = p.Publish(s.t.Context(), &messaging.Message{Queue: queue, Body: "x"})
	return err
}

// has checks the values of metrics.
func (s *setup) has(text string, names ...string) {
	s.t.Helper()
	require.NoError(s.t, testutil.GatherAndCompare(s.registry, strings.NewReader(text), names...))
}

func TestOutcomesOfPublishingAreCounted(t *testing.T) {
	s := newSetup(t)
	for range 2 {
		require.NoError(t, s.publish(orders))
		require.NoError(t, s.publish(messaging.TempQueue("bmq.test.mem.priority").URI))
	}
	s.broker.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Times: 1})
	require.ErrorIs(t, s.publish(orders), messaging.ErrOutcomeUnknown)
	require.ErrorIs(t, s.publish("bmq://no.such.domain/q"), messaging.ErrNotStored)
	s.has(`
# HELP bmq_published_total Messages that were published, by outcome.
# TYPE bmq_published_total counter
bmq_published_total{outcome="not_stored",queue="bmq://no.such.domain/q"} 1
bmq_published_total{outcome="stored",queue="bmq://bmq.test.mem.priority/orders"} 2
bmq_published_total{outcome="stored",queue="bmq://bmq.test.mem.priority/tmp"} 2
bmq_published_total{outcome="unknown",queue="bmq://bmq.test.mem.priority/orders"} 1
`, "bmq_published_total")
	n, err := testutil.GatherAndCount(s.registry, "bmq_publish_duration_seconds")
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, err = bmqprometheus.New(s.registry)
	require.Error(t, err, "they are registered already")
}

func TestResultsOfHandlersAreCounted(t *testing.T) {
	s := newSetup(t)
	news := "bmq://bmq.test.mem.fanout/news?id=foo"
	k, err := s.client.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}, {URI: news}}})
	require.NoError(t, err)
	for _, queue := range []string{orders, orders, orders, "bmq://bmq.test.mem.fanout/news"} {
		require.NoError(t, s.publish(queue))
	}
	n := 0
	h := func(_ context.Context, d *messaging.Delivery) error {
		if d.Queue() == news {
			return nil
		}
		switch n++; n {
		case 1:
			panic("no")
		case 2:
			return errors.New("no")
		}
		return nil
	}
	require.NoError(t, k.RunUntil(t.Context(), messaging.Until{Limit: 4}, messaging.Chain(h, s.metrics.Middleware())))
	s.has(`
# HELP bmq_handled_total Deliveries that were handled, by result.
# TYPE bmq_handled_total counter
bmq_handled_total{app="",queue="bmq://bmq.test.mem.priority/orders",result="error"} 1
bmq_handled_total{app="",queue="bmq://bmq.test.mem.priority/orders",result="ok"} 1
bmq_handled_total{app="",queue="bmq://bmq.test.mem.priority/orders",result="panic"} 1
bmq_handled_total{app="foo",queue="bmq://bmq.test.mem.fanout/news",result="ok"} 1
`, "bmq_handled_total")
	count, err := testutil.GatherAndCount(s.registry, "bmq_handle_duration_seconds")
	require.NoError(t, err)
	require.Equal(t, 2, count)
}

func TestAClientIsCollected(t *testing.T) {
	s := newSetup(t)
	require.NoError(t, s.registry.Register(bmqprometheus.NewClientCollector(s.client, prometheus.Labels{"client": "a"})))
	require.NoError(t, s.publish(orders))
	k, err := s.client.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
	require.NoError(t, err)
	_, err = k.Fetch(t.Context())
	require.NoError(t, err)
	s.has(`
# HELP bmq_client_connected Whether there is a connection to the broker.
# TYPE bmq_client_connected gauge
bmq_client_connected{client="a"} 1
# HELP bmq_client_in_hand Deliveries that are not settled.
# TYPE bmq_client_in_hand gauge
bmq_client_in_hand{client="a"} 1
`, "bmq_client_connected", "bmq_client_in_hand")
	n, err := testutil.GatherAndCount(s.registry, "bmq_client_messages_total")
	require.NoError(t, err)
	require.Equal(t, 16, n)
}

func TestASessionIsCollected(t *testing.T) {
	s := newSetup(t)
	session, err := bmq.NewSession(t.Context(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(s.broker.URI()))
	require.NoError(t, err)
	defer session.Close()
	require.NoError(t, s.registry.Register(bmqprometheus.NewSessionCollector(session, nil)))
	require.NoError(t, session.OpenQueue(t.Context(), orders, bmq.WithWrite()))
	_, err = session.PostAndWait(t.Context(), orders, []byte("x"))
	require.NoError(t, err)
	s.has(`
# HELP bmq_session_messages_total Messages by what became of them.
# TYPE bmq_session_messages_total counter
bmq_session_messages_total{what="answered"} 1
bmq_session_messages_total{what="confirmed"} 0
bmq_session_messages_total{what="nacked"} 0
bmq_session_messages_total{what="posted"} 1
bmq_session_messages_total{what="received"} 0
bmq_session_messages_total{what="retransmitted"} 0
# HELP bmq_session_open_queues Queues that are open.
# TYPE bmq_session_open_queues gauge
bmq_session_open_queues 1
`, "bmq_session_messages_total", "bmq_session_open_queues")
}

func TestOfNothingThereIsNothingToCollect(t *testing.T) {
	_, err := bmqprometheus.New(nil)
	require.ErrorContains(t, err, "no registerer")
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(bmqprometheus.NewClientCollector(nil, nil)))
	require.NoError(t, reg.Register(bmqprometheus.NewSessionCollector(nil, nil)))
	all, err := reg.Gather()
	require.NoError(t, err)
	require.Empty(t, all)
}
