package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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
	var text string // JSON in it
	if err := c.ask(ctx, "STAT SHOW", "stats", &text); err != nil {
		return nil, err
	}
	list, err := readStats(text)
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
