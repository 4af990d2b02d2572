package wire_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
)

const benchMessages = 64

var benchPayload = bytes.Repeat([]byte("0123456789abcdef"), 64) // 1 KiB

func benchProperties() []wire.Property {
	return []wire.Property{
		{Name: "customer", Type: wire.PropertyString, Str: "0123456789"},
		{Name: "id", Type: wire.PropertyInt64, Num: 1 << 40},
		{Name: "priority", Type: wire.PropertyInt32, Num: 5},
		{Name: "urgent", Type: wire.PropertyBool, Num: 1},
	}
}

func putEvent() []byte {
	b := wire.AppendEventHeader(nil, wire.EventPut, 0)
	for range benchMessages {
		b = appendPut(b, wire.PutHeader{Flags: wire.FlagAckRequested}, benchPayload)
	}
	wire.FinishEvent(b, 0)
	return b
}

func pushEvent() []byte {
	b := wire.AppendEventHeader(nil, wire.EventPush, 0)
	for i := range benchMessages {
		b = wire.AppendPushHeader(b, &wire.PushHeader{}, wire.SubQueueIDsSize(1), len(benchPayload))
		b = wire.AppendSubQueueIDs(b, uint32(i))
		b = wire.AppendPadding(append(b, benchPayload...), len(benchPayload))
	}
	wire.FinishEvent(b, 0)
	return b
}

func ackEvent() []byte {
	b := wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventAck, 0))
	for i := range benchMessages {
		b = wire.AppendAck(b, &wire.Ack{QueueID: int32(i)})
	}
	wire.FinishEvent(b, 0)
	return b
}

// operation is something that is done per event or per message, on memory that is
// there already.
type operation struct {
	name  string
	bytes int
	run   func()
}

// operations are those that must not allocate memory.
func operations(tb testing.TB) []operation {
	tb.Helper()
	buf := make([]byte, 0, 256<<10)
	put, push, ack := putEvent(), pushEvent(), ackEvent()
	confirms := wire.RecordEventSize(benchMessages)
	props := benchProperties()
	area := wire.AppendProperties(nil, props, false)
	refs := make([]wire.SubscriptionRef, 0, 4)
	sum := int64(0)
	return []operation{
		{"AppendPut", wire.PutSize(len(benchPayload)), func() {
			h := wire.PutHeader{Flags: wire.FlagAckRequested, CRC: wire.Checksum(benchPayload)}
			b := wire.AppendPutHeader(buf[:0], &h, 0, len(benchPayload))
			b = append(b, benchPayload...)
			_ = wire.AppendPadding(b, len(benchPayload))
		}},
		{"PutReader", len(put), func() {
			n := 0
			r := wire.NewPutReader(put[wire.EventHeaderSize:])
			for m := (wire.PutMessage{}); r.Next(&m); {
				n++
			}
			if n != benchMessages || r.Err() != nil {
				tb.Fatal(n, r.Err())
			}
		}},
		{"PushReader", len(push), func() {
			n := 0
			r := wire.NewPushReader(push[wire.EventHeaderSize:])
			for m := (wire.PushMessage{}); r.Next(&m); {
				var err error
				if refs, err = wire.AppendSubscriptions(refs[:0], m.Options); err != nil || len(refs) != 1 {
					tb.Fatal(refs, err)
				}
				n++
			}
			if n != benchMessages || r.Err() != nil {
				tb.Fatal(n, r.Err())
			}
		}},
		{"AckReader", len(ack), func() {
			r, err := wire.NewAckReader(ack[wire.EventHeaderSize:])
			n := 0
			for a := (wire.Ack{}); r.Next(&a); {
				n++
			}
			if n != benchMessages || err != nil {
				tb.Fatal(n, err)
			}
		}},
		{"AppendConfirm", confirms, func() {
			b := wire.AppendRecordHeader(wire.AppendEventHeader(buf[:0], wire.EventConfirm, 0))
			for i := range benchMessages {
				b = wire.AppendConfirm(b, &wire.Confirm{QueueID: int32(i)})
			}
			wire.FinishEvent(b, 0)
			if len(b) != confirms {
				tb.Fatal(len(b))
			}
		}},
		{"ParseProperties", len(area), func() {
			p, _, err := wire.ParseProperties(area, false)
			if err != nil || p.Len() != len(props) {
				tb.Fatal(p.Len(), err)
			}
			for r := range p.All {
				if r.Type != wire.PropertyString {
					sum += r.Int()
				}
			}
		}},
		{"AppendProperties", len(area), func() {
			if b := wire.AppendProperties(buf[:0], props, false); len(b) != len(area) {
				tb.Fatal(len(b))
			}
		}},
		{"Checksum", len(benchPayload), func() { sum += int64(wire.Checksum(benchPayload)) }},
	}
}

func TestReadingAndWritingMessagesAllocatesNothing(t *testing.T) {
	for _, op := range operations(t) {
		require.Zero(t, testing.AllocsPerRun(100, op.run), op.name)
	}
	g := wire.NewGUIDGenerator("host", time.Now(), 1, 1)
	require.Zero(t, testing.AllocsPerRun(100, func() { g.Next() }))
}

func BenchmarkWire(b *testing.B) {
	for _, op := range operations(b) {
		b.Run(op.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(op.bytes))
			for b.Loop() {
				op.run()
			}
		})
	}
}

func BenchmarkInflate(b *testing.B) {
	z, _ := wire.Deflate(nil, bytes.Repeat(benchPayload, 4))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Inflate(z, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeflate(b *testing.B) {
	data := bytes.Repeat(benchPayload, 4)
	buf := make([]byte, 0, len(data))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := wire.Deflate(buf, data); !ok {
			b.Fatal("not compressed")
		}
	}
}
