package engine

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Config is everything an engine has to know about its session, complete and
// checked.
type Config struct {
	BrokerURI   string // tcp://host:port
	ProcessName string
	UserAgent   string

	ConnectTimeout        time.Duration
	DisconnectTimeout     time.Duration
	OpenQueueTimeout      time.Duration // of reopening; the first time it is in the request
	ConfigureQueueTimeout time.Duration // of suspending and resuming
	CloseQueueTimeout     time.Duration

	ProcessingThreads    int
	BlobBufferSize       int
	ChannelHighWatermark int64 // bytes
	ChannelWriteTimeout  time.Duration
	MaxPendingBytes      int64 // of posts without an answer; 0: no limit
	StatsDumpInterval    time.Duration
	BorrowPayloads       bool // a message's contents need to be valid until its batch is released only

	HostHealthy bool // at the start
	Credentials func(context.Context) (Credential, error)
	Dial        func(ctx context.Context, network, address string) (net.Conn, error)
	Logger      *slog.Logger
	Handler     Handler
}

// Credential is what a session authenticates with.
type Credential struct {
	Mechanism string
	Data      []byte
}
