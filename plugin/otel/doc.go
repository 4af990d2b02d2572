// Package bmqotel connects bmq with OpenTelemetry: trace context in message properties, spans
// for publishing, handling and what a session asks its broker for, and metrics.
//
//	telemetry, err := bmqotel.New()
//	…
//	client, err := messaging.Dial(ctx, messaging.Config{
//		OnPublish: telemetry.OnPublish,
//		Options:   []bmq.Option{bmq.WithTracer(telemetry.Tracer())},
//	})
//	…
//	stop, err := telemetry.Observe(client)
//	…
//	router := client.NewRouter(messaging.ConsumerConfig{})
//	router.Use(telemetry.Middleware())
//
// A span "publish QUEUE" tells of a message until its outcome is known; its context travels in
// the message's properties, for W3C trace context "traceparent" and "tracestate". A span
// "process QUEUE" of each time that it is handled is its child, wherever that happens.
// Attributes and metrics have the names of OpenTelemetry's conventions for messaging:
//
//	messaging.client.sent.messages       published messages, with error.type where they failed
//	messaging.client.operation.duration  seconds until the outcome of a publish was known
//	messaging.client.consumed.messages   deliveries that were handled
//	messaging.process.duration           seconds that handlers took
//
// Those who use plain sessions have [Telemetry.Inject] and [Telemetry.Extract].
package bmqotel
