package bmqotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/bmq-go/bmq/messaging"
)

// Observe has a client's statistics observed as metrics, until stop is called: what is under
// way (messaging.blazingmq.client.in_flight), in hand (...in_hand) and waiting (...waiting),
// what was tried again (...republished, ...retried), and what came to nothing
// (...dead_lettered, ...expired, ...stale, ...dropped).
func (t *Telemetry) Observe(client *messaging.Client) (stop func() error, err error) {
	if client == nil {
		return nil, errors.New("bmqotel: there is no client to observe")
	}
	const prefix = "messaging.blazingmq.client."
	var errs []error
	var all []metric.Observable
	var values []func(metric.Observer, messaging.Stats)
	gauge := func(name, description string, value func(messaging.Stats) int) {
		g, err := t.meter.Int64ObservableUpDownCounter(prefix+name, metric.WithUnit("{message}"), metric.WithDescription(description))
		errs, all = append(errs, err), append(all, g)
		values = append(values, func(o metric.Observer, s messaging.Stats) { o.ObserveInt64(g, int64(value(s))) })
	}
	counter := func(name, description string, value func(messaging.Stats) uint64) {
		c, err := t.meter.Int64ObservableCounter(prefix+name, metric.WithUnit("{message}"), metric.WithDescription(description))
		errs, all = append(errs, err), append(all, c)
		values = append(values, func(o metric.Observer, s messaging.Stats) { o.ObserveInt64(c, int64(value(s))) })
	}
	gauge("in_flight", "Messages without an outcome.", func(s messaging.Stats) int { return s.InFlight })
	gauge("in_hand", "Deliveries that are not settled.", func(s messaging.Stats) int { return s.InHand })
	gauge("waiting", "Messages that wait to be handed out.", func(s messaging.Stats) int { return s.Waiting })
	counter("republished", "Posts after one that failed.", func(s messaging.Stats) uint64 { return s.Republished })
	counter("retried", "Deliveries that were held to be tried again.", func(s messaging.Stats) uint64 { return s.Retried })
	counter("dead_lettered", "Messages that went to a dead-letter queue.", func(s messaging.Stats) uint64 { return s.DeadLettered })
	counter("expired", "Messages that were dropped for their age.", func(s messaging.Stats) uint64 { return s.Expired })
	counter("stale", "Deliveries that were lost with their connection.", func(s messaging.Stats) uint64 { return s.Stale })
	counter("dropped", "Broadcasts that came too fast.", func(s messaging.Stats) uint64 { return s.Dropped })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	registration, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := client.Stats()
		for _, observe := range values {
			observe(o, stats)
		}
		return nil
	}, all...)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
