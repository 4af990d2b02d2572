package bmqtest

import (
	"log/slog"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
)

// Option changes how a broker is made.
type Option func(*options) error

type options struct {
	config   broker.Config
	listen   string
	memory   bool
	warnings []string // of the configuration directory
}

// Mode says how the queues of a domain deliver.
type Mode = broker.Mode

const (
	// Priority gives each message to one consumer.
	Priority = broker.Priority
	// Fanout gives each message to one consumer of each application.
	Fanout = broker.Fanout
	// Broadcast gives each message to every consumer that is there, and keeps none.
	Broadcast = broker.Broadcast
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
	// application, by application id. Domains without applications have one for the
	// empty id.
	Subscriptions map[string]string
}

// WithDomain adds a domain. Without it, WithConfigDir and WithRedirect, the broker
// has the domains bmq.test.mem.priority, bmq.test.mem.fanout (applications foo,
// bar and baz), bmq.test.mem.broadcast, bmq.test.mmap.priority and
// bmq.test.mmap.fanout; WithBuiltinDomains adds them to others.
func WithDomain(d Domain) Option {
	return func(o *options) error {
		o.config.Domains = append(o.config.Domains, broker.Domain(d))
		return nil
	}
}

// WithBuiltinDomains adds the domains that a broker without any has.
func WithBuiltinDomains() Option {
	return func(o *options) error {
		o.config.Domains = append(o.config.Domains, broker.BuiltinDomains()...)
		return nil
	}
}

// WithRedirect makes the domain name stand for another one.
func WithRedirect(name, to string) Option {
	return func(o *options) error {
		if o.config.Redirects == nil {
			o.config.Redirects = make(map[string]string)
		}
		o.config.Redirects[name] = to
		return nil
	}
}

// WithConfigDir reads the configuration directory of an official broker:
// bmqbrkrcfg.json, clusters.json and domains/*.json, of which only the last is
// required. What is not supported is named in a warning to the logger. It takes the
// place of what earlier options set, except for the port in the directory, which is
// for WithListenAddress to choose.
func WithConfigDir(dir string) Option {
	return func(o *options) error {
		d, err := broker.ReadDirectory(dir)
		if err != nil {
			return err
		}
		logger := o.config.Logger
		o.config, o.warnings = d.Config, d.Warnings
		o.config.Logger = logger
		return nil
	}
}

// WithListenAddress sets where the broker listens. Default: 127.0.0.1:0, a free
// port.
func WithListenAddress(address string) Option {
	return func(o *options) error {
		o.listen = address
		return nil
	}
}

// WithInMemoryNetwork makes a broker that only (*Broker).DialContext reaches, and
// that runs deterministically under testing/synctest. Default: TCP.
func WithInMemoryNetwork() Option {
	return func(o *options) error {
		o.memory = true
		return nil
	}
}

// WithHeartbeats makes the broker look every interval for clients that are silent,
// and close the connections of those that are so for more than maxMissed
// intervals. Default: off.
func WithHeartbeats(interval time.Duration, maxMissed int) Option {
	return func(o *options) error {
		o.config.Heartbeats = broker.Heartbeats{Interval: interval, MaxMissed: maxMissed}
		return nil
	}
}

// WithUser lets a client authenticate with the mechanism BASIC. Default: nobody.
func WithUser(name, password string) Option {
	return func(o *options) error {
		if o.config.Authentication.Users == nil {
			o.config.Authentication.Users = make(map[string]string)
		}
		o.config.Authentication.Users[name] = password
		return nil
	}
}

// WithoutAnonymous closes the connections of clients that do not authenticate.
// Default: they are welcome.
func WithoutAnonymous() Option {
	return func(o *options) error {
		o.config.Authentication.RefuseAnonymous = true
		return nil
	}
}

// Throttle slows down the delivery of messages whose consumers vanished, in domains
// with MaxDeliveryAttempts.
type Throttle struct {
	// HighThreshold and LowThreshold are numbers of deliveries left: with more than
	// HighThreshold (4 if 0) nothing is delayed, with more than LowThreshold (2 if 0)
	// by LowInterval, else by HighInterval.
	HighThreshold, LowThreshold int
	// LowInterval is 1 second if 0, HighInterval 3 seconds.
	LowInterval, HighInterval time.Duration
}

// WithThrottle sets how poisonous messages are slowed down. Default: as the
// official broker does.
func WithThrottle(t Throttle) Option {
	return func(o *options) error {
		o.config.Throttle = broker.Throttle(t)
		return nil
	}
}

// WithoutPropertiesEx makes the broker announce neither new style message
// properties nor subscriptions, as very old brokers do. Default: it does.
func WithoutPropertiesEx() Option {
	return func(o *options) error {
		o.config.HidePropertiesEx = true
		return nil
	}
}

// WithoutSubscriptions makes the broker not announce subscriptions. Default: it
// does.
func WithoutSubscriptions() Option {
	return func(o *options) error {
		o.config.HideSubscriptions = true
		return nil
	}
}

// WithLogger makes the broker log what happens. Default: it is silent.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) error {
		o.config.Logger = l
		return nil
	}
}
