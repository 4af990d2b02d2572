package bmqotel_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
	bmqotel "github.com/bmq-go/bmq/plugin/otel"
	"github.com/bmq-go/bmq/sessionevents"
)

const (
	orders  = "bmq://bmq.test.mem.priority/orders"
	newsFoo = "bmq://bmq.test.mem.fanout/news?id=foo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup is a broker, a client with telemetry, and what that recorded.
type setup struct {
	t         *testing.T
	broker    *bmqtest.Broker
	telemetry *bmqotel.Telemetry
	client    *messaging.Client
	spans     *tracetest.InMemoryExporter
	metrics   *metric.ManualReader
}

func newSetup(t *testing.T, opts ...bmqotel.Option) *setup {
	t.Helper()
	s := &setup{t: t, broker: bmqtest.Start(t), spans: tracetest.NewInMemoryExporter(), metrics: metric.NewManualReader()}
	traces := trace.NewTracerProvider(trace.WithSyncer(s.spans))
	meters := metric.NewMeterProvider(metric.WithReader(s.metrics))
	var err error
	s.telemetry, err = bmqotel.New(append([]bmqotel.Option{
		bmqotel.WithTracerProvider(traces), bmqotel.WithMeterProvider(meters), bmqotel.WithPropagator(propagation.TraceContext{}),
	}, opts...)...)
	require.NoError(t, err)
	s.client, err = messaging.Dial(t.Context(), messaging.Config{
		Brokers: []string{s.broker.URI()}, Logger: slog.New(slog.DiscardHandler),
		OnPublish: s.telemetry.OnPublish, Options: []bmq.Option{bmq.WithTracer(s.telemetry.Tracer())},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

func (s *setup) publish(queue string, body any) (messaging.Receipt, error) {
	s.t.Helper()
	p, err := s.client.NewProducer(s.t.Context(), messaging.ProducerConfig{})
	require.NoError(s.t, err)
	return p.Publish(s.t.Context(), &messaging.Message{Queue: queue, Body: body, Key: "k", CorrelationID: "c"})
}

// handle handles one message.
func (s *setup) handle(queue string, h messaging.Handler) {
	s.t.Helper()
	k, err := s.client.NewConsumer(s.t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: queue}}})
	require.NoError(s.t, err)
	require.NoError(s.t, k.RunUntil(s.t.Context(), messaging.Until{Limit: 1}, messaging.Chain(h, s.telemetry.Middleware())))
}

// span returns the span of a name; there has to be one.
func (s *setup) span(name string) tracetest.SpanStub {
	s.t.Helper()
	var found []tracetest.SpanStub
	for _, span := range s.spans.GetSpans() {
		if span.Name == name {
			found = append(found, span)
		}
	}
	require.Len(s.t, found, 1, name)
	return found[0]
}

func attributes(list []attribute.KeyValue) map[string]any {
	m := make(map[string]any)
	for _, a := range list {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

// counted returns the data points of an integer metric, by their attributes.
func (s *setup) counted(name string) map[attribute.Set]int64 {
	s.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(s.t, s.metrics.Collect(s.t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			points := make(map[attribute.Set]int64)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points[p.Attributes] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points[p.Attributes] = int64(p.Count)
				}
			}
			return points
		}
	}
	require.Fail(s.t, "there is no metric", name)
	return nil
}

func TestATraceGoesThroughTheQueue(t *testing.T) {
	s := newSetup(t)
	r, err := s.publish(orders, "hello")
	require.NoError(t, err)
	var inside api.SpanContext
	s.handle(orders, func(ctx context.Context, d *messaging.Delivery) error {
		inside = api.SpanContextFromContext(ctx)
		require.Contains(t, d.Header(), "traceparent")
		return nil
	})

	published, processed := s.span("publish "+orders), s.span("process "+orders)
	require.Equal(t, api.SpanKindProducer, published.SpanKind)
	require.Equal(t, api.SpanKindConsumer, processed.SpanKind)
	require.Equal(t, published.SpanContext.TraceID(), processed.SpanContext.TraceID())
	require.Equal(t, published.SpanContext.SpanID(), processed.Parent.SpanID())
	require.True(t, processed.Parent.IsRemote())
	require.Equal(t, processed.SpanContext.SpanID(), inside.SpanID(), "the handler's context has the span")
	require.Equal(t, map[string]any{
		"messaging.system": "blazingmq", "messaging.destination.name": orders, "messaging.operation.name": "publish",
		"messaging.operation.type": "send", "messaging.blazingmq.routing_key": "k", "messaging.message.conversation_id": "c",
		"messaging.blazingmq.message.guid": r.GUID.String(), "messaging.message.body.size": int64(5),
	}, attributes(published.Attributes))
	require.Equal(t, map[string]any{
		"messaging.system": "blazingmq", "messaging.destination.name": orders, "messaging.operation.name": "process",
		"messaging.operation.type": "process", "messaging.blazingmq.routing_key": "k", "messaging.message.conversation_id": "c",
		"messaging.blazingmq.message.guid": r.GUID.String(), "messaging.message.body.size": int64(5),
		"messaging.blazingmq.message.attempt": int64(1),
	}, attributes(processed.Attributes))
	require.Equal(t, map[string]any{"messaging.system": "blazingmq"}, attributes(s.span("bmq.session.start").Attributes))
}

func TestWithLinksAHandlingIsATraceOfItsOwn(t *testing.T) {
	s := newSetup(t, bmqotel.WithLinks())
	k, err := s.client.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: newsFoo}}})
	require.NoError(t, err)
	require.NoError(t, k.Close(t.Context()))
	_, err = s.publish("bmq://bmq.test.mem.fanout/news", "hello")
	require.NoError(t, err)
	s.handle(newsFoo, func(context.Context, *messaging.Delivery) error { return nil })
	published, processed := s.span("publish bmq://bmq.test.mem.fanout/news"), s.span("process bmq://bmq.test.mem.fanout/news")
	require.NotEqual(t, published.SpanContext.TraceID(), processed.SpanContext.TraceID())
	require.Len(t, processed.Links, 1)
	require.Equal(t, published.SpanContext.SpanID(), processed.Links[0].SpanContext.SpanID())
	require.Equal(t, "foo", attributes(processed.Attributes)["messaging.consumer.group.name"])
}

func TestFailuresAreTold(t *testing.T) {
	s := newSetup(t)
	s.broker.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Times: 1})
	_, err := s.publish(orders, "lost")
	require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
	published := s.span("publish " + orders)
	require.Equal(t, codes.Error, published.Status.Code)
	require.Equal(t, "outcome_unknown", attributes(published.Attributes)["error.type"])

	for what, h := range map[string]messaging.Handler{
		"_OTHER":  func(context.Context, *messaging.Delivery) error { return errors.New("no") },
		"panic":   func(context.Context, *messaging.Delivery) error { panic("no") },
		"decode":  messaging.Handle(func(context.Context, int, *messaging.Delivery) error { return nil }),
		"timeout": func(context.Context, *messaging.Delivery) error { return context.DeadlineExceeded },
	} {
		s.spans.Reset()
		queue := orders + "-" + what
		_, err := s.publish(queue, "x")
		require.NoError(t, err)
		s.handle(queue, h)
		processed := s.span("process " + queue)
		require.Equal(t, codes.Error, processed.Status.Code)
		require.Equal(t, what, attributes(processed.Attributes)["error.type"])
	}
}

func TestMetricsCountMessages(t *testing.T) {
	s := newSetup(t)
	stop, err := s.telemetry.Observe(s.client)
	require.NoError(t, err)
	defer func() { require.NoError(t, stop()) }()
	for range 3 {
		_, err := s.publish(orders, "x")
		require.NoError(t, err)
	}
	s.handle(orders, func(context.Context, *messaging.Delivery) error { return nil })
	set := func(operation, typ string) attribute.Set {
		return attribute.NewSet(attribute.String("messaging.system", "blazingmq"), attribute.String("messaging.destination.name", orders),
			attribute.String("messaging.operation.name", operation), attribute.String("messaging.operation.type", typ))
	}
	for _, name := range []string{"messaging.client.sent.messages", "messaging.client.operation.duration"} {
		require.Equal(t, map[attribute.Set]int64{set("publish", "send"): 3}, s.counted(name))
	}
	for _, name := range []string{"messaging.client.consumed.messages", "messaging.process.duration"} {
		require.Equal(t, map[attribute.Set]int64{set("process", "process"): 1}, s.counted(name))
	}
	k, err := s.client.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
	require.NoError(t, err)
	_, err = k.Fetch(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[attribute.Set]int64{attribute.NewSet(): 1}, s.counted("messaging.blazingmq.client.in_hand"))
	require.Equal(t, map[attribute.Set]int64{attribute.NewSet(): 0}, s.counted("messaging.blazingmq.client.dead_lettered"))
}

func TestQueuesForTheMomentHaveOneName(t *testing.T) {
	s := newSetup(t)
	for range 2 {
		_, err := s.publish(messaging.TempQueue("bmq.test.mem.priority").URI, "x")
		require.NoError(t, err)
	}
	require.Len(t, s.counted("messaging.client.sent.messages"), 1)
}

func TestPlainSessionsHaveTraceContextToo(t *testing.T) {
	s := newSetup(t)
	received := make(chan *bmq.Message, 1)
	session, err := bmq.NewSession(t.Context(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(s.broker.URI()),
		bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { received <- m }))
	require.NoError(t, err)
	defer session.Close()
	require.NoError(t, session.OpenQueue(t.Context(), orders, bmq.WithRead(), bmq.WithWrite()))
	traces := trace.NewTracerProvider()
	ctx, span := traces.Tracer("test").Start(t.Context(), "work")
	defer span.End()
	properties := bmq.PropertyValueDict{"n": 1}
	s.telemetry.Inject(ctx, properties)
	require.NoError(t, session.Post(ctx, orders, []byte("x"), bmq.WithProperties(properties)))
	m := <-received
	got := api.SpanContextFromContext(s.telemetry.Extract(t.Context(), m))
	require.Equal(t, span.SpanContext().SpanID(), got.SpanID())
	require.True(t, got.IsRemote())
	carrier := bmqotel.Carrier(m.Properties())
	require.Equal(t, []string{"n", "traceparent"}, carrier.Keys())
	require.Empty(t, carrier.Get("n"), "it is no string")
}

func TestWhatIsNilChangesNothing(t *testing.T) {
	s := newSetup(t, nil, bmqotel.WithTracerProvider(nil), bmqotel.WithMeterProvider(nil), bmqotel.WithPropagator(nil))
	_, err := s.publish(orders, "hello")
	require.NoError(t, err)
	sent := s.span("publish " + orders)
	ctx := api.ContextWithSpanContext(t.Context(), sent.SpanContext)
	s.telemetry.Inject(ctx, nil)
	require.Equal(t, ctx, s.telemetry.Extract(ctx, nil))
	m := messaging.Message{Queue: orders}
	s.telemetry.OnPublish(ctx, &m)(messaging.Receipt{}, nil)
	require.Contains(t, m.Header, "traceparent")
	_, err = s.telemetry.Observe(nil)
	require.ErrorContains(t, err, "no client")
}
