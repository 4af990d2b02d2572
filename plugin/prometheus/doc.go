// Package bmqprometheus has metrics of bmq for Prometheus.
//
//	metrics, err := bmqprometheus.New(prometheus.DefaultRegisterer)
//	…
//	client, err := messaging.Dial(ctx, messaging.Config{OnPublish: metrics.OnPublish})
//	…
//	prometheus.MustRegister(bmqprometheus.NewClientCollector(client, nil))
//	…
//	router := client.NewRouter(messaging.ConsumerConfig{})
//	router.Use(metrics.Middleware())
//
// What is measured for each message, by the hooks:
//
//	bmq_published_total{queue,outcome}         published messages: stored, not_stored, unknown
//	bmq_publish_duration_seconds{queue}        until the outcome was known
//	bmq_handled_total{queue,app,result}        handled deliveries: ok, error, panic
//	bmq_handle_duration_seconds{queue,app}     that handlers took
//
// What a client or a session counts anyhow is read when Prometheus asks, by collectors: see
// [NewClientCollector] and [NewSessionCollector].
//
// Queues that are made for the moment (messaging.TempQueue) are all called "tmp", so that
// there are few label values.
package bmqprometheus
