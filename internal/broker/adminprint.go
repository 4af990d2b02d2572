package broker

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
)

// prettyBytes prints a size in the largest unit of which there is one.
func prettyBytes(n int64) string {
	units := []string{" B", "KB", "MB", "GB", "TB", "PB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.2f %s", v, units[unit])
}

// prettyNumber prints a number in groups of three digits.
func prettyNumber(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// appKey is a key for an application, of the form that the official broker uses.
func appKey(id string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return fmt.Sprintf("%010X", h.Sum64()&(1<<40-1))
}

// printPurged purges queues, of one application or of all, and says what that was.
func printPurged(queues []*queue, appID string) string {
	var rows strings.Builder
	var messages, bytes int64
	key := "0000000000"
	if appID != "" {
		key = appKey(appID)
	}
	for _, q := range queues {
		m, n := q.purgeApps(appID)
		messages, bytes = messages+m, bytes+n
		fmt.Fprintf(&rows, "\n%12s%12d  %s%18s  %s", prettyBytes(n), m, key, appID, q.uri)
	}
	return fmt.Sprintf("Purged %d message(s) for a total of %s from %d queue(s):\n    NumBytes     NumMsgs      AppKey             AppId  QueueName%s",
		messages, prettyBytes(bytes), len(queues), rows.String())
}

const timestamp = "02Jan2006_15:04:05.000000-0700"

// print lists messages of a queue.
func (l *listing) print(q *queue) string {
	q.lock()
	defer q.unlock()
	a := q.app(l.app)
	var all []*message
	for p := q.store.seek(0); p < q.store.next; p = q.store.seek(p + 1) {
		if a == nil || a.needs(p) {
			all = append(all, q.store.at(p))
		}
	}
	from, to := l.pick(len(all))
	var rows strings.Builder
	var bytes int64
	for i, m := range all[from:to] {
		bytes += int64(len(m.data))
		at := q.domain.broker.started.Add(m.arrived).UTC().Format(timestamp)
		fmt.Fprintf(&rows, "\n%5d: %s%12s  %s", from+i, m.guid, prettyBytes(int64(len(m.data))), strings.ToUpper(at))
	}
	return fmt.Sprintf("Printing %d message(s) [%d-%d / %d] (total: %s)\n       GUID                              Size        Timestamp (UTC)%s\n",
		to-from, from, max(from, to-1), len(all), prettyBytes(bytes), rows.String())
}

// print shows the state of a queue.
func (q *queue) print() string {
	info := q.info()
	c := q.domain.config()
	var s strings.Builder
	fmt.Fprintf(&s, "Queue Internals\n---------------\n    State:\n    ------\n        URI ...............: %s\n", info.URI)
	fmt.Fprintf(&s, "        Storage ...........: %s messages, %s\n            Num virtual storages: %d\n",
		prettyNumber(info.Messages), prettyBytes(info.Bytes), len(q.apps))
	for _, a := range info.Apps {
		fmt.Fprintf(&s, "            %s : [appKey: %s, numMessages: %d]\n", a.ID, appKey(a.ID), a.Messages)
	}
	s.WriteString("        Capacity Meter ....:\n")
	printMeter(&s, "            ", "queue", info.URI, info.Messages, info.Bytes, c.QueueMessages, c.QueueBytes)
	q.domain.printMeter(&s, "            ")
	fmt.Fprintf(&s, "\n    LocalQueue:\n    -----------\n        FanoutQueueEngine (%s):\n        -----------------\n", info.Mode)
	for _, a := range info.Apps {
		state := "registered"
		if !a.Authorized {
			state = "unauthorized"
		}
		fmt.Fprintf(&s, "            %s: status=%s\n            ---------\n", a.ID, state)
		fmt.Fprintf(&s, "                Consumers .........: %d\n                Unconfirmed .......: %d\n", len(a.Consumers), a.Unconfirmed)
		fmt.Fprintf(&s, "                RedeliveryList ....: %d\n                PutAsideList ......: %d\n", a.Redelivery, a.Aside)
		for _, consumer := range a.Consumers {
			for _, sub := range consumer.Subscriptions {
				fmt.Fprintf(&s, "                    %s: qId=%d sId=%d priority=%d expression=%q unconfirmed=%d/%d messages, %s/%s\n",
					consumer.ProcessName, consumer.QueueID, sub.ID, sub.Priority, sub.Expression,
					sub.Messages, sub.MaxUnconfirmedMessages, prettyBytes(sub.Bytes), prettyBytes(sub.MaxUnconfirmedBytes))
			}
		}
	}
	return s.String()
}

func printMeter(s *strings.Builder, indent, kind, name string, messages, bytes, maxMessages, maxBytes int64) {
	fmt.Fprintf(s, "%s%s [%s]:\n%s    Messages: [current: %s, limit: %s]\n%s    Bytes   : [current: %s, limit: %s]\n",
		indent, kind, name, indent, prettyNumber(messages), prettyNumber(maxMessages), indent, prettyBytes(bytes), prettyBytes(maxBytes))
}

func (d *domain) printMeter(s *strings.Builder, indent string) {
	c := d.config()
	printMeter(s, indent, "domain", "bmq://"+d.name, d.usage.messages.Load(), d.usage.bytes.Load(), c.DomainMessages, c.DomainBytes)
}

// print shows a domain and its queues.
func (d *domain) print() string {
	var s strings.Builder
	config, _ := json.MarshalIndent(d.config(), "", "  ")
	fmt.Fprintf(&s, "Domain:\n-------\n    Name ............: %s\n    Config ..........:\n%s\n\n    Cluster .........: local\n    Capacity Meter ..: \n", d.name, config)
	d.printMeter(&s, "        ")
	queues := d.list()
	fmt.Fprintf(&s, "    Queues ..........: \n    ------------------\n        ActiveQueues ..: %d\n", len(queues))
	for i, q := range queues {
		fmt.Fprintf(&s, "           %d. %s\n", i, q.uri)
	}
	fmt.Fprintf(&s, "\nStorage .......\n    Number of assigned queue-storages: %d\n         QueueKey    Partition    NumMsgs    NumBytes                QueueUri", len(queues))
	for _, q := range queues {
		info := q.info()
		fmt.Fprintf(&s, "\n        %s       0    %10d  %10s    %s  (non-persistent)", appKey(q.uri), info.Messages, prettyBytes(info.Bytes), q.uri)
	}
	return s.String()
}

func (b *Broker) printConfig() string {
	type config struct {
		Domains          []Domain
		Redirects        map[string]string
		Heartbeats       Heartbeats
		Throttle         Throttle
		RefuseAnonymous  bool
		HidePropertiesEx bool
	}
	c := config{
		Redirects: b.redirects, Heartbeats: b.config.Heartbeats, Throttle: b.config.Throttle,
		RefuseAnonymous: b.config.Authentication.RefuseAnonymous, HidePropertiesEx: b.config.HidePropertiesEx,
	}
	for _, d := range b.allDomains() {
		c.Domains = append(c.Domains, *d.config())
	}
	text, _ := json.MarshalIndent(c, "", "  ")
	return string(text)
}

// printStats shows what happened at each queue, absolutely and since it was shown
// last.
func (b *Broker) printStats() string {
	const layout = "%-40s| %8s| %8s| %8s| %10s| %9s| %9s| %9s| %9s| %9s| %9s| %9s| %9s| %9s| %9s\n"
	var s strings.Builder
	fmt.Fprintf(&s, "\n:::::::::: :::::::::: DOMAINQUEUES >>\n"+layout, "", "producer", "consumer", "msgs", "bytes",
		"put (d)", "put", "push (d)", "push", "confirm(d)", "confirm", "nack (d)", "nack", "GC", "reject")
	for _, d := range b.allDomains() {
		rows := d.list()
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&s, "%-40s|\n", "  "+d.name)
		for _, q := range rows {
			info := q.info()
			now, before := info.Counters, q.lastShown()
			fmt.Fprintf(&s, layout, "    "+q.uri, count(int64(info.Producers)), count(int64(info.Consumers)), count(info.Messages), prettyBytes(info.Bytes),
				count(now.Posted-before.Posted), count(now.Posted), count(now.Pushed-before.Pushed), count(now.Pushed),
				count(now.Confirmed-before.Confirmed), count(now.Confirmed), count(now.Refused-before.Refused), count(now.Refused),
				count(now.Expired), count(now.Poison))
		}
	}
	return s.String()
}

// count prints a number, and nothing for 0.
func count(n int64) string {
	if n == 0 {
		return ""
	}
	return prettyNumber(n)
}

// lastShown returns the counters of the time before, and remembers those of now.
func (q *queue) lastShown() Counters {
	q.lock()
	defer q.unlock()
	before := q.shown
	q.shown = q.counters
	return before
}
