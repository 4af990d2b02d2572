package bmqotel

import (
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/otel/propagation"

	"github.com/bmq-go/bmq"
)

// Carrier has trace context travel in the properties of a message. It may have any map of
// properties; those of received messages are for reading.
type Carrier bmq.PropertyValueDict

var _ propagation.TextMapCarrier = Carrier{}

// Get returns a property that is a string, else "".
func (c Carrier) Get(key string) string {
	s, _ := bmq.PropertyValueDict(c).Str(key)
	return s
}

// Set sets a property, unless its value can't be one: that of a header is not empty. A nil
// carrier takes none.
func (c Carrier) Set(key, value string) {
	if value != "" && c != nil {
		c[key] = value
	}
}

// Keys returns the names of the properties, sorted.
func (c Carrier) Keys() []string { return slices.Sorted(maps.Keys(c)) }

// Inject puts the trace context of ctx into properties, for those who post by a plain
// session. A nil map can't take it.
func (t *Telemetry) Inject(ctx context.Context, properties bmq.PropertyValueDict) {
	t.propagator.Inject(ctx, Carrier(properties))
}

// Extract returns ctx with the trace context of a received message, for those who have a plain
// session. There is none in a nil message.
func (t *Telemetry) Extract(ctx context.Context, m *bmq.Message) context.Context {
	if m == nil {
		return ctx
	}
	return t.propagator.Extract(ctx, Carrier(m.Properties()))
}
