package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// QueueStats is what happened at a queue since the broker started. The official broker
// brings it up to date once in a while, not at each message.
type QueueStats struct {
	URI                  string
	Producers, Consumers int
	Messages, Bytes      int64 // in the queue
	Posted               int64
	Pushed               int64 // to consumers
	Confirmed            int64
	Nacked               int64
	Expired              int64 // dropped for their age
	Rejected             int64 // dropped for the consumers that vanished with them
}

// Stats returns the statistics of all queues, sorted by URI.
func (c *Client) Stats(ctx context.Context) ([]QueueStats, error) {
	var answer struct {
		Stats string `json:"stats"`
	}
	var list []QueueStats
	err := c.ask(ctx, "STAT SHOW", &answer, func(text string) bool {
		list = parseStats(text)
		return strings.Contains(text, "DOMAINQUEUES")
	})
	if err == nil && answer.Stats != "" {
		list, err = readStats(answer.Stats)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b QueueStats) int { return cmp.Compare(a.URI, b.URI) })
	return list, nil
}

func readStats(text string) (list []QueueStats, err error) {
	var stats struct {
		Queues struct {
			Domains map[string]map[string]struct {
				Values map[string]int64 `json:"values"`
			} `json:"domains"`
		} `json:"domainQueues"`
	}
	if err := json.Unmarshal([]byte(text), &stats); err != nil {
		return nil, fmt.Errorf("admin: statistics: %w", err)
	}
	for _, domain := range stats.Queues.Domains {
		for uri, q := range domain {
			if !strings.HasPrefix(uri, "bmq://") {
				continue // values of the domain itself
			}
			v := q.Values
			list = append(list, QueueStats{
				URI: uri, Producers: int(v["queue_producers_count"]), Consumers: int(v["queue_consumers_count"]),
				Messages: v["queue_content_msgs"], Bytes: v["queue_content_bytes"],
				Posted: v["queue_put_msgs_abs"], Pushed: v["queue_push_msgs_abs"], Confirmed: v["queue_confirm_msgs_abs"],
				Nacked: v["queue_nack_msgs_abs"], Expired: v["queue_gc_msgs_abs"], Rejected: v["queue_reject_msgs_abs"],
			})
		}
	}
	return list, nil
}

var (
	statsTitle = regexp.MustCompile(`(?m)^ *\| producer\|.*$`)
	statsRow   = regexp.MustCompile(`(?m)^ *(bmq://\S+) *\|(.*)$`)
)

// parseStats reads the table of the embedded broker.
func parseStats(text string) (list []QueueStats) {
	var columns []string
	for name := range strings.SplitSeq(statsTitle.FindString(text), "|") {
		columns = append(columns, strings.TrimSpace(name))
	}
	for _, row := range lines(statsRow, text) {
		q := QueueStats{URI: row[1]}
		for i, cell := range strings.Split(row[2], "|") {
			if i+1 < len(columns) {
				q.set(columns[i+1], cell)
			}
		}
		list = append(list, q)
	}
	return list
}

func (q *QueueStats) set(column, cell string) {
	if column == "bytes" {
		q.Bytes = size(cell)
		return
	}
	n := number(cell)
	switch column {
	case "producer":
		q.Producers = int(n)
	case "consumer":
		q.Consumers = int(n)
	case "msgs":
		q.Messages = n
	case "put":
		q.Posted = n
	case "push":
		q.Pushed = n
	case "confirm":
		q.Confirmed = n
	case "nack":
		q.Nacked = n
	case "GC":
		q.Expired = n
	case "reject":
		q.Rejected = n
	}
}
