package bmqotel

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/bmq-go/bmq"
)

// Tracer is for bmq.WithTracer: it has a span for each operation of a session that waits for
// the broker, such as "bmq.queue.open".
func (t *Telemetry) Tracer() bmq.Tracer { return tracer{t} }

type tracer struct{ t *Telemetry }

// StartSpan implements bmq.Tracer.
func (t tracer) StartSpan(ctx context.Context, name, queueURI string) (context.Context, bmq.Span) {
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(keySystem.String(system))}
	if queueURI != "" {
		queue, app := queueName(queueURI)
		options = append(options, trace.WithAttributes(keyDestination.String(queue)))
		if app != "" {
			options = append(options, trace.WithAttributes(keyConsumerGroup.String(app)))
		}
	}
	ctx, s := t.t.tracer.Start(ctx, name, options...)
	return ctx, span{s}
}

type span struct{ trace.Span }

// End implements bmq.Span.
func (s span) End(err error) {
	if err != nil {
		s.SetStatus(codes.Error, err.Error())
	}
	s.Span.End()
}
