package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
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
		Info struct {
			Config string   `json:"configJson"`
			Queues []string `json:"queueUris"`
			Meter  struct {
				Messages    int64 `json:"numMessages"`
				MaxMessages int64 `json:"messageCapacity"`
				Bytes       int64 `json:"numBytes"`
				MaxBytes    int64 `json:"byteCapacity"`
			} `json:"capacityMeter"`
		} `json:"domainInfo"`
	}
	d := Domain{Name: name}
	if err := c.ask(ctx, command+" INFOS", &answer, d.parse); err != nil {
		return Domain{}, err
	}
	if info := &answer.Info; info.Config != "" {
		d.Config, d.Queues = info.Config, info.Queues
		d.Messages, d.MaxMessages = info.Meter.Messages, info.Meter.MaxMessages
		d.Bytes, d.MaxBytes = info.Meter.Bytes, info.Meter.MaxBytes
		if err := d.configure(); err != nil {
			return Domain{}, fmt.Errorf("admin: the configuration of domain %s: %w", name, err)
		}
	}
	slices.Sort(d.Queues)
	return d, nil
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

var (
	domainConfig = regexp.MustCompile(`(?s)Config \.*:\n(\{.*?\n\})\n`)
	domainMeter  = regexp.MustCompile(`(?s)domain \[.*?Messages: \[current: ([\d,]+), limit: ([\d,]+)\].*?Bytes +: \[current: ([^,]+), limit: ([^\]]+)\]`)
	domainQueue  = regexp.MustCompile(`(?m)^ +\d+\. (bmq://\S+)$`)
)

// parse reads the text of the embedded broker.
func (d *Domain) parse(text string) bool {
	config, meter := domainConfig.FindStringSubmatch(text), domainMeter.FindStringSubmatch(text)
	if config == nil || meter == nil {
		return false
	}
	d.Config = config[1]
	d.Messages, d.MaxMessages = number(meter[1]), number(meter[2])
	d.Bytes, d.MaxBytes = size(meter[3]), size(meter[4])
	for _, line := range lines(domainQueue, text) {
		d.Queues = append(d.Queues, line[1])
	}
	var c struct {
		Mode                                  Mode
		AppIDs                                []string
		Persistent                            bool
		MessageTTL                            time.Duration
		MaxProducers, MaxConsumers, MaxQueues int
		MaxDeliveryAttempts                   int
	}
	if json.Unmarshal([]byte(d.Config), &c) != nil {
		return false
	}
	d.Mode, d.AppIDs, d.Persistent, d.MessageTTL = c.Mode, c.AppIDs, c.Persistent, c.MessageTTL
	d.MaxProducers, d.MaxConsumers, d.MaxQueues = c.MaxProducers, c.MaxConsumers, c.MaxQueues
	d.MaxDeliveryAttempts = c.MaxDeliveryAttempts
	return true
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
