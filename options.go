package bmq

import (
	"context"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
)

// Defaults of sessions and queues. They are upstream's.
const (
	// DefaultBroker is where a session looks for the broker. The environment variable
	// BMQ_BROKER_URI, where it is set, stands in place of any URI that a program gives.
	DefaultBroker = "tcp://localhost:30114"

	// DefaultMaxUnconfirmedMessages is how many messages a queue may have handed out
	// without a confirmation.
	DefaultMaxUnconfirmedMessages = 1000
	// DefaultMaxUnconfirmedBytes is the same in bytes: 32 MiB.
	DefaultMaxUnconfirmedBytes = 33554432
	// DefaultConsumerPriority is the priority of a consumer; higher ones win.
	DefaultConsumerPriority = 0
	// DefaultSuspendsOnBadHostHealth says that queues work on while the host is
	// unhealthy.
	DefaultSuspendsOnBadHostHealth = false

	defaultConnectTimeout       = 60 * time.Second
	defaultDisconnectTimeout    = 30 * time.Second
	defaultQueueTimeout         = 300 * time.Second
	defaultChannelHighWatermark = 128 << 20
	defaultChannelWriteTimeout  = 5 * time.Second
	defaultBlobBufferSize       = 4096
	defaultStatsDumpInterval    = 300 * time.Second
	defaultPendingBytes         = 512 << 20
	defaultInboundBytes         = 512 << 20
	defaultEventLowWatermark    = 50
	defaultEventHighWatermark   = 2000

	minChannelHighWatermark = 8 << 20 // libbmq aborts at this value and below
	minBlobBufferSize       = 64
	statsDumpStep           = 30 * time.Second
	maxStatsDumpInterval    = time.Hour // libbmq aborts at this value and above
)

// Timeouts are the times a session waits for the broker. A field that is zero
// stands for its default.
type Timeouts struct {
	ConnectTimeout        time.Duration // of NewSession; 60 s
	DisconnectTimeout     time.Duration // of Stop; 30 s
	OpenQueueTimeout      time.Duration // of OpenQueue, and of reopening after a reconnection; 300 s
	ConfigureQueueTimeout time.Duration // of ConfigureQueue, suspending and resuming; 300 s
	CloseQueueTimeout     time.Duration // of CloseQueue; 300 s
}

// String shows the fields that are set, as Python does.
func (t Timeouts) String() string {
	var f fields
	for _, m := range []struct {
		name string
		d    time.Duration
	}{
		{"connect_timeout", t.ConnectTimeout}, {"disconnect_timeout", t.DisconnectTimeout},
		{"open_queue_timeout", t.OpenQueueTimeout}, {"configure_queue_timeout", t.ConfigureQueueTimeout},
		{"close_queue_timeout", t.CloseQueueTimeout},
	} {
		if m.d != 0 {
			f.add(m.name, m.d)
		}
	}
	return "Timeouts(" + f.text + ")"
}

func (t Timeouts) validate() error {
	for _, d := range []time.Duration{
		t.ConnectTimeout, t.DisconnectTimeout, t.OpenQueueTimeout, t.ConfigureQueueTimeout, t.CloseQueueTimeout,
	} {
		if d < 0 {
			return valueError("timeout must be greater than 0, was %v", d)
		}
	}
	return nil
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.ConnectTimeout, defaultConnectTimeout)
	set(&t.DisconnectTimeout, defaultDisconnectTimeout)
	set(&t.OpenQueueTimeout, defaultQueueTimeout)
	set(&t.ConfigureQueueTimeout, defaultQueueTimeout)
	set(&t.CloseQueueTimeout, defaultQueueTimeout)
	return t
}

// Watermarks are the marks of the queue of events that wait for handlers, in
// network events. When it grows to High the session says
// SlowConsumerHighWaterMark, when it is back at Low SlowConsumerNormal. Nothing is
// dropped.
type Watermarks struct{ Low, High int }

// SessionOptions are the options of a session as one value, in the manner of
// Python's SessionOptions. What is left out has its default. For each field there
// is an Option of the same name, which says more.
type SessionOptions struct {
	MessageCompressionAlgorithm CompressionAlgorithmType
	Timeouts                    Timeouts
	HostHealthMonitor           HostHealthMonitor
	NumProcessingThreads        Optional[int]
	BlobBufferSize              Optional[int]
	ChannelHighWatermark        Optional[int64]
	EventQueueWatermarks        Optional[Watermarks]
	StatsDumpInterval           Optional[time.Duration]
}

// String shows the fields that are set, as Python does.
func (o SessionOptions) String() string {
	var f fields
	if o.MessageCompressionAlgorithm != CompressionNone {
		f.add("message_compression_algorithm", o.MessageCompressionAlgorithm)
	}
	if o.Timeouts != (Timeouts{}) {
		f.add("timeouts", o.Timeouts)
	}
	if o.HostHealthMonitor != nil {
		f.add("host_health_monitor", o.HostHealthMonitor)
	}
	addField(&f, "num_processing_threads", o.NumProcessingThreads)
	addField(&f, "blob_buffer_size", o.BlobBufferSize)
	addField(&f, "channel_high_watermark", o.ChannelHighWatermark)
	addField(&f, "event_queue_watermarks", o.EventQueueWatermarks)
	addField(&f, "stats_dump_interval", o.StatsDumpInterval)
	return "SessionOptions(" + f.text + ")"
}

// QueueOptions are the consumer options of a queue. What is left out has its
// default when a queue is opened, and stays as it is when one is configured.
type QueueOptions struct {
	// MaxUnconfirmedMessages is how many messages the broker hands out without a
	// confirmation. 0 means none at all: the queue is paused. Default 1000.
	MaxUnconfirmedMessages Optional[int]
	// MaxUnconfirmedBytes is the same in bytes. 0 pauses too. Default 32 MiB.
	MaxUnconfirmedBytes Optional[int]
	// ConsumerPriority decides who gets messages: only the consumers with the highest
	// priority do, in turn. From -2^30 to 2^30-1. Default 0.
	ConsumerPriority Optional[int]
	// SuspendsOnBadHostHealth pauses the queue while the host is unhealthy. It needs a
	// HostHealthMonitor. Default false.
	SuspendsOnBadHostHealth Optional[bool]
}

// Paused are the options by which ConfigureQueue stops deliveries of a queue that
// stays open. When ConfigureQueue has returned no further message is handed out;
// what is in hand can be confirmed.
func Paused() QueueOptions {
	return QueueOptions{MaxUnconfirmedMessages: Some(0), MaxUnconfirmedBytes: Some(0)}
}

// String shows the fields that are set, as Python does.
func (o QueueOptions) String() string {
	var f fields
	addField(&f, "max_unconfirmed_messages", o.MaxUnconfirmedMessages)
	addField(&f, "max_unconfirmed_bytes", o.MaxUnconfirmedBytes)
	addField(&f, "consumer_priority", o.ConsumerPriority)
	addField(&f, "suspends_on_bad_host_health", o.SuspendsOnBadHostHealth)
	return "QueueOptions(" + f.text + ")"
}

// merge returns o with what is left out taken from base.
func (o QueueOptions) merge(base QueueOptions) QueueOptions {
	if !o.MaxUnconfirmedMessages.IsSet() {
		o.MaxUnconfirmedMessages = base.MaxUnconfirmedMessages
	}
	if !o.MaxUnconfirmedBytes.IsSet() {
		o.MaxUnconfirmedBytes = base.MaxUnconfirmedBytes
	}
	if !o.ConsumerPriority.IsSet() {
		o.ConsumerPriority = base.ConsumerPriority
	}
	if !o.SuspendsOnBadHostHealth.IsSet() {
		o.SuspendsOnBadHostHealth = base.SuspendsOnBadHostHealth
	}
	return o
}

var defaultQueueOptions = QueueOptions{
	MaxUnconfirmedMessages:  Some(DefaultMaxUnconfirmedMessages),
	MaxUnconfirmedBytes:     Some(DefaultMaxUnconfirmedBytes),
	ConsumerPriority:        Some(DefaultConsumerPriority),
	SuspendsOnBadHostHealth: Some(DefaultSuspendsOnBadHostHealth),
}

// writeOnlyOptions are what a queue has that no message is read from.
var writeOnlyOptions = QueueOptions{
	MaxUnconfirmedMessages: Some(0),
	MaxUnconfirmedBytes:    Some(0),
	ConsumerPriority:       Some(math.MinInt32),
}

// checkRange refuses what does not fit the 32-bit integers of the protocol's peers.
func (o QueueOptions) checkRange() error {
	for _, m := range []struct {
		name string
		v    int
	}{
		{"MaxUnconfirmedMessages", o.MaxUnconfirmedMessages.Or(0)},
		{"MaxUnconfirmedBytes", o.MaxUnconfirmedBytes.Or(0)},
		{"ConsumerPriority", o.ConsumerPriority.Or(0)},
	} {
		if m.v < math.MinInt32 || m.v > math.MaxInt32 {
			return valueError("%s must be between %d and %d, was %d", m.name, math.MinInt32, math.MaxInt32, m.v)
		}
	}
	return nil
}

// checkReader refuses what upstream refuses for a queue that is read from.
func (o QueueOptions) checkReader() string {
	priority := o.ConsumerPriority.Or(0)
	switch {
	case o.MaxUnconfirmedMessages.Or(0) < 0:
		return "MaxUnconfirmedMessages must not be negative"
	case o.MaxUnconfirmedBytes.Or(0) < 0:
		return "MaxUnconfirmedBytes must not be negative"
	case priority < math.MinInt32/2 || priority > math.MaxInt32/2:
		return "ConsumerPriority must be between -2^30 and 2^30-1"
	}
	return ""
}

func (o QueueOptions) engineOptions(subscriptions []Subscription) engine.QueueOptions {
	return engine.QueueOptions{
		MaxUnconfirmedMessages:  int64(o.MaxUnconfirmedMessages.Or(0)),
		MaxUnconfirmedBytes:     int64(o.MaxUnconfirmedBytes.Or(0)),
		ConsumerPriority:        int32(o.ConsumerPriority.Or(0)),
		SuspendsOnBadHostHealth: o.SuspendsOnBadHostHealth.Or(false),
		Subscriptions:           engineSubscriptions(subscriptions, o),
	}
}

// config is what the options of a session come to.
type config struct {
	SessionOptions

	problems            []error // found while options were applied
	onMessage           OnMessage
	broker              string
	engine              EngineKind
	channelWriteTimeout time.Duration
	maxPendingBytes     int64
	maxInboundBytes     int64
	processName         string
	userAgentPrefix     string
	logger              *slog.Logger
	dial                func(ctx context.Context, network, address string) (net.Conn, error)
	credentials         AuthnCredentialProvider
	tracer              Tracer
	pull                bool
	borrow              bool
}

func defaultConfig() config {
	return config{
		broker:              DefaultBroker,
		channelWriteTimeout: defaultChannelWriteTimeout,
		maxPendingBytes:     defaultPendingBytes,
		maxInboundBytes:     defaultInboundBytes,
		processName:         defaultProcessName(),
	}
}
