package bmqotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/messaging"
)

const scope = "github.com/bmq-go/bmq/plugin/otel"

// The keys of attributes, those of OpenTelemetry's conventions for messaging.
const (
	keySystem         = attribute.Key("messaging.system")
	keyDestination    = attribute.Key("messaging.destination.name")
	keyOperation      = attribute.Key("messaging.operation.name")
	keyOperationType  = attribute.Key("messaging.operation.type")
	keyConsumerGroup  = attribute.Key("messaging.consumer.group.name")
	keyMessageID      = attribute.Key("messaging.message.id")
	keyConversationID = attribute.Key("messaging.message.conversation_id")
	keyBodySize       = attribute.Key("messaging.message.body.size")
	keyRoutingKey     = attribute.Key("messaging.blazingmq.routing_key")
	keyGUID           = attribute.Key("messaging.blazingmq.message.guid")
	keyAttempt        = attribute.Key("messaging.blazingmq.message.attempt")
	keyErrorType      = attribute.Key("error.type")
)

const system = "blazingmq"

// Option is an option of New. One that is nil, or is given nil, changes nothing.
type Option func(*Telemetry)

// WithTracerProvider sets where spans go. Default otel.GetTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(t *Telemetry) {
		if p != nil {
			t.traces = p
		}
	}
}

// WithMeterProvider sets where metrics go. Default otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(t *Telemetry) {
		if p != nil {
			t.meters = p
		}
	}
}

// WithPropagator sets how trace context travels. Default otel.GetTextMapPropagator.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(t *Telemetry) {
		if p != nil {
			t.propagator = p
		}
	}
}

// WithLinks links the span of handling a message to that of publishing it, in place of making
// it a child: each handling is a trace of its own then.
func WithLinks() Option { return func(t *Telemetry) { t.links = true } }

// Telemetry has the hooks for clients and handlers. It may be used by any number of them.
type Telemetry struct {
	traces     trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator
	links      bool

	tracer           trace.Tracer
	meter            metric.Meter
	sent, consumed   metric.Int64Counter
	publish, process metric.Float64Histogram
}

// New makes the hooks. The error is that of a meter provider that refuses an instrument.
func New(opts ...Option) (*Telemetry, error) {
	t := &Telemetry{traces: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), propagator: otel.GetTextMapPropagator()}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	version := bmq.Version
	t.tracer = t.traces.Tracer(scope, trace.WithInstrumentationVersion(version))
	t.meter = t.meters.Meter(scope, metric.WithInstrumentationVersion(version))
	var errs [4]error
	t.sent, errs[0] = t.meter.Int64Counter("messaging.client.sent.messages",
		metric.WithUnit("{message}"), metric.WithDescription("Messages that were published."))
	t.consumed, errs[1] = t.meter.Int64Counter("messaging.client.consumed.messages",
		metric.WithUnit("{message}"), metric.WithDescription("Deliveries that were handled."))
	t.publish, errs[2] = t.meter.Float64Histogram("messaging.client.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("Time until the outcome of a publish was known."), buckets)
	t.process, errs[3] = t.meter.Float64Histogram("messaging.process.duration",
		metric.WithUnit("s"), metric.WithDescription("Time that handlers took."), buckets)
	return t, errors.Join(errs[:]...)
}

// buckets are those of the conventions.
var buckets = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

// errorType is what kind of error one is, for metrics: of few kinds.
func errorType(err error) string {
	var panicked *messaging.PanicError
	for _, kind := range []struct {
		is   bool
		name string
	}{
		{errors.As(err, &panicked), "panic"},
		{errors.Is(err, messaging.ErrOutcomeUnknown), "outcome_unknown"},
		{errors.Is(err, messaging.ErrNotStored), "not_stored"},
		{errors.Is(err, messaging.ErrDecode), "decode"},
		{errors.Is(err, context.DeadlineExceeded), "timeout"},
		{errors.Is(err, context.Canceled), "canceled"},
	} {
		if kind.is {
			return kind.name
		}
	}
	return "_OTHER"
}
