package bmqprometheus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/messaging"
)

// Metrics has the hooks for clients and handlers. It may be used by any number of them.
type Metrics struct {
	published      *prometheus.CounterVec
	publishSeconds *prometheus.HistogramVec
	handled        *prometheus.CounterVec
	handleSeconds  *prometheus.HistogramVec
}

// New makes the metrics and registers them. They can be registered once with a registerer.
func New(reg prometheus.Registerer) (*Metrics, error) {
	if reg == nil {
		return nil, errors.New("bmqprometheus: there is no registerer")
	}
	m := &Metrics{
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bmq_published_total", Help: "Messages that were published, by outcome.",
		}, []string{"queue", "outcome"}),
		publishSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bmq_publish_duration_seconds", Help: "Time until the outcome of a publish was known.", Buckets: buckets,
		}, []string{"queue"}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bmq_handled_total", Help: "Deliveries that were handled, by result.",
		}, []string{"queue", "app", "result"}),
		handleSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bmq_handle_duration_seconds", Help: "Time that handlers took.", Buckets: buckets,
		}, []string{"queue", "app"}),
	}
	for _, c := range []prometheus.Collector{m.published, m.publishSeconds, m.handled, m.handleSeconds} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// buckets reach from half a millisecond to ten seconds.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// OnPublish is for messaging.Config.
func (m *Metrics) OnPublish(_ context.Context, message *messaging.Message) func(messaging.Receipt, error) {
	began := time.Now()
	queue := destination(message)
	return func(_ messaging.Receipt, err error) {
		m.published.WithLabelValues(queue, outcome(err)).Inc()
		m.publishSeconds.WithLabelValues(queue).Observe(time.Since(began).Seconds())
	}
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "stored"
	case errors.Is(err, messaging.ErrOutcomeUnknown):
		return "unknown"
	default:
		return "not_stored"
	}
}

// Middleware measures handlers.
func (m *Metrics) Middleware() messaging.Middleware {
	return func(next messaging.Handler) messaging.Handler {
		return func(ctx context.Context, d *messaging.Delivery) error {
			began, result := time.Now(), "panic"
			defer func() { // also if the handler panics
				queue, app := queueName(d.Queue())
				m.handled.WithLabelValues(queue, app, result).Inc()
				m.handleSeconds.WithLabelValues(queue, app).Observe(time.Since(began).Seconds())
			}()
			err := next(ctx, d)
			if result = "ok"; err != nil {
				result = "error"
			}
			return err
		}
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

// queueName is the name of a queue for labels, without its application.
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
