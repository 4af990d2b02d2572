package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func TestPaddingCompletesWords(t *testing.T) {
	for n, want := range []string{"04040404", "030303", "0202", "01", "04040404", "030303", "0202", "01", "04040404"} {
		data := make([]byte, n)
		padded := wire.AppendPadding(data, n)
		require.Equal(t, wiretest.Hex(t, want), padded[n:], n)
		require.Len(t, padded, wire.PaddedSize(n))
		require.Equal(t, (n+4)/4*4, wire.PaddedSize(n))
		got, ok := wire.Unpad(padded)
		require.True(t, ok)
		require.Equal(t, data, got)
	}
}

func TestPaddingThatNobodyWritesIsNotValid(t *testing.T) {
	for _, area := range []string{"", "00", "05", "09", "ff", "02", "0003", "00000004"[:6], "61626300"} {
		_, ok := wire.Unpad(wiretest.Hex(t, area))
		require.False(t, ok, area)
	}
	got, ok := wire.Unpad([]byte{4, 4, 4, 4})
	require.True(t, ok)
	require.Empty(t, got)
	// Only the last byte counts.
	got, ok = wire.Unpad([]byte("ab\x09\x02"))
	require.True(t, ok)
	require.Equal(t, "ab", string(got))
}

func TestHeartbeatsAreHeadersOnly(t *testing.T) {
	require.Equal(t, wiretest.Hex(t, "00000008 4b020000"), wire.HeartbeatReq)
	require.Equal(t, wiretest.Hex(t, "00000008 4c020000"), wire.HeartbeatRsp)
	for typ, event := range map[wire.EventType][]byte{
		wire.EventHeartbeatReq: wire.HeartbeatReq, wire.EventHeartbeatRsp: wire.HeartbeatRsp,
	} {
		b := make([]byte, wire.EventHeaderSize)
		wire.PutEventHeader(b, typ, len(b), 0)
		require.Equal(t, event, b)
		got, err := wire.ParseEvent(event)
		require.NoError(t, err)
		require.Equal(t, wire.Event{Type: typ, Body: []byte{}}, got)
	}
}

func TestEventsAreNamedAsUpstreamNamesThem(t *testing.T) {
	for typ, name := range map[wire.EventType]string{
		0: "UNDEFINED", 1: "CONTROL", 2: "PUT", 3: "CONFIRM", 4: "PUSH", 5: "ACK", 6: "CLUSTER_STATE", 7: "ELECTOR",
		8: "STORAGE", 9: "RECOVERY", 10: "PARTITION_SYNC", 11: "HEARTBEAT_REQ", 12: "HEARTBEAT_RSP", 13: "REJECT",
		14: "REPLICATION_RECEIPT", 15: "AUTHENTICATION", 16: "TYPE_16", 63: "TYPE_63",
	} {
		require.Equal(t, name, typ.String())
	}
	require.Equal(t, "BER JSON ENCODING_2", fmt.Sprint(wire.EncodingBER, " ", wire.EncodingJSON, " ", wire.Encoding(2)))
	require.Equal(t, "NONE ZLIB COMPRESSION_2", fmt.Sprint(wire.CompressionNone, " ", wire.CompressionZlib, " ", wire.Compression(2)))
}

func TestFrameLength(t *testing.T) {
	for _, c := range []struct {
		b     string
		limit int
		want  int
		bad   bool
	}{
		{b: "", limit: 100},
		{b: "000000", limit: 100},
		{b: "00000000", limit: 100, bad: true},
		{b: "00000004", limit: 100, bad: true},
		{b: "00000005", limit: 100, want: 5},
		{b: "00000064", limit: 100, want: 100},
		{b: "00000065", limit: 100, bad: true},
		{b: "20000000", limit: wire.MaxEventSize, want: 512 << 20},
		{b: "20000001", limit: wire.MaxEventSize, bad: true},
		{b: "7fffffff", limit: math.MaxInt32, want: math.MaxInt32},
		{b: "80000000", limit: math.MaxInt32, bad: true},
		{b: "80000008", limit: math.MaxInt32, bad: true},
		{b: "ffffffff", limit: math.MaxInt32, bad: true},
		{b: "00000008 4b020000", limit: 100, want: 8},
	} {
		got, err := wire.FrameLength(wiretest.Hex(t, c.b), c.limit)
		require.Equal(t, c.want, got, c.b)
		if c.bad {
			require.ErrorIs(t, err, wire.ErrFrame, c.b)
		} else {
			require.NoError(t, err, c.b)
		}
	}
}

func TestParseEvent(t *testing.T) {
	for _, c := range []struct {
		frame string
		want  wire.Event
		bad   bool
	}{
		{frame: "0000000941020000aa", want: wire.Event{Type: wire.EventControl, Body: []byte{0xaa}}},
		{frame: "0000000941022000aa", want: wire.Event{Type: wire.EventControl, Encoding: wire.EncodingJSON, Body: []byte{0xaa}}},
		{frame: "000000094102ff00aa", want: wire.Event{Type: wire.EventControl, Encoding: 7, Body: []byte{0xaa}}},
		// Version and reserved bits do not matter.
		{frame: "00000009c2021fffaa", want: wire.Event{Type: wire.EventPut, Body: []byte{0xaa}}},
		// A longer header.
		{frame: "0000000d4203000001020304aa", want: wire.Event{Type: wire.EventPut, Body: []byte{0xaa}}},
		{frame: "0000000c4203000001020304", want: wire.Event{Type: wire.EventPut, Body: []byte{}}},
		{frame: "000000087f020000", want: wire.Event{Type: 63, Body: []byte{}}},
		{frame: "", bad: true},
		{frame: "0000000541", bad: true},
		{frame: "000000064102", bad: true}, // 8 bytes of header in 6
		{frame: "0000000841000000", bad: true},
		{frame: "0000000841010000", bad: true},
		{frame: "0000000841030000", bad: true},
		{frame: "0000000841ff0000", bad: true},
		{frame: "0000000840020000", bad: true}, // type 0
	} {
		got, err := wire.ParseEvent(wiretest.Hex(t, c.frame))
		if c.bad {
			require.ErrorIs(t, err, wire.ErrMalformed, c.frame)
			continue
		}
		require.NoError(t, err, c.frame)
		require.Equal(t, c.want, got, c.frame)
	}
}

func TestEventIsFinishedWhereItBegan(t *testing.T) {
	b := bytes.Clone(wire.HeartbeatReq)
	start := len(b)
	b = wire.AppendEventHeader(b, wire.EventAuthentication, wire.EncodingJSON)
	b = append(b, "body"...)
	wire.FinishEvent(b, start)
	require.Equal(t, append(bytes.Clone(wire.HeartbeatReq), wiretest.Hex(t, "0000000c 4f022000 626f6479")...), b)
}

func TestChecksumIsCRC32C(t *testing.T) {
	require.Equal(t, uint32(0x9a71bb4c), wire.Checksum([]byte("hello")))
	require.Equal(t, uint32(0xe3069283), wire.Checksum([]byte("123456789")))
	require.Zero(t, wire.Checksum(nil))
	require.Equal(t, uint32(0x9a71bb4c), wire.UpdateChecksum(wire.Checksum([]byte("he")), []byte("llo")))
}
