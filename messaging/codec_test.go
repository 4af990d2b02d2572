package messaging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/messaging"
	"github.com/bmq-go/bmq/sessionevents"
)

func ignoreEvents(sessionevents.SessionEvent) {}

type order struct {
	ID   int64     `json:"id"`
	When time.Time `json:"when"`
}

func TestWhatIsDecodedIsWhatWasSent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sent := order{ID: 1 << 60, When: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
		w.publishes(orders, sent, &messaging.Message{Body: sent, Codec: "gob"}, "text", []byte{0, 1}, json.RawMessage(`[1]`))
		k := w.consumer(w.client(), messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, Accept: []string{"json", messaging.ContentGob, "text", "raw"},
		})
		for range 2 {
			got, err := messaging.Decode[order](w.fetch(k))
			require.NoError(t, err)
			require.Equal(t, sent, got)
		}
		text := w.fetch(k)
		s, err := messaging.Decode[string](text)
		require.NoError(t, err)
		require.Equal(t, "text", s)
		b, err := messaging.Decode[[]byte](text)
		require.NoError(t, err)
		require.Equal(t, "text", string(b))
		v, err := messaging.Decode[any](text)
		require.NoError(t, err)
		require.Equal(t, "text", v)
		raw := w.fetch(k)
		v, err = messaging.Decode[any](raw)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 1}, v)
		_, err = messaging.Decode[order](raw)
		require.ErrorIs(t, err, messaging.ErrDecode)
		list, err := messaging.Decode[[]int](w.fetch(k))
		require.NoError(t, err)
		require.Equal(t, []int{1}, list)
	})
}

func TestBodiesThatCanNotBeTrustedAreNotDecoded(t *testing.T) {
	for what, c := range map[string]struct {
		body any
		is   error
	}{
		"content that is not accepted": {&messaging.Message{Body: order{}, Codec: "gob"}, messaging.ErrContentDisallowed},
		"pickle":                       {&messaging.Message{Body: []byte("x"), ContentType: "application/x-python-serialize"}, messaging.ErrContentDisallowed},
		"bad JSON":                     {&messaging.Message{Body: []byte("{"), ContentType: messaging.ContentJSON}, messaging.ErrDecode},
		"not UTF-8":                    {&messaging.Message{Body: []byte("\xff"), ContentType: messaging.ContentText, ContentEncoding: "utf-8"}, messaging.ErrDecode},
		"not ASCII":                    {&messaging.Message{Body: "é", ContentType: messaging.ContentText, ContentEncoding: "us-ascii"}, messaging.ErrDecode},
		"unknown character set":        {&messaging.Message{Body: "e", ContentType: messaging.ContentText, ContentEncoding: "koi8-r"}, messaging.ErrDecode},
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.publishes(orders, c.body)
				var v any
				err := w.fetch(w.reads(w.client(), orders)).Decode(&v)
				require.ErrorIs(t, err, c.is)
				require.ErrorIs(t, err, messaging.ErrDecode)
				require.Nil(t, v)
			})
		})
	}
}

func TestADeliveryThatCanNotBeDecodedIsADeadLetterAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, &messaging.Message{Body: []byte("{"), ContentType: messaging.ContentJSON})
		c := w.client()
		k := w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, DeadLetter: dead}}})
		r := w.runs(k, messaging.Handle(func(context.Context, order, *messaging.Delivery) error { panic("it is not called") }))
		require.Equal(t, "{", string(w.fetch(w.reads(c, dead)).Data()))
		require.NoError(t, r.end())
		require.Equal(t, uint64(1), c.Stats().Failed)
	})
}

func TestContentThatHasNoNameIsRawUnlessSaidOtherwise(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, []byte(`{"id":3}`))
		k := w.consumer(w.client(), messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: orders}}, DefaultContentType: messaging.ContentJSON,
		})
		got, err := messaging.Decode[order](w.fetch(k))
		require.NoError(t, err)
		require.Equal(t, int64(3), got.ID)
	})
}

// reverse is a codec and a compressor.
type reverse struct{}

func (reverse) Name() string            { return "reverse" }
func (reverse) ContentType() string     { return "text/reverse" }
func (reverse) ContentEncoding() string { return "utf-8" }
func (reverse) Encode(v any) ([]byte, error) {
	return turned([]byte(v.(string))), nil
}
func (reverse) Decode(data []byte, v any) error { *v.(*string) = string(turned(data)); return nil }

func turned(data []byte) []byte {
	out := bytes.Clone(data)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func TestCodecsCanBeAddedAndRemoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		registry := messaging.NewRegistry()
		registry.Register(reverse{})
		c := w.client(func(cfg *messaging.Config) { cfg.Codecs = registry })
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Codec: "reverse"})
		k := w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: other}}, Accept: []string{"reverse"}})
		_, err := p.Publish(t.Context(), &messaging.Message{Body: "abc", Queue: other, Codec: "reverse"})
		require.NoError(t, err)
		d := w.fetch(k)
		require.Equal(t, "cba", string(d.Data()))
		s, err := messaging.Decode[string](d)
		require.NoError(t, err)
		require.Equal(t, "abc", s)
		var n int
		require.ErrorIs(t, d.Decode(&n), messaging.ErrDecode, "a codec that panics")

		registry.Unregister("reverse")
		_, err = c.NewProducer(t.Context(), messaging.ProducerConfig{Codec: "reverse"})
		require.ErrorIs(t, err, messaging.ErrNoCodec)
		_, err = c.NewConsumer(t.Context(), messaging.ConsumerConfig{Accept: []string{"reverse"}})
		require.ErrorIs(t, err, messaging.ErrNoCodec)
		require.ErrorIs(t, d.Decode(&s), messaging.ErrNoCodec)
	})
}

func TestCompressionIsSaidAndUndone(t *testing.T) {
	long := strings.Repeat("compressible ", 1000)
	for _, c := range []struct {
		compression, body, says string
		smaller                 bool
	}{
		{"gzip", long, "gzip", true},
		{"gzip", "short", "", false},
		{"zlib", long, "", false}, // it is done by the session, and not seen here
		{"none", long, "", false},
	} {
		t.Run(c.compression, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, Compression: c.compression})
				r, err := p.Publish(t.Context(), c.body)
				require.NoError(t, err)
				require.Equal(t, len(c.body), r.Size)
				require.Equal(t, c.smaller, r.Posted < r.Size)
				require.Equal(t, c.compression == "zlib", w.Messages(orders, "", 0, 1)[0].Compressed)
				d := w.fetch(w.reads(w.client(), orders))
				says, _ := d.Message().Properties().Str("compression")
				require.Equal(t, c.says, says)
				body, err := d.Body()
				require.NoError(t, err)
				require.Equal(t, c.body, string(body))
				s, err := messaging.Decode[string](d)
				require.NoError(t, err)
				require.Equal(t, c.body, s)
			})
		})
	}
}

func TestDecompressionHasALimit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, Compression: messaging.CompressionGzip})
		_, err := p.Publish(t.Context(), make([]byte, 1<<20))
		require.NoError(t, err)
		c := w.client(func(cfg *messaging.Config) { cfg.MaxBody = 1<<20 - 1 })
		_, err = w.fetch(w.reads(c, orders)).Body()
		require.ErrorIs(t, err, messaging.ErrTooLarge)
		require.ErrorIs(t, err, messaging.ErrDecode)
	})
}

func TestALimitThatIsNoneIsOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *messaging.Config) { cfg.MaxBody = math.MaxInt64 })
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Compression: messaging.CompressionGzip})
		_, err := p.Publish(t.Context(), make([]byte, 1<<20))
		require.NoError(t, err)
		body, err := w.fetch(w.reads(c, orders)).Body()
		require.NoError(t, err)
		require.Len(t, body, 1<<20)
	})
}

// clumsy is a compressor that can't do it.
type clumsy struct{ compresses bool }

func (clumsy) Name() string { return "clumsy" }

func (c clumsy) Compress([]byte) ([]byte, error) {
	if !c.compresses {
		panic("compressing")
	}
	return []byte("small"), nil
}

func (clumsy) Decompress([]byte, int64) ([]byte, error) { panic("decompressing") }

func TestACompressorMayPanic(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		registry := messaging.NewRegistry()
		registry.RegisterCompressor(clumsy{})
		c := w.client(func(cfg *messaging.Config) { cfg.Codecs = registry })
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Compression: "clumsy"})
		var panicked *messaging.PanicError
		_, err := p.Publish(t.Context(), make([]byte, 2000))
		require.ErrorIs(t, err, messaging.ErrEncode)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.ErrorAs(t, err, &panicked)
		registry.RegisterCompressor(clumsy{compresses: true})
		_, err = p.Publish(t.Context(), make([]byte, 2000))
		require.NoError(t, err)
		_, err = w.fetch(w.reads(c, orders)).Body()
		require.ErrorIs(t, err, messaging.ErrDecode)
		require.ErrorAs(t, err, &panicked)
		require.Equal(t, "decompressing", panicked.Value)
	})
}

func TestWhatClaimsToBeCompressedMayNotBe(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(other, "x")
		s := w.poster(orders)
		for _, name := range []string{"gzip", "brotli"} {
			_, err := s.PostAndWait(t.Context(), orders, []byte("plain"), bmq.WithProperties(bmq.PropertyValueDict{"compression": name}))
			require.NoError(t, err)
		}
		k := w.reads(w.client(), orders)
		_, err := w.fetch(k).Body()
		require.ErrorIs(t, err, messaging.ErrDecode)
		_, err = w.fetch(k).Body()
		require.ErrorIs(t, err, messaging.ErrNoCodec)
	})
}

func TestWhatOthersCallExpirationIsNone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.poster(orders)
		k := w.reads(w.client(), orders)
		for _, value := range []any{"2026", "a", []byte{0, 0, 0, 1}, false} {
			_, err := s.PostAndWait(t.Context(), orders, []byte("x"), bmq.WithProperties(bmq.PropertyValueDict{
				"expires_at": value, "timestamp": value, "attempts": value,
			}))
			require.NoError(t, err)
			d := w.fetch(k)
			require.Zero(t, d.Expires())
			require.Zero(t, d.Timestamp())
			require.Equal(t, 1, d.Attempt())
			require.NoError(t, d.Ack())
		}
		for _, value := range []any{int16(1), int32(1), int64(1)} {
			_, err := s.PostAndWait(t.Context(), orders, []byte("x"), bmq.WithProperties(bmq.PropertyValueDict{"expires_at": value}))
			require.NoError(t, err)
		}
		w.nothing(k)
	})
}

func TestWhatOthersCallByNamesOfThisPackageIsNoText(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.poster(orders)
		k := w.reads(w.client(), orders)
		for _, value := range []any{int64(0x41), byte('A'), true, []byte("gzip")} {
			all := make(bmq.PropertyValueDict)
			for _, name := range []string{
				"content_type", "content_encoding", "compression", "routing_key", "exchange", "message_id", "correlation_id", "reply_to",
				"type", "app_id", "user_id",
			} {
				all[name] = value
			}
			_, err := s.PostAndWait(t.Context(), orders, []byte("x"), bmq.WithProperties(all))
			require.NoError(t, err)
			d := w.fetch(k)
			for _, text := range []string{
				d.ContentType(), d.ContentEncoding(), d.Key(), d.Exchange(), d.MessageID(), d.CorrelationID(), d.ReplyTo(), d.Type(), d.AppID(), d.UserID(),
			} {
				require.Empty(t, text)
			}
			body, err := d.Body()
			require.NoError(t, err)
			require.Equal(t, "x", string(body))
			require.NoError(t, d.Ack())
		}
	})
}

func TestEncodeMakesAMessageThatIsNotEncodedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		m, err := p.Encode(&messaging.Message{Body: order{ID: 5}, Type: "order"})
		require.NoError(t, err)
		require.Equal(t, messaging.ContentJSON, m.ContentType)
		require.IsType(t, []byte{}, m.Body)
		_, err = p.Publish(t.Context(), m)
		require.NoError(t, err)
		d := w.fetch(w.reads(w.client(), orders))
		got, err := messaging.Decode[order](d)
		require.NoError(t, err)
		require.Equal(t, order{ID: 5}, got)
		require.Equal(t, "order", d.Type())
	})
}

func FuzzGzipIsBounded(f *testing.F) {
	f.Add([]byte("\x1f\x8b"))
	registry := messaging.NewRegistry()
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := registry.Compressor("gzip")
		require.NoError(t, err)
		out, err := c.Decompress(data, 1000)
		if err == nil {
			require.LessOrEqual(t, len(out), 1000)
		}
	})
}
