package broker

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/bmq-go/bmq/internal/expr"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Mode says how the queues of a domain deliver.
type Mode uint8

const (
	// Priority gives each message to one consumer.
	Priority Mode = iota
	// Fanout gives each message to one consumer of each application.
	Fanout
	// Broadcast gives each message to every consumer that is there, and keeps none.
	Broadcast
)

// Domain is the configuration of a domain. A limit of 0 is none.
type Domain struct {
	// Name is the first part of the URIs of its queues.
	Name string
	// Mode says how its queues deliver.
	Mode Mode
	// AppIDs are the applications of a fanout domain.
	AppIDs []string
	// Persistent domains keep their messages in a restart that forgets others.
	Persistent bool
	// QueueMessages and QueueBytes bound what a queue holds. As with the official
	// broker, each is exceeded by one message before posts are refused.
	QueueMessages, QueueBytes int64
	// DomainMessages and DomainBytes bound what all queues of the domain hold.
	DomainMessages, DomainBytes int64
	// MessageTTL is how long a message is kept, in whole seconds.
	MessageTTL time.Duration
	// MaxProducers and MaxConsumers bound the writers of a queue, and the readers of
	// each of its applications.
	MaxProducers, MaxConsumers int
	// MaxQueues bounds the queues of the domain.
	MaxQueues int
	// MaxDeliveryAttempts is how often a message is delivered to consumers that
	// vanish before it is dropped, at most 63.
	MaxDeliveryAttempts int
	// DeduplicationTime is how long a repeated GUID is recognised: 5 minutes if 0,
	// not at all if negative.
	DeduplicationTime time.Duration
	// Subscriptions are expressions that messages must match to be kept for an
	// application, by application id. The domains without applications have one for
	// the empty id.
	Subscriptions map[string]string
}

// BuiltinDomains are the domains of a broker that was given no configuration.
func BuiltinDomains() []Domain {
	domains := []Domain{
		{Name: "bmq.test.mem.priority", Mode: Priority},
		{Name: "bmq.test.mem.fanout", Mode: Fanout, AppIDs: []string{"foo", "bar", "baz"}},
		{Name: "bmq.test.mem.broadcast", Mode: Broadcast},
		{Name: "bmq.test.mmap.priority", Mode: Priority, Persistent: true},
		{Name: "bmq.test.mmap.fanout", Mode: Fanout, AppIDs: []string{"foo", "bar", "baz"}, Persistent: true},
	}
	for i := range domains {
		domains[i].MessageTTL = time.Hour
		domains[i].QueueMessages, domains[i].QueueBytes = 1_000_000, 1<<30
		domains[i].DomainMessages, domains[i].DomainBytes = 2_000_000, 2<<30
	}
	return domains
}

// Heartbeats are the settings for silent connections.
type Heartbeats struct {
	// Interval is how often a connection is looked at: 3 seconds if 0.
	Interval time.Duration
	// MaxMissed is after how many silent intervals a connection is closed. 0, the
	// default, sends no heartbeats: the official Java SDK can't read them.
	MaxMissed int
}

// Throttle slows down the delivery of messages whose consumers vanished.
type Throttle struct {
	// HighThreshold and LowThreshold are numbers of deliveries left: with more than
	// HighThreshold (4 if 0) nothing is delayed, with more than LowThreshold (2 if 0)
	// by LowInterval, else by HighInterval.
	HighThreshold, LowThreshold int
	// LowInterval is 1 second if 0, HighInterval 3 seconds.
	LowInterval, HighInterval time.Duration
}

// Authentication says who may connect. The zero value lets everybody in.
type Authentication struct {
	// Users are the passwords for the mechanism BASIC, by user. Without users there
	// is no such mechanism.
	Users map[string]string
	// RefuseAnonymous closes connections that present no credential.
	RefuseAnonymous bool
}

// Config is the configuration of a broker.
type Config struct {
	// Domains are the domains there are, BuiltinDomains if empty.
	Domains []Domain
	// Redirects name domains that stand for other ones.
	Redirects map[string]string
	// Heartbeats are the settings for silent connections.
	Heartbeats Heartbeats
	// Throttle slows down poisonous messages.
	Throttle Throttle
	// Authentication says who may connect.
	Authentication Authentication
	// HidePropertiesEx and HideSubscriptions keep the broker from announcing the
	// features MPS (and with it SUBSCRIPTIONS) and SUBSCRIPTIONS, as old brokers do.
	HidePropertiesEx, HideSubscriptions bool
	// Cluster is the name of the cluster that the broker says it is, alone: "local" if
	// empty.
	Cluster string
	// DomainsDir is the directory that error texts name for domain files.
	DomainsDir string
	// Reload reads the configuration of a domain again; nil: it can't be.
	Reload func(domain string) (Domain, error)
	// Logger gets what an operator should know; nil: nobody does.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.Domains) == 0 && len(c.Redirects) == 0 {
		c.Domains = BuiltinDomains()
	}
	setDefault(&c.Heartbeats.Interval, 3*time.Second)
	setDefault(&c.Throttle.HighThreshold, 4)
	setDefault(&c.Throttle.LowThreshold, 2)
	setDefault(&c.Throttle.LowInterval, time.Second)
	setDefault(&c.Throttle.HighInterval, 3*time.Second)
	setDefault(&c.Cluster, "local")
	setDefault(&c.DomainsDir, "etc/domains")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

var (
	domainName = regexp.MustCompile(`^[-a-zA-Z0-9._]+(\.~[-a-zA-Z0-9]+)?$`)
	appName    = regexp.MustCompile(`^[-a-zA-Z0-9_.]+$`)
)

// maxAttempts is the largest number of delivery attempts that brokers count.
const maxAttempts = 63

func (d *Domain) validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("broker: domain %q: %s", d.Name, fmt.Sprintf(format, args...))
	}
	if !domainName.MatchString(d.Name) {
		return fail("the name may have letters, digits, '-', '_' and '.' only")
	}
	if int(d.Mode) >= len(modeNames) {
		return fail("there is no mode %d", d.Mode)
	}
	if (d.Mode == Fanout) != (len(d.AppIDs) > 0) {
		return fail("a fanout domain, and no other, has application ids")
	}
	for i, id := range d.AppIDs {
		if !appName.MatchString(id) || id == ctrl.DefaultAppID || slices.Contains(d.AppIDs[:i], id) {
			return fail("application id %q is not valid or there twice", id)
		}
	}
	for _, n := range []int64{d.QueueMessages, d.QueueBytes, d.DomainMessages, d.DomainBytes, int64(d.MessageTTL),
		int64(d.MaxProducers), int64(d.MaxConsumers), int64(d.MaxQueues), int64(d.MaxDeliveryAttempts)} {
		if n < 0 {
			return fail("a limit is negative; use 0 for none")
		}
	}
	if d.MaxDeliveryAttempts > maxAttempts {
		return fail("MaxDeliveryAttempts may be %d at most", maxAttempts)
	}
	return d.validateSubscriptions(fail)
}

func (d *Domain) validateSubscriptions(fail func(string, ...any) error) error {
	for id, text := range d.Subscriptions {
		if d.Mode != Fanout && id != "" {
			return fail("a subscription for application %q of a domain that has none", id)
		}
		if text == "" {
			continue
		}
		if _, err := expr.Compile(text); err != nil {
			return fail("subscription %q: %v", text, err)
		}
	}
	return nil
}

// deduplicationTime is the window in which repeated GUIDs are recognised.
func (d *Domain) deduplicationTime() time.Duration {
	if d.DeduplicationTime == 0 {
		return ctrl.DefaultDeduplicationTimeMs * time.Millisecond
	}
	return max(0, d.DeduplicationTime)
}

// routingFlags are what openQueueResponse says about the domain.
func (d *Domain) routingFlags() uint64 {
	switch d.Mode {
	case Fanout:
		return ctrl.RoutingDeliverConsumerPriority | ctrl.RoutingMultipleSubStreams
	case Broadcast:
		return ctrl.RoutingDeliverConsumerPriority | ctrl.RoutingDeliverAll | ctrl.RoutingAtMostOnce
	default:
		return ctrl.RoutingDeliverConsumerPriority
	}
}
