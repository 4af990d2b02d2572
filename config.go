package bmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	brokerURIVariable  = "BMQ_BROKER_URI"
	brokerURIScheme    = wire.BrokerScheme
	maxUserAgentPrefix = 96
)

func defaultProcessName() string {
	if len(os.Args) == 0 || os.Args[0] == "" {
		return "go:UNKNOWN"
	}
	return os.Args[0]
}

// userAgent says to the broker who is there.
func userAgent(prefix string) string {
	agent := fmt.Sprintf("blazingmq-go(%s):%s", runtime.Version(), Version)
	if prefix != "" {
		agent = prefix + " " + agent
	}
	return agent
}

// apply applies options. Those that are nil are skipped.
func (c *config) apply(opts []Option) {
	for _, o := range opts {
		if o != nil {
			o.applySession(c)
		}
	}
	if m, ok := c.HostHealthMonitor.(*BasicHealthMonitor); ok && m == nil {
		c.HostHealthMonitor = nil
	}
}

// validate finds everything that is wrong with the options at once.
func (c *config) validate() error {
	errs := append(c.problems, c.MessageCompressionAlgorithm.validate())
	if errors.Join(c.problems...) == nil {
		errs = append(errs, c.Timeouts.validate())
	}
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, valueError(format, args...))
		}
	}
	if n, ok := c.NumProcessingThreads.Get(); ok {
		refuse(n < 1, "NumProcessingThreads must be at least 1, was %d", n)
	}
	if n, ok := c.BlobBufferSize.Get(); ok {
		refuse(n < minBlobBufferSize, "BlobBufferSize must be at least %d bytes, was %d", minBlobBufferSize, n)
	}
	if n, ok := c.ChannelHighWatermark.Get(); ok {
		refuse(n <= minChannelHighWatermark, "ChannelHighWatermark must be more than %d bytes, was %d", minChannelHighWatermark, n)
	}
	if w, ok := c.EventQueueWatermarks.Get(); ok {
		refuse(w.Low < 0 || w.Low >= w.High, "EventQueueWatermarks need 0 <= low < high, were %d and %d", w.Low, w.High)
	}
	if d, ok := c.StatsDumpInterval.Get(); ok {
		refuse(d < 0 || d%statsDumpStep != 0 || d >= maxStatsDumpInterval,
			"StatsDumpInterval must be 0 or a multiple of %v below %v, was %v", statsDumpStep, maxStatsDumpInterval, d)
	}
	refuse(c.channelWriteTimeout < 0, "ChannelWriteTimeout must not be negative, was %v", c.channelWriteTimeout)
	refuse(c.maxPendingBytes < 0, "MaxPendingBytes must not be negative, was %d", c.maxPendingBytes)
	refuse(c.maxInboundBytes < 0, "MaxInboundBytes must not be negative, was %d", c.maxInboundBytes)
	refuse(len(c.userAgentPrefix) > maxUserAgentPrefix || !printable(c.userAgentPrefix),
		"UserAgentPrefix must be at most %d printable ASCII characters, was %q", maxUserAgentPrefix, c.userAgentPrefix)
	refuse(strings.ContainsRune(c.broker, 0), "the broker URI contains a NUL byte")
	refuse(strings.ContainsRune(c.processName, 0), "the process name contains a NUL byte")
	refuse(c.pull && c.onMessage != nil, "WithPull and WithOnMessage can't be used together")
	refuse(c.pull && c.borrow, "WithPull and WithBorrowedPayloads can't be used together: Messages hands messages out for good")
	return errors.Join(errs...)
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// brokerURI returns the URI that counts, after the environment had its say.
func (c *config) brokerURI(log *slog.Logger) (string, error) {
	override := os.Getenv(brokerURIVariable)
	if override == "" {
		return checkBrokerURI(c.broker, "")
	}
	if c.broker != DefaultBroker && c.broker != override {
		log.Warn("the broker URI of the program is overridden by the environment",
			"variable", brokerURIVariable, "uri", override, "overridden", c.broker)
	}
	return checkBrokerURI(override, " (from the environment variable "+brokerURIVariable+")")
}

// checkBrokerURI refuses anything but tcp://host:port, which it returns without the slash
// that may follow.
func checkBrokerURI(uri, origin string) (string, error) {
	address, ok := wire.BrokerAddress(uri)
	if !ok {
		return "", statusError(opStart, "", engine.Status{
			Code: engine.InvalidArgument,
			Text: fmt.Sprintf("broker URI %q%s is not of the form tcp://host:port", uri, origin),
		})
	}
	return brokerURIScheme + address, nil
}

// engineConfig is what the engine needs to know.
func (c *config) engineConfig(uri string, log *slog.Logger, h engine.Handler) engine.Config {
	t := c.Timeouts.withDefaults()
	cfg := engine.Config{
		BrokerURI:             uri,
		ProcessName:           c.processName,
		UserAgent:             userAgent(c.userAgentPrefix),
		ConnectTimeout:        t.ConnectTimeout,
		DisconnectTimeout:     t.DisconnectTimeout,
		OpenQueueTimeout:      t.OpenQueueTimeout,
		ConfigureQueueTimeout: t.ConfigureQueueTimeout,
		CloseQueueTimeout:     t.CloseQueueTimeout,
		ProcessingThreads:     c.NumProcessingThreads.Or(1),
		BlobBufferSize:        c.BlobBufferSize.Or(defaultBlobBufferSize),
		ChannelHighWatermark:  c.ChannelHighWatermark.Or(defaultChannelHighWatermark),
		ChannelWriteTimeout:   c.channelWriteTimeout,
		MaxPendingBytes:       c.maxPendingBytes,
		StatsDumpInterval:     c.StatsDumpInterval.Or(defaultStatsDumpInterval),
		BorrowPayloads:        c.borrow,
		HostHealthy:           c.HostHealthMonitor == nil || c.HostHealthMonitor.State() == HostHealthy,
		Dial:                  c.dial,
		Logger:                log,
		Handler:               h,
	}
	if p := c.credentials; p != nil {
		cfg.Credentials = func(ctx context.Context) (engine.Credential, error) {
			credential, err := p(ctx)
			return engine.Credential(credential), err
		}
	}
	return cfg
}

func (c *config) watermarks() Watermarks {
	return c.EventQueueWatermarks.Or(Watermarks{defaultEventLowWatermark, defaultEventHighWatermark})
}

func (c *config) log() *slog.Logger { return cmp.Or(c.logger, slog.Default()) }
