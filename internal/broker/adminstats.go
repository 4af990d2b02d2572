package broker

import (
	"fmt"
	"strings"
	"time"
)

// statsResult are the statistics of all queues.
type statsResult struct {
	at      time.Time
	domains []domainStats
	pretty  bool // in JSON
}

type domainStats struct {
	name   string
	queues []queueStats
}

// queueStats are the statistics of a queue, and what they were when they were shown
// the last time.
type queueStats struct {
	uri           string
	role          int64
	config        *Domain
	info          QueueInfo
	guids         int64 // that are remembered
	total, before Counters
}

// stats returns what happened at each queue, absolutely and since it was asked for
// the last time. A domain nobody uses is left out.
func (b *Broker) stats() *statsResult {
	r := &statsResult{at: b.clock.Now()}
	for _, d := range b.allDomains() {
		s := domainStats{name: d.name}
		for _, q := range d.list() {
			info := q.info()
			before, guids := q.lastShown(info.Counters)
			s.queues = append(s.queues, queueStats{q.uri, 1, d.config(), info, guids, info.Counters, before})
		}
		if len(s.queues) > 0 {
			r.domains = append(r.domains, s)
		}
	}
	return r
}

// lastShown returns the counters of the time before, and remembers those of now.
func (q *queue) lastShown(now Counters) (before Counters, guids int64) {
	q.lock()
	defer q.unlock()
	before, q.shown = q.shown, now
	return before, int64(len(q.store.past.entries) - q.store.past.head)
}

// values are the values of a queue by their names in JSON. Times are not measured.
func (s *queueStats) values() map[string]int64 {
	c, before := &s.total, &s.before
	return map[string]int64{
		"queue_producers_count": int64(s.info.Producers), "queue_consumers_count": int64(s.info.Consumers),
		"queue_msgs_current": s.info.Messages, "queue_content_msgs": s.info.Messages,
		"queue_bytes_current": s.info.Bytes, "queue_content_bytes": s.info.Bytes,
		"queue_msgs_utilization_max":  utilization(s.info.Messages, s.config.QueueMessages),
		"queue_bytes_utilization_max": utilization(s.info.Bytes, s.config.QueueBytes),
		"queue_put_msgs":              c.Posted - before.Posted, "queue_put_msgs_abs": c.Posted,
		"queue_put_bytes": c.PostedBytes - before.PostedBytes, "queue_put_bytes_abs": c.PostedBytes,
		"queue_push_msgs": c.Pushed - before.Pushed, "queue_push_msgs_abs": c.Pushed,
		"queue_push_bytes": c.PushedBytes - before.PushedBytes, "queue_push_bytes_abs": c.PushedBytes,
		"queue_ack_msgs": s.acked() - s.ackedBefore(), "queue_ack_msgs_abs": s.acked(), "queue_ack_time_avg": 0, "queue_ack_time_max": 0,
		"queue_nack_msgs": c.Refused - before.Refused, "queue_nack_msgs_abs": c.Refused,
		"queue_confirm_msgs": c.Confirmed - before.Confirmed, "queue_confirm_msgs_abs": c.Confirmed,
		"queue_confirm_time_avg": 0, "queue_confirm_time_max": 0,
		"queue_reject_msgs": c.Poison - before.Poison, "queue_reject_msgs_abs": c.Poison,
		"queue_queue_time_avg": 0, "queue_queue_time_max": 0,
		"queue_gc_msgs": c.Expired - before.Expired, "queue_gc_msgs_abs": c.Expired,
		"queue_role": s.role, "queue_cfg_msgs": orNone(s.config.QueueMessages), "queue_cfg_bytes": orNone(s.config.QueueBytes),
		"queue_nack_noquorum_msgs": 0, "queue_nack_noquorum_msgs_abs": 0, "queue_history_abs": s.guids,
	}
}

// acked is how many posts were accepted, which is how many were ACKed if their
// producers asked for it.
func (s *queueStats) acked() int64       { return s.total.Posted + s.total.Duplicates }
func (s *queueStats) ackedBefore() int64 { return s.before.Posted + s.before.Duplicates }

// utilization is how full something is, in per cent.
func utilization(used, limit int64) int64 {
	if limit == 0 {
		return 0
	}
	return int64(float64(used) / float64(limit) * 100)
}

// appValues are the values of each application of a fanout queue: what it has yet to
// confirm. The others are those of the whole queue only.
func (s *queueStats) appValues() map[string]statsRow {
	if s.config.Mode != Fanout {
		return nil
	}
	apps := make(map[string]statsRow)
	for _, a := range s.info.Apps {
		if !a.Authorized {
			continue
		}
		values := make(map[string]int64)
		for name := range s.values() {
			values[name] = 0
		}
		values["queue_msgs_current"], values["queue_content_msgs"] = a.Messages, a.Messages
		values["queue_bytes_current"], values["queue_content_bytes"] = a.Bytes, a.Bytes
		apps[a.ID] = statsRow{Values: values}
	}
	return apps
}

// statsRow is a row of the statistics in JSON.
type statsRow struct {
	Apps   map[string]statsRow `json:"appIds,omitempty"`
	Values map[string]int64    `json:"values"`
}

// MarshalText returns the statistics in JSON: as those of the official broker, they
// are a text inside the answer.
func (r *statsResult) MarshalText() ([]byte, error) {
	domains := make(map[string]map[string]statsRow)
	for _, d := range r.domains {
		domains[d.name] = make(map[string]statsRow)
		for _, q := range d.queues {
			domains[d.name][q.uri] = statsRow{q.appValues(), q.values()}
		}
	}
	all := struct {
		Timestamp string `json:"_timestamp"`
		Queues    any    `json:"domainQueues"`
	}{strings.ToUpper(r.at.UTC().Truncate(time.Second).Format("02Jan2006_15:04:05.000000")), map[string]any{"domains": domains}}
	text := compactJSON(all)
	if r.pretty {
		text = prettyJSON(all, 4)
	}
	return []byte(escapeSlashes(text)), nil
}

// column is one column of the table.
type column struct {
	name  string
	bytes bool
	value string // its name in JSON, empty for what is not measured
}

// columns are the table's, by the titles above them.
var columns = []struct {
	title   string
	columns []column
}{
	{"Info", []column{{"producer", false, "queue_producers_count"}, {"consumer", false, "queue_consumers_count"}}},
	{"Content", []column{{"msgs", false, "queue_content_msgs"}, {"bytes", true, "queue_content_bytes"}}},
	{"Put", []column{
		{"msgs (d)", false, "queue_put_msgs"}, {"bytes (d)", true, "queue_put_bytes"},
		{"msgs", false, "queue_put_msgs_abs"}, {"bytes", true, "queue_put_bytes_abs"},
	}},
	{"Push", []column{
		{"msgs (d)", false, "queue_push_msgs"}, {"bytes (d)", true, "queue_push_bytes"},
		{"msgs", false, "queue_push_msgs_abs"}, {"bytes", true, "queue_push_bytes_abs"},
	}},
	{"Queue Time", []column{{"   avg   ", false, ""}, {"  max  ", false, ""}}},
	{"Ack", []column{{"delta", false, "queue_ack_msgs"}, {"abs", false, "queue_ack_msgs_abs"}, {"time avg", false, ""}, {"time max", false, ""}}},
	{"Nack", []column{{"delta", false, "queue_nack_msgs"}, {"abs", false, "queue_nack_msgs_abs"}}},
	{"Confirm", []column{{"delta", false, "queue_confirm_msgs"}, {"abs", false, "queue_confirm_msgs_abs"}, {"time avg", false, ""}, {"time max", false, ""}}},
	{"Reject", []column{{"delta", false, "queue_reject_msgs"}, {"abs", false, "queue_reject_msgs_abs"}}},
	{"GC", []column{{"delta", false, "queue_gc_msgs"}, {"abs", false, "queue_gc_msgs_abs"}}},
	{"History", []column{{"# GUIDs", false, "queue_history_abs"}}},
}

func (c *column) cell(values map[string]int64) string {
	n := values[c.value]
	switch {
	case n == 0:
		return ""
	case c.bytes:
		return strings.Replace(prettyBytes(n), "  ", " ", 1)
	}
	return prettyNumber(n)
}

// print prints the table.
func (r *statsResult) print(s *strings.Builder) {
	names := []string{"domain"}
	rows := []map[string]int64{make(map[string]int64)}
	for _, d := range r.domains {
		sum := make(map[string]int64)
		at := len(rows)
		names, rows = append(names, "  "+d.name), append(rows, sum)
		for _, q := range d.queues {
			values := q.values()
			names, rows = append(names, "    "+q.uri), append(rows, values)
			for name, n := range values {
				rows[at][name] += n
				rows[0][name] += n
			}
		}
	}
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	titles, heads, rule := strings.Repeat(" ", width), strings.Repeat(" ", width), strings.Repeat("-", width)
	cells := make([]string, len(rows))
	for _, group := range columns {
		wide := -1
		for i := range group.columns {
			c := &group.columns[i]
			w := len(c.name) + 1
			for _, values := range rows {
				w = max(w, len(c.cell(values))+1)
			}
			heads, rule = heads+fmt.Sprintf("|%*s", w, c.name), rule+"+"+strings.Repeat("-", w)
			for j, values := range rows {
				cells[j] += fmt.Sprintf("|%*s", w, c.cell(values))
			}
			wide += w + 1
		}
		left := (wide - len(group.title)) / 2
		titles += "|" + strings.Repeat(" ", max(0, left)) + group.title + strings.Repeat(" ", max(0, wide-len(group.title)-left))
	}
	s.WriteString("\n:::::::::: :::::::::: DOMAINQUEUES >>\n" + titles + "\n" + heads + "\n" + rule + "\n")
	for i, name := range names {
		fmt.Fprintf(s, "%-*s%s\n", width, name, cells[i])
	}
}
