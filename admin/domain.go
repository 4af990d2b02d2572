package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Mode is how the queues of a domain deliver.
type Mode string

// The modes of domains.
const (
	Priority  Mode = "priority"  // each message to one consumer
	Fanout    Mode = "fanout"    // each message to one consumer of each application
	Broadcast Mode = "broadcast" // each message to every consumer that is there
)

// Domain is what the operator set for a domain, and what is in it. A limit of 0 is none.
type Domain struct {
	Name                string
	Mode                Mode
	AppIDs              []string // of a fanout domain
	Persistent          bool     // messages survive a restart of the broker
	MessageTTL          time.Duration
	MaxProducers        int
	MaxConsumers        int
	MaxQueues           int
	MaxDeliveryAttempts int
	Messages, Bytes     int64    // of all queues
	MaxMessages         int64    // of all queues
	MaxBytes            int64    // of all queues
	Queues              []string // URIs of the queues that are open, sorted
	Config              string   // the whole configuration, JSON in the broker's own schema
}

// Domain tells about a domain. One that the broker does not know is ErrNotFound.
func (c *Client) Domain(ctx context.Context, name string) (Domain, error) {
	command, err := domainCommand(name)
	if err != nil {
		return Domain{}, err
	}
	var answer struct {
		Config string   `json:"configJson"`
		Queues []string `json:"queueUris"`
		Meter  struct {
			Messages    int64 `json:"numMessages"`
			MaxMessages int64 `json:"messageCapacity"`
			Bytes       int64 `json:"numBytes"`
			MaxBytes    int64 `json:"byteCapacity"`
		} `json:"capacityMeter"`
	}
	if err := c.ask(ctx, command+" INFOS", "domainInfo", &answer); err != nil {
		return Domain{}, err
	}
	d := Domain{
		Name: name, Config: answer.Config, Queues: answer.Queues,
		Messages: answer.Meter.Messages, MaxMessages: limit(answer.Meter.MaxMessages),
		Bytes: answer.Meter.Bytes, MaxBytes: limit(answer.Meter.MaxBytes),
	}
	if err := d.configure(); err != nil {
		return Domain{}, fmt.Errorf("admin: the configuration of domain %s: %w", name, err)
	}
	slices.Sort(d.Queues)
	return d, nil
}

// limit returns 0 for the largest number, which brokers have where there is no limit.
func limit(n int64) int64 {
	if n == math.MaxInt64 {
		return 0
	}
	return n
}

// configure reads Config in the schema of the official broker.
func (d *Domain) configure() error {
	var config struct {
		Mode map[Mode]struct {
			AppIDs []string `json:"appIDs"`
		} `json:"mode"`
		Storage struct {
			Config map[string]any `json:"config"`
		} `json:"storage"`
		TTL         int64 `json:"messageTtl"`
		Producers   int   `json:"maxProducers"`
		Consumers   int   `json:"maxConsumers"`
		Queues      int   `json:"maxQueues"`
		MaxAttempts int   `json:"maxDeliveryAttempts"`
	}
	if err := json.Unmarshal([]byte(d.Config), &config); err != nil {
		return err
	}
	for mode, how := range config.Mode {
		d.Mode, d.AppIDs = mode, how.AppIDs
	}
	_, d.Persistent = config.Storage.Config["fileBacked"]
	d.MessageTTL = time.Duration(config.TTL) * time.Second
	d.MaxProducers, d.MaxConsumers, d.MaxQueues = config.Producers, config.Consumers, config.Queues
	d.MaxDeliveryAttempts = config.MaxAttempts
	return nil
}

// Domains returns the names of the domains that have queues, sorted. Brokers learn of
// a domain when a queue of it is opened; they can't list those that nobody uses.
func (c *Client) Domains(ctx context.Context) ([]string, error) {
	stats, err := c.Stats(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range stats {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.URI, "bmq://"), "/")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
