package bmq

import "context"

// Tracer is told of the operations of a session that wait for the broker. Adapters to
// tracing systems implement it.
type Tracer interface {
	// StartSpan begins a span. name is one of "bmq.session.start", "bmq.session.stop",
	// "bmq.queue.open", "bmq.queue.configure" and "bmq.queue.close"; queueURI is empty
	// for those of the session. The context that it returns is used for the operation;
	// nil stands for ctx, and a Span that is nil for one that does nothing.
	// It is called on the goroutine that called the session.
	StartSpan(ctx context.Context, name, queueURI string) (context.Context, Span)
}

// Span is an operation under way.
type Span interface {
	// End says that the operation is over; err is what it returned.
	End(err error)
}

// WithTracer sets what is told of the session's operations. Default none.
func WithTracer(t Tracer) Option { return sessionOption(func(c *config) { c.tracer = t }) }

// The names of spans, upstream's.
const (
	spanStart     = "bmq.session.start"
	spanStop      = "bmq.session.stop"
	spanOpen      = "bmq.queue.open"
	spanConfigure = "bmq.queue.configure"
	spanClose     = "bmq.queue.close"
)

type noSpan struct{}

func (noSpan) End(error) {}

// span begins a span if there is a tracer.
func span(ctx context.Context, t Tracer, name, uri string) (context.Context, Span) {
	if t == nil {
		return ctx, noSpan{}
	}
	inner, s := t.StartSpan(ctx, name, uri)
	if inner == nil {
		inner = ctx
	}
	if s == nil {
		s = noSpan{}
	}
	return inner, s
}
