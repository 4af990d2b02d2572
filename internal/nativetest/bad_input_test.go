//go:build cgo && (libbmq || bmqfake)

package nativetest_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/stretchr/testify/require"
)

// fatal are options that end the process if libbmq gets them: how the
// application would give them, and how they would reach it.
var fatal = []struct {
	name  string
	given bmq.Option
	raw   func(*cbridge.Options)
}{
	{"blob buffer of nothing", bmq.WithBlobBufferSize(0), func(o *cbridge.Options) { o.BlobBufferSize = 0 }},
	{"blob buffer below nothing", bmq.WithBlobBufferSize(-1), func(o *cbridge.Options) { o.BlobBufferSize = -1 }},
	{"channel watermark", bmq.WithChannelHighWatermark(8 << 20), func(o *cbridge.Options) { o.ChannelHighWatermark = 8 << 20 }},
	{"channel watermark of nothing", bmq.WithChannelHighWatermark(0), func(o *cbridge.Options) { o.ChannelHighWatermark = 0 }},
	{"uneven statistics", bmq.WithStatsDumpInterval(31 * time.Second), func(o *cbridge.Options) { o.StatsDumpInterval = 31 * time.Second }},
	{"rare statistics", bmq.WithStatsDumpInterval(time.Hour), func(o *cbridge.Options) { o.StatsDumpInterval = time.Hour }},
	{"statistics below nothing", bmq.WithStatsDumpInterval(-30 * time.Second), func(o *cbridge.Options) { o.StatsDumpInterval = -30 * time.Second }},
	{"long user agent", bmq.WithUserAgentPrefix(strings.Repeat("x", 128)), func(o *cbridge.Options) { o.UserAgent = strings.Repeat("x", 128) }},
	{"unprintable user agent", bmq.WithUserAgentPrefix("a\nb"), func(o *cbridge.Options) { o.UserAgent = "a\nb" }},
	// The shim gives libbmq values of its own for these.
	{"no threads", bmq.WithNumProcessingThreads(0), nil},
	{"threads below nothing", bmq.WithNumProcessingThreads(-1), nil},
	{"equal watermarks of events", bmq.WithEventQueueWatermarks(50, 50), nil},
	{"crossed watermarks of events", bmq.WithEventQueueWatermarks(51, 50), nil},
	{"watermarks of events below nothing", bmq.WithEventQueueWatermarks(-2, -1), nil},
}

func TestOptionsThatEndTheProcessAreRefused(t *testing.T) {
	nothingLeft(t)
	for _, f := range fatal {
		t.Run(f.name, func(t *testing.T) {
			_, err := try(t, f.given)
			require.ErrorIs(t, err, bmq.ErrValue)
		})
	}
}

const (
	rawProgram = "raw"
	rawOption  = "NATIVETEST_OPTION"
)

var programs = map[string]func(){rawProgram: raw}

// raw gives libbmq an option that nobody has checked.
func raw() {
	o := cbridge.Options{
		BrokerURI: "tcp://127.0.0.1:1", ProcessName: "raw", UserAgent: "raw",
		ConnectTimeout: time.Second, DisconnectTimeout: time.Second,
		OpenQueueTimeout: time.Second, ConfigureQueueTimeout: time.Second, CloseQueueTimeout: time.Second,
		ChannelHighWatermark: 64 << 20, StatsDumpInterval: 30 * time.Second, BlobBufferSize: 4096, Healthy: true,
	}
	for _, f := range fatal {
		if f.name == os.Getenv(rawOption) {
			f.raw(&o)
		}
	}
	s, err := cbridge.NewSession(o, nobody{})
	if err == nil {
		err = s.Start()
	}
	if err == nil {
		err = errors.Join(s.Stop(), s.Destroy())
	}
	fmt.Println("survived", err)
}

// nobody is a handler that looks at nothing.
type nobody struct{}

func (nobody) OnSessionEvent(_, _ int32, _ uint64, _ string) {}
func (nobody) OnResult(uint64, int32, string)                {}
func (nobody) OnMessages([]cbridge.Message, []byte)          {}
func (nobody) OnAcks([]cbridge.Ack)                          {}
func (nobody) Credential() (string, []byte, error)           { return "", nil, nil }
func (nobody) OnPanic(any, []byte)                           {}

// TestOptionsEndTheProcessUnchecked shows that the test above is about something.
func TestOptionsEndTheProcessUnchecked(t *testing.T) {
	exit := func(option string) int {
		cmd := proctest.Program(t, rawProgram)
		cmd.Env = append(cmd.Env, rawOption+"="+option)
		return proctest.Start(t, cmd).Exit()
	}
	require.Zero(t, exit("none"), "good options")
	for _, f := range fatal {
		if f.raw != nil {
			require.NotZero(t, exit(f.name), f.name)
		}
	}
}

func TestBadArgumentsAreRefused(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	const writer, reader = "bmq://bmq.test.mem.priority/writer", "bmq://bmq.test.mem.priority/reader"
	require.NoError(t, c.OpenQueue(ctx, writer, bmq.WithWrite()))
	require.NoError(t, c.OpenQueue(ctx, reader, bmq.WithRead()))
	openWith := func(uri string, opts ...bmq.OpenOption) error { return c.OpenQueue(ctx, uri, opts...) }
	with := func(o bmq.QueueOptions) bmq.OpenOption { return bmq.WithQueueOptions(o) }
	const other = "bmq://bmq.test.mem.priority/other"
	for name, err := range map[string]error{
		"empty payload":                c.Post(ctx, writer, nil),
		"payload of no bytes":          c.Post(ctx, writer, []byte{}),
		"empty payload with property":  c.Post(ctx, writer, nil, bmq.WithProperties(bmq.PropertyValueDict{"a": 1})),
		"payload over 64 MiB":          c.Post(ctx, writer, make([]byte, 64<<20+1)),
		"post to a reader":             c.Post(ctx, reader, []byte("x")),
		"post to nothing":              c.Post(ctx, other, []byte("x")),
		"post to no URI":               c.Post(ctx, "nonsense", []byte("x")),
		"property without a name":      c.Post(ctx, writer, []byte("x"), bmq.WithProperties(bmq.PropertyValueDict{"": 1})),
		"property with a long name":    c.Post(ctx, writer, []byte("x"), bmq.WithProperties(bmq.PropertyValueDict{strings.Repeat("n", 5000): 1})),
		"property of no type":          c.Post(ctx, writer, []byte("x"), bmq.WithProperties(bmq.PropertyValueDict{"a": struct{}{}})),
		"confirm nothing":              c.Confirm(nil),
		"confirm an unset GUID":        c.Confirm(&bmq.Message{QueueURI: reader}),
		"confirm on a writer":          c.Confirm(&bmq.Message{QueueURI: writer, GUID: bmq.MessageGUID{1}}),
		"confirm elsewhere":            c.Confirm(&bmq.Message{QueueURI: other, GUID: bmq.MessageGUID{1}}),
		"confirm by an empty handle":   (&bmq.MessageHandle{}).Confirm(),
		"open no URI":                  openWith("", bmq.WithRead()),
		"open a URI with a NUL":        openWith("bmq://bmq.test.mem.priority/a\x00b", bmq.WithRead()),
		"open a long name":             openWith("bmq://bmq.test.mem.priority/"+strings.Repeat("q", 10_000), bmq.WithRead()),
		"open for nothing":             openWith(other),
		"open twice":                   openWith(writer, bmq.WithWrite()),
		"open an application to write": openWith(other+"?id=app", bmq.WithWrite()),
		"messages below zero":          openWith(other, bmq.WithRead(), with(bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(-1)})),
		"bytes below zero":             openWith(other, bmq.WithRead(), with(bmq.QueueOptions{MaxUnconfirmedBytes: bmq.Some(-1)})),
		"bytes beyond 32 bits":         openWith(other, bmq.WithRead(), with(bmq.QueueOptions{MaxUnconfirmedBytes: bmq.Some(math.MaxInt32 + 1)})),
		"priority out of range":        openWith(other, bmq.WithRead(), with(bmq.QueueOptions{ConsumerPriority: bmq.Some(math.MaxInt32)})),
		"priority beyond 32 bits":      openWith(other, bmq.WithRead(), with(bmq.QueueOptions{ConsumerPriority: bmq.Some(math.MinInt32 - 1)})),
		"suspending unasked":           openWith(other, bmq.WithRead(), with(bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)})),
		"timeout of nothing":           openWith(other, bmq.WithRead(), bmq.WithTimeout(0)),
		"timeout below nothing":        openWith(other, bmq.WithRead(), bmq.WithTimeout(-time.Second)),
		"subscription to nonsense":     openWith(other, bmq.WithRead(), bmq.WithSubscriptions(bmq.Subscription{Expression: "a =="})),
		"configure with below zero":    c.ConfigureQueue(ctx, reader, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(-1)}),
		"configure nothing":            c.ConfigureQueue(ctx, other, bmq.QueueOptions{}),
		"configure in no time":         c.ConfigureQueue(ctx, reader, bmq.QueueOptions{}, bmq.WithTimeout(-1)),
		"close nothing":                c.CloseQueue(ctx, other),
		"close in no time":             c.CloseQueue(ctx, reader, bmq.WithTimeout(-1)),
	} {
		require.Error(t, err, name)
	}
	// The session is as good as before.
	c.post("x")
	c.waitAcks(bmq.AckSuccess)
	c.waitMessages("x")
	require.NoError(t, c.handles[0].Confirm())
}

func TestBadBrokerURIsAreRefused(t *testing.T) {
	nothingLeft(t)
	for _, uri := range []string{"", "tcp://", "tcp://h", "tcp://h:0", "tcp://h:99999", "http://h:1", "tcp://h:1\x00"} {
		_, err := try(t, bmq.WithBroker(uri))
		require.Error(t, err, uri)
	}
	t.Setenv("BMQ_BROKER_URI", "")
	_, err := try(t)
	require.ErrorIs(t, err, bmq.ErrValue, "a variable that libbmq takes for a URI")
}
