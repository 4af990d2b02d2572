package portable

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// Feature strings of older brokers.
const (
	noFeatures      = "PROTOCOL_ENCODING:BER,JSON"
	noSubscriptions = "PROTOCOL_ENCODING:BER,JSON;MPS:MESSAGE_PROPERTIES_EX"
)

func withFeatures(sc *scene, features string) { sc.response.BrokerIdentity.Features = features }

// openOld opens a reader at a broker without configureStream.
func (l *link) openOld(name string) *client {
	l.Helper()
	c := l.opens(name, reader)
	l.does(openQueue, oldConfig)
	l.expect("open " + name + " ok")
	return c
}

func TestABrokerWithoutSubscriptions(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		withFeatures(sc, noSubscriptions)
		l := sc.up()
		foo := l.openOld("q?id=foo")
		l.openOld("q?id=bar")
		l.openOld("p")
		l.push(0, 1, "to both", 2, 1)
		l.push(1, 2, "to p", 0)
		l.push(1, 3, "to p as well")
		sc.expect("message q?id=bar to both", "message q?id=foo to both", "message p to p", "message p to p as well")
		foo.configures(limited(7))
		req := l.request(oldConfig)
		p := req.Choice.ConfigureQueueStream.StreamParameters
		require.Equal(t, int64(7), p.MaxUnconfirmedMessages)
		require.Equal(t, uint32(1), p.SubIDInfo.SubID)
		require.Equal(t, "foo", p.SubIDInfo.AppID)
		l.agree(req)
		foo.closes()
		stop := l.request(oldDeconf)
		require.Zero(t, stop.Choice.ConfigureQueueStream.StreamParameters.ConsumerPriorityCount)
		l.agree(stop)
		l.does(closeQueue)
		sc.expect("configure q?id=foo ok", "close q?id=foo ok")
	})
}

func TestSubscriptionsAreNotSupportedByAnOldBroker(t *testing.T) {
	filtered := defaultOptions
	filtered.Subscriptions = []engine.Subscription{{Expression: "x > 1", MaxUnconfirmedMessages: 1}}
	plain := defaultOptions
	plain.Subscriptions = []engine.Subscription{{MaxUnconfirmedMessages: 3, Handle: "handle"}}
	play(t, func(t *testing.T, sc *scene) {
		withFeatures(sc, noSubscriptions)
		l := sc.up()
		sc.opensWith("q", reader, filtered)
		l.does(openQueue, closeQueue)
		sc.expect("open q NOT_SUPPORTED")
		c := sc.opensWith("q", reader, plain)
		l.does(openQueue)
		req := l.request(oldConfig)
		require.Equal(t, int64(3), req.Choice.ConfigureQueueStream.StreamParameters.MaxUnconfirmedMessages)
		l.agree(req)
		l.push(1, 1, "m", 0)
		sc.expect("open q ok", "message q m handle")
		c.configures(filtered)
		sc.expect("configure q NOT_SUPPORTED")
		l.push(1, 1, "m", 0)
		sc.expect("message q m handle")
	})
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.opensWith("q", reader, filtered)
		l.does(openQueue, configure)
		l.drop()
		withFeatures(sc, noSubscriptions)
		l = sc.back()
		l.does(openQueue, closeQueue)
		sc.expect("open q ok", "CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT q NOT_SUPPORTED", "STATE_RESTORED")
	})
}

func TestTheNextBrokerMayBeOlderOrNewer(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configures(limited(5))
		l.request(configure)
		l.drop()
		withFeatures(sc, noFeatures)
		l = sc.back()
		l.does(openQueue, oldConfig)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
		again := l.request(oldConfig) // the kept request, in words that this broker knows
		require.Equal(t, int64(5), again.Choice.ConfigureQueueStream.StreamParameters.MaxUnconfirmedMessages)
		l.drop()
		sc.expect("CONNECTION_LOST")
		withFeatures(sc, allFeatures)
		l = sc.back()
		l.does(openQueue, configure, configure)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED", "configure q ok")
	})
}

var someProperties = []wire.Property{
	{Name: "a", Type: wire.PropertyString, Str: "x"},
	{Name: "b", Type: wire.PropertyInt64, Num: 2},
}

var long = strings.Repeat("compressible ", 1000)

func (c *client) postsWith(payload string, props []wire.Property, z wire.Compression) {
	c.Helper()
	st := c.q.Post(context.Background(), engine.Put{
		Payload: []byte(payload), Properties: props, Compression: z, WantAck: true, Cookie: "m",
	})
	require.Equal(c, "ok", codeName(st))
}

// unpackPut reads a message as a broker would, and says how it was sent.
func unpackPut(t *testing.T, p put) (props map[string]string, payload string, oldStyle bool) {
	t.Helper()
	data := []byte(p.data)
	inflate := func() {
		if p.Compression == wire.CompressionZlib {
			var err error
			data, err = wire.Inflate(data, 1<<20)
			require.NoError(t, err)
		}
	}
	if p.Flags&wire.FlagProperties == 0 {
		require.Zero(t, p.Schema)
		inflate()
		return nil, string(data), false
	}
	oldStyle = p.Schema == wire.SchemaOldStyle
	if oldStyle {
		inflate()
	}
	area, rest, err := wire.ParseProperties(data, oldStyle)
	require.NoError(t, err)
	if data = rest; !oldStyle {
		inflate()
	}
	props = make(map[string]string)
	for r := range area.All {
		props[string(r.Name)] = string(r.Value)
	}
	return props, string(data), oldStyle
}

func TestPropertiesInTheStyleOfTheBroker(t *testing.T) {
	for _, test := range []struct {
		features string
		old      bool
	}{{allFeatures, false}, {noFeatures, true}} {
		play(t, func(t *testing.T, sc *scene) {
			withFeatures(sc, test.features)
			l := sc.up()
			c := l.open("q", writer)
			for _, z := range []wire.Compression{wire.CompressionNone, wire.CompressionZlib} {
				for _, payload := range []string{"short", long} {
					c.postsWith(payload, someProperties, z)
					p := l.puts()[0]
					props, got, old := unpackPut(t, p)
					require.Equal(t, payload, got)
					require.Equal(t, map[string]string{"a": "x", "b": "\x00\x00\x00\x00\x00\x00\x00\x02"}, props)
					require.Equal(t, test.old, old)
					require.Equal(t, z == wire.CompressionZlib && payload == long, p.Compression == wire.CompressionZlib)
				}
			}
		})
	}
}

func TestPostsAreAdaptedToTheBrokerTheyMeetInTheEnd(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		withFeatures(sc, allFeatures)
		l := sc.up()
		c := l.open("q", writer)
		c.postsWith("1", someProperties, wire.CompressionNone)
		first := l.puts()[0]
		c.postsWith(long, someProperties, wire.CompressionZlib)
		l.puts()
		l.drop()
		c.postsWith("3", someProperties, wire.CompressionNone) // a guess
		c.postsWith("4", nil, wire.CompressionNone)
		c.postsWith(long, nil, wire.CompressionZlib)
		withFeatures(sc, noFeatures)
		l = sc.back()
		l.does(openQueue)
		list := l.puts()
		require.Len(t, list, 5)
		require.Equal(t, first.GUID, list[0].GUID)
		for i, want := range []string{"1", long, "3", "4", long} {
			_, payload, old := unpackPut(t, list[i])
			require.Equal(t, want, payload)
			require.Equal(t, i < 3, old)
		}
		require.Equal(t, wire.CompressionZlib, list[1].Compression)
		pending := sc.s.Stats()
		var bytes int
		for _, p := range list {
			bytes += len(p.wire)
		}
		require.Equal(t, int64(bytes), pending.PendingBytes)

		// A newer broker reads the old style as well.
		l.drop()
		withFeatures(sc, allFeatures)
		l = sc.back()
		l.does(openQueue)
		require.Equal(t, list, l.puts())
		sc.rec.take()
	})
}

func TestAPostThatWaitedForRoomIsPackedForTheBrokerThatIsThere(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.MaxPendingBytes, sc.cfg.ChannelWriteTimeout = 100, time.Hour
		l := sc.up()
		c := l.open("q", writer)
		c.posts("first " + strings.Repeat("x", 60))
		l.puts()
		go c.postsWith(long, someProperties, wire.CompressionZlib)
		sc.pass(time.Second)
		l.drop()
		withFeatures(sc, noFeatures)
		l = sc.back()
		l.does(openQueue)
		l.ack(wire.AckSuccess, l.puts()...)
		_, payload, old := unpackPut(t, l.puts()[0])
		require.True(t, old)
		require.Equal(t, long, payload)
		sc.rec.take()
	})
}

func TestReceivedPropertiesOfBothStyles(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		for _, old := range []bool{true, false} {
			for _, compressed := range []bool{true, false} {
				area := wire.AppendProperties(nil, someProperties, old)
				payload := []byte(long)
				h := wire.PushHeader{Flags: wire.FlagProperties, GUID: wire.GUID{1}, Schema: wire.SchemaNone}
				if old {
					h.Schema = wire.SchemaOldStyle
				}
				data := append(bytes.Clone(area), payload...)
				if compressed {
					h.Compression = wire.CompressionZlib
					if old {
						data, _ = wire.Deflate(nil, data)
					} else {
						payload, _ = wire.Deflate(nil, payload)
						data = append(area, payload...)
					}
				}
				b := wire.AppendPushHeader(nil, &h, 0, len(data))
				l.event(wire.EventPush, wire.AppendPadding(append(b, data...), len(data)))
				sc.expect("message q " + long)
				m := sc.rec.messages[len(sc.rec.messages)-1]
				require.NoError(t, m.PropertiesErr)
				require.Equal(t, 2, m.Properties.Len())
			}
		}
	})
}
