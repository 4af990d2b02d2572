package bmqprometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/messaging"
)

// NewClientCollector returns a collector of what a client counts: bmq_client_connected,
// bmq_client_in_flight, bmq_client_in_hand and bmq_client_waiting, and as counters
// bmq_client_messages_total by what became of them. labels are constant, and tell several
// clients of a process apart; they may be nil. Of a nil client there is nothing to collect.
func NewClientCollector(client *messaging.Client, labels prometheus.Labels) prometheus.Collector {
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("bmq_client_"+name, help, variable, labels)
	}
	messages := desc("messages_total", "Messages by what became of them.", "what")
	connected := desc("connected", "Whether there is a connection to the broker.")
	inFlight := desc("in_flight", "Messages without an outcome.")
	inHand := desc("in_hand", "Deliveries that are not settled.")
	waiting := desc("waiting", "Messages that wait to be handed out.")
	return collector{
		descs: []*prometheus.Desc{messages, connected, inFlight, inHand, waiting},
		collect: func(add func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
			if client == nil {
				return
			}
			s := client.Stats()
			add(connected, prometheus.GaugeValue, number(client.Connected()))
			add(inFlight, prometheus.GaugeValue, float64(s.InFlight))
			add(inHand, prometheus.GaugeValue, float64(s.InHand))
			add(waiting, prometheus.GaugeValue, float64(s.Waiting))
			for what, n := range map[string]uint64{
				"stored": s.Stored, "not_stored": s.NotStored, "unknown": s.Unknown, "republished": s.Republished,
				"received": s.Received, "acked": s.Acked, "rejected": s.Rejected, "dead_lettered": s.DeadLettered,
				"requeued": s.Requeued, "retried": s.Retried, "expired": s.Expired, "skipped": s.Skipped,
				"dropped": s.Dropped, "stale": s.Stale, "failed": s.Failed, "panicked": s.Panicked,
			} {
				add(messages, prometheus.CounterValue, float64(n), what)
			}
		},
	}
}

// NewSessionCollector returns a collector of what a session counts: bmq_session_connected,
// bmq_session_open_queues, bmq_session_pending_messages, bmq_session_pending_bytes,
// bmq_session_unsent_bytes, bmq_session_waiting_events and bmq_session_waiting_bytes, and as
// counters bmq_session_connects_total, bmq_session_received_bytes_total,
// bmq_session_sent_bytes_total and bmq_session_messages_total by what became of them:
// "answered" are the posts that have an ack of any kind, "nacked" those of them that the
// broker did not take. labels are constant and may be nil. Of a nil session there is nothing
// to collect.
func NewSessionCollector(session *bmq.Session, labels prometheus.Labels) prometheus.Collector {
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("bmq_session_"+name, help, variable, labels)
	}
	type value struct {
		desc *prometheus.Desc
		typ  prometheus.ValueType
		of   func(*bmq.Stats) float64
	}
	values := []value{
		{desc("connected", "Whether the connection is up and the state restored."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return number(s.Connected) }},
		{desc("open_queues", "Queues that are open."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return float64(s.OpenQueues) }},
		{desc("pending_messages", "Posts without an answer, or not yet written."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return float64(s.PendingMessages) }},
		{desc("pending_bytes", "What posts without an answer, or not yet written, count for in WithMaxPendingBytes."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return float64(s.PendingBytes) }},
		{desc("unsent_bytes", "Bytes that wait to be written."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return float64(s.UnsentBytes) }},
		{desc("waiting_events", "Events that wait for handlers."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return float64(s.WaitingEvents) }},
		{desc("waiting_bytes", "Bytes of messages that wait for handlers or for Messages."), prometheus.GaugeValue, func(s *bmq.Stats) float64 { return float64(s.WaitingBytes) }},
		{desc("connects_total", "Connections that came up."), prometheus.CounterValue, func(s *bmq.Stats) float64 { return float64(s.Connects) }},
		{desc("received_bytes_total", "Bytes from the broker."), prometheus.CounterValue, func(s *bmq.Stats) float64 { return float64(s.BytesIn) }},
		{desc("sent_bytes_total", "Bytes to the broker."), prometheus.CounterValue, func(s *bmq.Stats) float64 { return float64(s.BytesOut) }},
	}
	messages := desc("messages_total", "Messages by what became of them.", "what")
	descs := []*prometheus.Desc{messages}
	for _, v := range values {
		descs = append(descs, v.desc)
	}
	return collector{descs: descs, collect: func(add func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
		if session == nil {
			return
		}
		s := session.Stats()
		for _, v := range values {
			add(v.desc, v.typ, v.of(&s))
		}
		for what, n := range map[string]uint64{
			"posted": s.MessagesPosted, "received": s.MessagesReceived, "answered": s.Acks, "nacked": s.Nacks,
			"confirmed": s.Confirms, "retransmitted": s.Retransmitted,
		} {
			add(messages, prometheus.CounterValue, float64(n), what)
		}
	}}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// collector reads its values when it is asked for them.
type collector struct {
	descs   []*prometheus.Desc
	collect func(add func(*prometheus.Desc, prometheus.ValueType, float64, ...string))
}

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.collect(func(d *prometheus.Desc, typ prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, typ, value, labels...)
	})
}
