package interop_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// Messages of package messaging are messages for everybody, and the other way round.

func messagingClient(t *testing.T, b *bmqtest.Broker) *messaging.Client {
	t.Helper()
	c, err := messaging.Dial(t.Context(), messaging.Config{Brokers: []string{b.URI()}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestWhatMessagingSaysOfAMessageIsThereForPython(t *testing.T) {
	pythonCommand(t)
	b := bmqtest.Start(t)
	c := consumer(t, python, b, priorityURI)
	p, err := messagingClient(t, b).NewProducer(t.Context(), messaging.ProducerConfig{Queue: priorityURI, AppID: "shop"})
	require.NoError(t, err)
	text := strings.Repeat("long ", 1000)
	for _, compression := range []string{messaging.CompressionNone, messaging.CompressionZLIB} {
		_, err = p.Publish(t.Context(), &messaging.Message{
			Body: text, Key: "order.new", CorrelationID: "c", ReplyTo: "bmq://d/q", MessageID: "m", Type: "greeting", UserID: "me",
			Timestamp: time.UnixMilli(1234567890123), Compression: compression,
			Header: messaging.Header{"dotted.name": "x", "under_score": int32(5), "ok": true, "raw": []byte{1, 2}},
		})
		require.NoError(t, err)
		require.Equal(t, []property{
			{"app_id", "STRING", "shop"}, {"content_encoding", "STRING", "utf-8"}, {"content_type", "STRING", "text/plain"},
			{"correlation_id", "STRING", "c"}, {"dotted.name", "STRING", "x"}, {"message_id", "STRING", "m"}, {"ok", "BOOL", "true"},
			{"raw", "BINARY", "AQI="}, {"reply_to", "STRING", "bmq://d/q"}, {"routing_key", "STRING", "order.new"},
			{"timestamp", "INT64", "1234567890123"}, {"type", "STRING", "greeting"}, {"under_score", "INT32", "5"},
			{"user_id", "STRING", "me"},
		}, sorted(c.receive(text).Properties))
	}
}

func TestWhatPythonSaysOfAMessageIsThereForMessaging(t *testing.T) {
	pythonCommand(t)
	b := bmqtest.Start(t)
	k, err := messagingClient(t, b).NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: priorityURI}}})
	require.NoError(t, err)
	p := producer(t, python, b, priorityURI)
	p.mustPost(priorityURI, `{"id": 7}`, property{"content_type", "STRING", "application/json"}, property{"content_encoding", "STRING", "utf-8"},
		property{"routing_key", "STRING", "order.new"}, property{"timestamp", "INT64", "1234567890123"}, property{"n", "SHORT", "3"})
	p.mustPost(priorityURI, "plain bytes")
	d, err := k.Fetch(t.Context())
	require.NoError(t, err)
	body, err := messaging.Decode[map[string]int](d)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"id": 7}, body)
	require.Equal(t, "order.new", d.Key())
	require.Equal(t, int64(1234567890123), d.Timestamp().UnixMilli())
	require.Equal(t, messaging.Header{"n": int16(3)}, d.Header())
	require.NoError(t, d.Ack())
	d, err = k.Fetch(t.Context())
	require.NoError(t, err)
	raw, err := messaging.Decode[any](d)
	require.NoError(t, err)
	require.Equal(t, []byte("plain bytes"), raw)
	require.NoError(t, d.Ack())
}
