package bmqotel

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/messaging"
)

// Middleware has a span for each time that a message is handled. Whatever is to be part of it
// goes inside, so it is best the outermost.
func (t *Telemetry) Middleware() messaging.Middleware {
	return func(next messaging.Handler) messaging.Handler {
		return func(ctx context.Context, d *messaging.Delivery) error { return t.handle(ctx, d, next) }
	}
}

func (t *Telemetry) handle(ctx context.Context, d *messaging.Delivery, next messaging.Handler) (err error) {
	began := time.Now()
	where, app := queueName(d.Queue())
	common := []attribute.KeyValue{
		keySystem.String(system), keyDestination.String(where), keyOperation.String("process"), keyOperationType.String("process"),
	}
	if app != "" {
		common = append(common, keyConsumerGroup.String(app))
	}
	ctx, span := t.begin(ctx, d, "process "+where, common)
	ended := false
	defer func() { // also if the handler panics
		kind := "panic"
		if ended {
			kind = errorType(err)
		}
		if !ended || err != nil {
			common = append(common, keyErrorType.String(kind))
			span.SetAttributes(keyErrorType.String(kind))
			span.SetStatus(codes.Error, description(err))
		}
		span.End()
		attributes := metric.WithAttributeSet(attribute.NewSet(common...))
		t.consumed.Add(ctx, 1, attributes)
		t.process.Record(ctx, time.Since(began).Seconds(), attributes)
	}()
	err = next(ctx, d)
	ended = true
	return err
}

// begin begins the span of handling a message.
func (t *Telemetry) begin(ctx context.Context, d *messaging.Delivery, name string, common []attribute.KeyValue) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(common...),
		trace.WithAttributes(keyGUID.String(d.GUID().String()), keyAttempt.Int(d.Attempt()), keyBodySize.Int(len(d.Data()))),
	}
	for key, value := range map[attribute.Key]string{
		keyRoutingKey: d.Key(), keyMessageID: d.MessageID(), keyConversationID: d.CorrelationID(),
	} {
		if value != "" {
			options = append(options, trace.WithAttributes(key.String(value)))
		}
	}
	sent := t.Extract(ctx, d.Message())
	if !t.links {
		return t.tracer.Start(sent, name, options...)
	}
	if remote := trace.SpanContextFromContext(sent); remote.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: remote}))
	}
	return t.tracer.Start(ctx, name, options...)
}

func description(err error) string {
	if err == nil {
		return "the handler panicked"
	}
	return err.Error()
}

// queueName is the name of a queue for spans and metrics, without its application: of which
// there are few, so queues that are made for the moment are all called "tmp".
func queueName(uri string) (name, app string) {
	u, err := bmq.ParseURI(uri)
	if err != nil {
		return uri, "" // a name in a topology
	}
	if strings.HasPrefix(u.Queue, "tmp-") {
		u.Queue = "tmp"
	}
	return u.Canonical(), u.AppID
}
