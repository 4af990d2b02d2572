package bmq

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Option is an option of NewSession.
type Option interface{ applySession(*config) }

// OpenOption is an option of Session.OpenQueue.
type OpenOption interface{ applyOpen(*openConfig) }

// CallOption is an option of Session.ConfigureQueue and Session.CloseQueue.
type CallOption interface{ applyCall(*callConfig) }

type sessionOption func(*config)

func (o sessionOption) applySession(c *config) { o(c) }

type openOption func(*openConfig)

func (o openOption) applyOpen(c *openConfig) { o(c) }

// openConfig is what the options of OpenQueue come to.
type openConfig struct {
	callConfig
	read, write bool
	options     QueueOptions
}

// callConfig is what the options of a queue operation come to.
type callConfig struct {
	timeout       Optional[time.Duration]
	subscriptions *[]Subscription // nil: as they are
}

// TimeoutOption is what WithTimeout returns. It is an Option, an OpenOption and a
// CallOption.
type TimeoutOption struct{ d time.Duration }

func (o TimeoutOption) applySession(c *config) {
	c.problems = append(c.problems, checkTimeout(o.d))
	c.Timeouts.OpenQueueTimeout, c.Timeouts.ConfigureQueueTimeout, c.Timeouts.CloseQueueTimeout = o.d, o.d, o.d
}

func (o TimeoutOption) applyOpen(c *openConfig) { c.timeout = Some(o.d) }
func (o TimeoutOption) applyCall(c *callConfig) { c.timeout = Some(o.d) }

// WithTimeout sets how long the broker may take for a queue operation, which then fails
// with ErrBrokerTimeout. After OpenQueue and CloseQueue the session drops its connection
// and reconnects, because the two sides may no longer agree on the queue's state; after
// ConfigureQueue the connection stays, and the old options are in force. d must be
// greater than 0. Default 300 s.
//
// Given to NewSession it is for all operations on queues. It is not about the
// caller's patience: for that there is the context, which ends the wait alone and
// leaves the connection in peace.
func WithTimeout(d time.Duration) TimeoutOption { return TimeoutOption{d} }

func checkTimeout(d time.Duration) error {
	if d <= 0 {
		return valueError("timeout must be greater than 0, was %v", d)
	}
	return nil
}

// WithTimeouts sets all five timeouts of a session.
func WithTimeouts(t Timeouts) Option { return sessionOption(func(c *config) { c.Timeouts = t }) }

// WithOnMessage sets the handler of messages. Without one queues can't be opened
// for reading.
func WithOnMessage(fn OnMessage) Option { return sessionOption(func(c *config) { c.onMessage = fn }) }

// WithBroker sets where the broker is: tcp://host:port, maybe with a slash at the end. The
// environment variable BMQ_BROKER_URI, where it is set, wins. Default DefaultBroker.
func WithBroker(uri string) Option { return sessionOption(func(c *config) { c.broker = uri }) }

// WithMessageCompressionAlgorithm sets how posts are compressed. Default
// CompressionNone.
func WithMessageCompressionAlgorithm(a CompressionAlgorithmType) Option {
	return sessionOption(func(c *config) { c.MessageCompressionAlgorithm = a })
}

// WithHostHealthMonitor sets what tells the session about the health of its host;
// queues opened with SuspendsOnBadHostHealth pause while it is bad. Default nil:
// the session takes no interest.
func WithHostHealthMonitor(m HostHealthMonitor) Option {
	return sessionOption(func(c *config) { c.HostHealthMonitor = m })
}

// WithNumProcessingThreads sets how many goroutines run handlers. With more than
// one, handlers run at the same time and the order between network events is not
// kept. At least 1. Default 1.
func WithNumProcessingThreads(n int) Option {
	return sessionOption(func(c *config) { c.NumProcessingThreads = Some(n) })
}

// WithBlobBufferSize sets the size in bytes of the buffers that the native engine
// keeps messages in. The portable engine sizes its buffers itself. At least 64.
// Default 4096. With larger ones consuming takes less CPU time, since libbmq looks for
// each message in the row of buffers that its event is in; but each post without an
// answer takes up to three, however small it is: see WithMaxPendingBytes.
func WithBlobBufferSize(n int) Option {
	return sessionOption(func(c *config) { c.BlobBufferSize = Some(n) })
}

// WithChannelHighWatermark sets how many bytes may wait to be sent to the broker
// before posts wait for room; 4 MiB of them are kept for control traffic. More than
// 8 MiB. Default 128 MiB.
func WithChannelHighWatermark(n int64) Option {
	return sessionOption(func(c *config) { c.ChannelHighWatermark = Some(n) })
}

// WithEventQueueWatermarks sets the marks at which the session says that handlers
// are slow, in events that wait. 0 <= low < high. Default 50 and 2000.
func WithEventQueueWatermarks(low, high int) Option {
	return sessionOption(func(c *config) { c.EventQueueWatermarks = Some(Watermarks{low, high}) })
}

// WithStatsDumpInterval sets how often the session writes its counters to the log:
// a multiple of 30 s below one hour, or 0 for never. Default 300 s.
func WithStatsDumpInterval(d time.Duration) Option {
	return sessionOption(func(c *config) { c.StatsDumpInterval = Some(d) })
}

// WithChannelWriteTimeout sets how long a post waits for room when too much waits to
// be sent, before it fails with ErrBWLimit. 0 means not at all. Default 5 s.
func WithChannelWriteTimeout(d time.Duration) Option {
	return sessionOption(func(c *config) { c.channelWriteTimeout = d })
}

// WithMaxPendingBytes bounds the memory for posts that have no answer yet, or that
// wait for a connection. A post above the bound waits for room as it does above the
// channel high watermark. 0 means no bound, as in Python. Default 512 MiB.
//
// A post counts for its size in an event. With the native engine it counts for what
// libbmq may need for it as well: 1 KiB, and one buffer of WithBlobBufferSize, one more
// for a payload below 512 bytes or one to be compressed, one more for properties.
func WithMaxPendingBytes(n int64) Option {
	return sessionOption(func(c *config) { c.maxPendingBytes = n })
}

// WithMaxInboundBytes bounds the memory for messages that wait for the handler, or for
// Messages: their bytes, and 256 for each, which is about what a small one takes. Above
// it the portable engine stops reading from the connection until there is room, unless
// somebody waits for an answer of the broker. What MaxUnconfirmedBytes of all queues
// come to is a bound already; this one is for broadcast queues, which have no other. 0
// means no bound, as in Python. Default 512 MiB.
func WithMaxInboundBytes(n int64) Option {
	return sessionOption(func(c *config) { c.maxInboundBytes = n })
}

// WithBorrowedPayloads has the handler of messages borrow them: the Message, its
// handle, its Data and its RawProperty values are valid until the handler returns, and are
// then used for other messages. It spares the garbage collector all that receiving
// leaves behind. What a program needs longer it copies: the bytes with bytes.Clone, the
// handle as a value, for (*h).Confirm later. Properties belong to the application
// as ever. Can't be used with WithPull. Default: messages are the application's own.
func WithBorrowedPayloads() Option { return borrowOption{} }

// borrowOption and pullOption are comparable, so that those who pass on options of others
// can leave them out.
type (
	borrowOption struct{}
	pullOption   struct{}
)

func (borrowOption) applySession(c *config) { c.borrow = true }
func (pullOption) applySession(c *config)   { c.pull = true }

// WithProcessName sets the name by which the broker knows this process. Default
// os.Args[0], or "go:UNKNOWN" if there is none.
func WithProcessName(name string) Option {
	return sessionOption(func(c *config) { c.processName = name })
}

// WithUserAgentPrefix sets what stands before "blazingmq-go(...)" in the user agent
// that the broker sees: up to 96 printable ASCII characters. Default none.
func WithUserAgentPrefix(prefix string) Option {
	return sessionOption(func(c *config) { c.userAgentPrefix = prefix })
}

// WithLogger sets where the session logs what it does. The logger must not call the
// session, which may hold a lock while it logs. Default slog.Default.
func WithLogger(l *slog.Logger) Option { return sessionOption(func(c *config) { c.logger = l }) }

// WithEngine chooses what speaks to the broker. Default EngineAuto.
func WithEngine(kind EngineKind) Option { return sessionOption(func(c *config) { c.engine = kind }) }

// WithDialer sets how the portable engine makes connections, for instance through
// a proxy, with TLS or in memory. EngineAuto takes the portable engine then; the
// native one can't use it. Default a net.Dialer.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return sessionOption(func(c *config) { c.dial = dial })
}

// WithAuthnCredentialProvider sets what a session authenticates with. The provider
// is called on a goroutine of the session for each connection, and again before a
// credential's lifetime ends. Default none: the broker treats the session as
// anonymous.
func WithAuthnCredentialProvider(p AuthnCredentialProvider) Option {
	return sessionOption(func(c *config) { c.credentials = p })
}

// AuthnCredential is what a session proves its identity with.
type AuthnCredential struct {
	Mechanism string // such as MechanismBasic; case does not matter
	Data      []byte // what the mechanism wants; for BASIC "user:password"
}

// AuthnCredentialProvider returns the credential for one authentication. An error
// fails that attempt.
type AuthnCredentialProvider func(ctx context.Context) (AuthnCredential, error)

// Mechanisms that brokers have built in.
const (
	MechanismBasic     = "BASIC"
	MechanismAnonymous = "ANONYMOUS"
)

// WithRead opens the queue for reading.
func WithRead() OpenOption { return openOption(func(c *openConfig) { c.read = true }) }

// WithWrite opens the queue for writing.
func WithWrite() OpenOption { return openOption(func(c *openConfig) { c.write = true }) }

// WithQueueOptions sets the consumer options of the queue.
func WithQueueOptions(o QueueOptions) OpenOption {
	return openOption(func(c *openConfig) { c.options = o })
}
