package wire_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

const putExample = `00000034 42020000 1000000b 00000009 00000000 40000000 000000a9 976d24e9 c83c5eb9
	9a71bb4c 00000000 68656c6c 6f030303`

const pushExample = `00000038 44020000 0000000c 00000208 00000000 40000000000000a9976d24e9c83c5eb9 00000000
	04000002 00000001 68656c6c 6f030303`

// appendPut appends a PUT message without options.
func appendPut(dst []byte, h wire.PutHeader, data []byte) []byte {
	dst = wire.AppendPutHeader(dst, &h, 0, len(data))
	return wire.AppendPadding(append(dst, data...), len(data))
}

func TestPutExample(t *testing.T) {
	h := wire.PutHeader{Flags: wire.FlagAckRequested, GUID: exampleGUID(t), CRC: wire.Checksum([]byte("hello"))}
	event := appendPut(wire.AppendEventHeader(nil, wire.EventPut, 0), h, []byte("hello"))
	wire.FinishEvent(event, 0)
	require.Equal(t, wiretest.Hex(t, putExample), event)
	require.Len(t, event, wire.EventHeaderSize+wire.PutSize(5))

	r := wire.NewPutReader(event[wire.EventHeaderSize:])
	var m wire.PutMessage
	require.True(t, r.Next(&m))
	require.Equal(t, h, m.PutHeader)
	require.Empty(t, m.Options)
	require.Equal(t, "hello", string(m.Data))
	require.Equal(t, event[wire.EventHeaderSize:], m.Wire)
	require.False(t, r.Next(&m))
	require.NoError(t, r.Err())
}

func TestPushExample(t *testing.T) {
	h := wire.PushHeader{GUID: exampleGUID(t)}
	event := wire.AppendPushHeader(wire.AppendEventHeader(nil, wire.EventPush, 0), &h, wire.SubQueueIDsSize(1), 5)
	event = wire.AppendSubQueueIDs(event, 1)
	event = wire.AppendPadding(append(event, "hello"...), 5)
	wire.FinishEvent(event, 0)
	require.Equal(t, wiretest.Hex(t, pushExample), event)
	require.Len(t, event, wire.EventHeaderSize+wire.PushSize(wire.SubQueueIDsSize(1), 5))

	r := wire.NewPushReader(event[wire.EventHeaderSize:])
	var m wire.PushMessage
	require.True(t, r.Next(&m))
	require.Equal(t, h, m.PushHeader)
	require.Equal(t, "hello", string(m.Data))
	refs, err := wire.AppendSubscriptions(nil, m.Options)
	require.NoError(t, err)
	require.Equal(t, []wire.SubscriptionRef{{ID: 1, RDA: wire.RDAUnlimited}}, refs)
	require.False(t, r.Next(&m))
	require.NoError(t, r.Err())
}

func TestMessageHeadersHoldAllFields(t *testing.T) {
	id := wire.GUID(bytes.Repeat([]byte{0xee}, wire.GUIDSize))
	put := wire.PutHeader{
		Flags: 0xf, Compression: wire.CompressionZlib, QueueID: -2, GUID: id, CRC: 0xfffffffe, Schema: 0xfffd,
	}
	options := wire.AppendSubQueueIDs(nil, 1, 2, 3)
	data := []byte("data")
	b := append(wire.AppendPutHeader(nil, &put, len(options), len(data)), options...)
	b = wire.AppendPadding(append(b, data...), len(data))
	b = appendPut(b, wire.PutHeader{Flags: wire.FlagProperties, Schema: wire.SchemaOldStyle}, []byte("x"))
	puts := wire.NewPutReader(b)
	var m wire.PutMessage
	require.True(t, puts.Next(&m))
	require.Equal(t, wire.PutMessage{PutHeader: put, Options: options, Data: data, Wire: b[:60]}, m)
	require.True(t, puts.Next(&m))
	require.Equal(t, wire.PutHeader{Flags: wire.FlagProperties}, m.PutHeader, "fields of the message before are left")
	require.False(t, puts.Next(&m))
	require.NoError(t, puts.Err())

	push := wire.PushHeader{
		Flags: wire.FlagProperties | wire.FlagOutOfOrder, Compression: wire.CompressionZlib, QueueID: -2, GUID: id, Schema: 0xfffd,
	}
	b = append(wire.AppendPushHeader(nil, &push, len(options), len(data)), options...)
	b = wire.AppendPadding(append(b, data...), len(data))
	pushes := wire.NewPushReader(b)
	var p wire.PushMessage
	require.True(t, pushes.Next(&p))
	require.Equal(t, wire.PushMessage{PushHeader: push, Options: options, Data: data}, p)
	require.False(t, pushes.Next(&p))
	require.NoError(t, pushes.Err())
}

func TestCorrelationIDStandsInTheGUIDField(t *testing.T) {
	require.Equal(t, uint32(0x010203), (&wire.PutHeader{GUID: wire.GUID{0xff, 1, 2, 3, 4}}).CorrelationID())
	require.Zero(t, (&wire.PutHeader{}).CorrelationID())
}

func TestHeadersOfAnotherSizeAreReadAsFarAsKnown(t *testing.T) {
	const guid = "40000000000000a9976d24e9c83c5eb9"
	for name, c := range map[string]struct {
		body   string
		schema wire.SchemaID
	}{
		"without schema": {"2000000b 00000008 00000007" + guid + "9a71bb4c 78797a7a 04040404", 0},
		"with more":      {"2000000c 0000000a 00000007" + guid + "9a71bb4c 00030000 eeeeeeee 78797a7a 04040404", 3},
	} {
		body := wiretest.Hex(t, c.body)
		body[3] = byte(len(body) / 4)
		r := wire.NewPutReader(body)
		var m wire.PutMessage
		require.True(t, r.Next(&m), "%s: %v", name, r.Err())
		require.Equal(t, wire.PutHeader{
			Flags: wire.FlagProperties, QueueID: 7, GUID: exampleGUID(t), CRC: 0x9a71bb4c, Schema: c.schema,
		}, m.PutHeader, name)
		require.Equal(t, "xyzz", string(m.Data), name)
	}
	for name, c := range map[string]struct {
		body   string
		schema wire.SchemaID
	}{
		"without schema": {"20000000 00000007 00000007" + guid + "78797a7a 04040404", 0},
		"with more":      {"20000000 00000009 00000007" + guid + "00030000 eeeeeeee 78797a7a 04040404", 3},
	} {
		body := wiretest.Hex(t, c.body)
		body[3] = byte(len(body) / 4)
		r := wire.NewPushReader(body)
		var m wire.PushMessage
		require.True(t, r.Next(&m), "%s: %v", name, r.Err())
		require.Equal(t, wire.PushHeader{
			Flags: wire.FlagProperties, QueueID: 7, GUID: exampleGUID(t), Schema: c.schema,
		}, m.PushHeader, name)
		require.Equal(t, "xyzz", string(m.Data), name)
	}
}

// A hostile message has 48 bytes, of which the first two words and the padding decide.
type hostileMessage struct{ words, tail, text string }

// testHostile reads a good message and a hostile one behind it. The header of both
// has words words, the last of which is the schema id.
func testHostile(t *testing.T, words int, cases map[string]hostileMessage, next func(body []byte) (read func() (string, bool), err func() error)) {
	t.Helper()
	good := make([]byte, 4*words)
	copy(good, []byte{0, 0, 0, byte(words + 2), 0, 0, 0, byte(words)})
	good = wire.AppendPadding(append(good, "good"...), 4)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bad := make([]byte, 48)
			copy(bad, wiretest.Hex(t, c.words))
			bad[4*words-3] = 3 // schema id
			copy(bad[4*words:], "hostile data")
			tail := wiretest.Hex(t, c.tail)
			copy(bad[48-len(tail):], tail)
			read, err := next(append(bytes.Clone(good), bad...))
			data, ok := read()
			require.True(t, ok)
			require.Equal(t, "good", data)
			_, ok = read()
			require.False(t, ok)
			require.ErrorIs(t, err(), wire.ErrMalformed)
			require.ErrorContains(t, err(), "message 2: ")
			require.ErrorContains(t, err(), c.text)
			_, ok = read()
			require.False(t, ok, "reading goes on behind an error")
		})
	}
}

func TestHostilePutMessagesEndTheEvent(t *testing.T) {
	testHostile(t, 9, map[string]hostileMessage{
		"no words":                      {"00000000 00000009", "", "a header of 36 and options of 0 bytes in 0"},
		"more words than the event":     {"0000000d 00000009", "", "it has 52 bytes, the event only 48 more"},
		"all words that can be said":    {"0fffffff 00000009", "", "the event only 48 more"},
		"fewer words than the header":   {"00000008 00000009", "", "a header of 36"},
		"header of no word":             {"0000000c 00000000", "", "a header of 0"},
		"header of one word":            {"0000000c 00000001", "", "a header of 4"},
		"header of two words":           {"0000000c 00000002", "01", "header of 8 bytes"},
		"header without checksum":       {"0000000c 00000007", "01", "header of 28 bytes"},
		"header beyond the message":     {"0000000c 0000001f", "", "a header of 124"},
		"options beyond the message":    {"0000000c 00000409", "", "options of 16 bytes in 48"},
		"options of 64 MiB":             {"0000000c ffffff09", "", "options of 67108860 bytes"},
		"nothing behind the options":    {"0000000c 00000309", "01", "the padding is not valid"},
		"padding of 0":                  {"0000000c 00000009", "00", "the padding is not valid"},
		"padding of 5":                  {"0000000c 00000009", "05", "the padding is not valid"},
		"padding of 255":                {"0000000c 00000009", "ff", "the padding is not valid"},
		"no data":                       {"0000000c 00000209", "04", "there is no application data"},
		"compression nobody knows":      {"0000000c 00000049", "01", "unknown compression algorithm 2"},
		"schema without properties":     {"0000000c 00000009", "01", "schema id 3 without properties"},
		"other flags do not allow that": {"d000000c 00000009", "01", "schema id 3 without properties"},
	}, func(body []byte) (func() (string, bool), func() error) {
		r := wire.NewPutReader(body)
		return func() (string, bool) {
			var m wire.PutMessage
			ok := r.Next(&m)
			return string(m.Data), ok
		}, func() error { return r.Err() }
	})
}

func TestHostilePushMessagesEndTheEvent(t *testing.T) {
	testHostile(t, 8, map[string]hostileMessage{
		"no words":                   {"00000000 00000008", "", "a header of 32 and options of 0 bytes in 0"},
		"more words than the event":  {"0000000d 00000008", "", "it has 52 bytes, the event only 48 more"},
		"header of no word":          {"0000000c 00000000", "", "a header of 0"},
		"header of two words":        {"0000000c 00000002", "01", "header of 8 bytes"},
		"header without whole GUID":  {"0000000c 00000006", "01", "header of 24 bytes"},
		"options beyond the message": {"0000000c 00000508", "", "options of 20 bytes in 48"},
		"padding of 9":               {"0000000c 00000008", "09", "the padding is not valid"},
		"no data":                    {"0000000c 00000308", "04", "there is no application data"},
		"implicit payload":           {"1000000c 00000408", "", "the padding is not valid"},
		"compression nobody knows":   {"0000000c 000000e8", "01", "unknown compression algorithm 7"},
		"schema without properties":  {"0000000c 00000008", "01", "schema id 3 without properties"},
	}, func(body []byte) (func() (string, bool), func() error) {
		r := wire.NewPushReader(body)
		return func() (string, bool) {
			var m wire.PushMessage
			ok := r.Next(&m)
			return string(m.Data), ok
		}, func() error { return r.Err() }
	})
}

func TestEventWithoutWholeMessageIsMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		body []byte
		text string
	}{
		"no message":     {nil, "the event is empty"},
		"half a header":  {make([]byte, 7), "7 bytes are left"},
		"trailing bytes": {append(appendPut(nil, wire.PutHeader{}, []byte("x")), 1, 2, 3, 4), "4 bytes are left"},
	} {
		puts := wire.NewPutReader(c.body)
		for m := (wire.PutMessage{}); puts.Next(&m); {
			require.Equal(t, "x", string(m.Data))
		}
		require.ErrorIs(t, puts.Err(), wire.ErrMalformed, name)
		require.ErrorContains(t, puts.Err(), c.text, name)
	}
	pushes := wire.NewPushReader(nil)
	require.False(t, pushes.Next(&wire.PushMessage{}))
	require.ErrorIs(t, pushes.Err(), wire.ErrMalformed)
}
