package bmqotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/bmq-go/bmq/messaging"
)

// OnPublish is for messaging.Config: it begins a span for each message, gives its context to
// the message, and ends it with the outcome.
func (t *Telemetry) OnPublish(ctx context.Context, m *messaging.Message) func(messaging.Receipt, error) {
	began := time.Now()
	where := destination(m)
	common := []attribute.KeyValue{
		keySystem.String(system), keyDestination.String(where), keyOperation.String("publish"), keyOperationType.String("send"),
	}
	details := []attribute.KeyValue{}
	for key, value := range map[attribute.Key]string{
		keyRoutingKey: m.Key, keyMessageID: m.MessageID, keyConversationID: m.CorrelationID,
	} {
		if value != "" {
			details = append(details, key.String(value))
		}
	}
	ctx, span := t.tracer.Start(ctx, "publish "+where,
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(common...), trace.WithAttributes(details...))
	if m.Header == nil {
		m.Header = messaging.Header{}
	}
	t.Inject(ctx, m.Header)
	return func(r messaging.Receipt, err error) {
		if err != nil {
			kind := keyErrorType.String(errorType(err))
			common = append(common, kind)
			span.SetAttributes(kind)
			span.SetStatus(codes.Error, err.Error())
		} else {
			span.SetAttributes(keyGUID.String(r.GUID.String()), keyBodySize.Int(r.Size))
		}
		span.End()
		attributes := metric.WithAttributeSet(attribute.NewSet(common...))
		t.sent.Add(ctx, 1, attributes)
		t.publish.Record(ctx, time.Since(began).Seconds(), attributes)
	}
}

// destination is where a message goes to.
func destination(m *messaging.Message) string {
	if m.Exchange != nil {
		return m.Exchange.Name()
	}
	name, _ := queueName(m.Queue)
	return name
}
