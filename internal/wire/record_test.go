package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

// exampleGUID is the GUID of the examples in the description of the protocol.
func exampleGUID(tb testing.TB) wire.GUID {
	tb.Helper()
	id, err := wire.ParseGUID("40000000000000A9976D24E9C83C5EB9")
	require.NoError(tb, err)
	return id
}

func TestAckEvent(t *testing.T) {
	for name, c := range map[string]struct {
		acks []wire.Ack
		want string
	}{
		"success": {
			[]wire.Ack{{GUID: exampleGUID(t)}},
			"00000024 45020000 16000000 00000000 40000000 000000a9 976d24e9 c83c5eb9 00000000",
		},
		"all fields": {
			[]wire.Ack{
				{Status: wire.AckLimitBytes, CorrelationID: wire.MaxCorrelationID, QueueID: -2},
				{Status: 15, CorrelationID: 0x010203, GUID: exampleGUID(t), QueueID: 7},
			},
			`0000003c 45020000 16000000
			 02ffffff 00000000 00000000 00000000 00000000 fffffffe
			 0f010203 40000000 000000a9 976d24e9 c83c5eb9 00000007`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			event := wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventAck, 0))
			for i := range c.acks {
				event = wire.AppendAck(event, &c.acks[i])
			}
			wire.FinishEvent(event, 0)
			require.Equal(t, wiretest.Hex(t, c.want), event)
			require.Len(t, event, wire.RecordEventSize(len(c.acks)))
			ev, err := wire.ParseEvent(event)
			require.NoError(t, err)
			r, err := wire.NewAckReader(ev.Body)
			require.NoError(t, err)
			require.Equal(t, len(c.acks), r.Len())
			var a wire.Ack
			for _, want := range c.acks {
				require.True(t, r.Next(&a))
				require.Equal(t, want, a)
			}
			require.False(t, r.Next(&a))
			require.Zero(t, r.Len())
		})
	}
}

func TestAckFieldsDoNotSpillIntoEachOther(t *testing.T) {
	b := wire.AppendAck(nil, &wire.Ack{Status: 0xff, CorrelationID: 0xffffffff})
	require.Equal(t, wiretest.Hex(t, "0fffffff"), b[:4])
	var a wire.Ack
	r, err := wire.NewAckReader(append([]byte{0x16, 0, 0, 0, 0xf6}, b[1:]...)) // reserved bits set
	require.NoError(t, err)
	require.True(t, r.Next(&a))
	require.Equal(t, wire.Ack{Status: 6, CorrelationID: wire.MaxCorrelationID}, a)
}

func TestConfirmEvent(t *testing.T) {
	event := wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventConfirm, 0))
	event = wire.AppendConfirm(event, &wire.Confirm{GUID: exampleGUID(t)})
	wire.FinishEvent(event, 0)
	require.Equal(t, wiretest.Hex(t, "00000024 43020000 16000000 00000000 40000000000000a9976d24e9c83c5eb9 00000000"), event)

	all := wire.Confirm{QueueID: -3, GUID: exampleGUID(t), SubQueueID: 1<<32 - 1}
	event = wire.AppendConfirm(event, &all)
	require.Len(t, event, wire.RecordEventSize(2))
	require.Equal(t, wiretest.Hex(t, "fffffffd 40000000000000a9976d24e9c83c5eb9 ffffffff"), event[len(event)-wire.RecordSize:])
	r, err := wire.NewConfirmReader(event[wire.EventHeaderSize:])
	require.NoError(t, err)
	require.Equal(t, 2, r.Len())
	var c wire.Confirm
	require.True(t, r.Next(&c))
	require.Equal(t, wire.Confirm{GUID: exampleGUID(t)}, c)
	require.True(t, r.Next(&c))
	require.Equal(t, all, c)
	require.False(t, r.Next(&c))
	require.Zero(t, (&wire.ConfirmReader{}).Len())
}

func TestRecordsOfAnotherSizeAreReadAsFarAsKnown(t *testing.T) {
	// A header of 2 words and records of 7.
	body := wiretest.Hex(t, `27000000 ffffffff
		00000001 40000000000000a9976d24e9c83c5eb9 00000002 eeeeeeee
		00000003 40000000000000a9976d24e9c83c5eb9 00000004 eeeeeeee`)
	r, err := wire.NewConfirmReader(body)
	require.NoError(t, err)
	var got []wire.Confirm
	for c := (wire.Confirm{}); r.Next(&c); {
		got = append(got, c)
	}
	require.Equal(t, []wire.Confirm{
		{QueueID: 1, GUID: exampleGUID(t), SubQueueID: 2}, {QueueID: 3, GUID: exampleGUID(t), SubQueueID: 4},
	}, got)
}

func TestRecordsThatDoNotFitAreRefused(t *testing.T) {
	record := "0000000000000000000000000000000000000000 00000000"
	for name, body := range map[string]string{
		"nothing":                   "",
		"half a header":             "1600",
		"no record":                 "16000000",
		"half a record":             "16000000 00000000",
		"record and a half":         "16000000" + record + "00",
		"record of no word":         "10000000" + record,
		"record of five words":      "15000000" + record,
		"header of no word":         "06000000" + record,
		"header beyond the event":   "f6000000" + record,
		"header that is everything": "76000000" + record,
	} {
		_, err := wire.NewConfirmReader(wiretest.Hex(t, body))
		require.ErrorIs(t, err, wire.ErrMalformed, name)
		_, err = wire.NewAckReader(wiretest.Hex(t, body))
		require.ErrorIs(t, err, wire.ErrMalformed, name)
	}
}
