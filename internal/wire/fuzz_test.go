package wire_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

// recorded calls add with recorded events of a type, a few of each size.
func recorded(f *testing.F, typ string, add func(event []byte)) {
	seen := map[int]int{}
	for _, r := range wiretest.Load(f, "testdata/captures") {
		for _, line := range r.Lines {
			if line.IsEvent() && line.Type == typ && len(line.Bytes) < 3000 && seen[len(line.Bytes)] < 2 {
				seen[len(line.Bytes)]++
				add(line.Bytes)
			}
		}
	}
}

func addBodies(f *testing.F, typ string) {
	recorded(f, typ, func(event []byte) { f.Add(event[wire.EventHeaderSize:]) })
}

func FuzzEvent(f *testing.F) {
	for _, typ := range []string{"CONTROL", "PUT", "HEARTBEAT_REQ", "TYPE_40", "UNDEFINED"} {
		recorded(f, typ, func(event []byte) { f.Add(event) })
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		n, err := wire.FrameLength(frame, 1000)
		switch {
		case err != nil:
			require.ErrorIs(t, err, wire.ErrFrame)
			require.Zero(t, n)
		case n == 0:
			require.Less(t, len(frame), 4)
		default:
			require.Greater(t, n, 4)
			require.LessOrEqual(t, n, 1000)
		}
		ev, err := wire.ParseEvent(frame)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			return
		}
		require.True(t, bytes.HasSuffix(frame, ev.Body))
		again := append(wire.AppendEventHeader(nil, ev.Type, ev.Encoding), ev.Body...)
		wire.FinishEvent(again, 0)
		got, err := wire.ParseEvent(again)
		require.NoError(t, err)
		require.Equal(t, ev, got)
		require.NotEmpty(t, ev.Type.String())
		_ = ev.Encoding.String()
	})
}

func FuzzPut(f *testing.F) {
	addBodies(f, "PUT")
	f.Fuzz(func(t *testing.T, body []byte) {
		input := bytes.Clone(body)
		var messages []wire.PutMessage
		var m wire.PutMessage
		var whole, again []byte
		r := wire.NewPutReader(body)
		for r.Next(&m) {
			messages = append(messages, m)
			whole = append(whole, m.Wire...)
			again = wire.AppendPutHeader(again, &m.PutHeader, len(m.Options), len(m.Data))
			again = append(append(again, m.Options...), m.Data...)
			again = wire.AppendPadding(again, len(m.Data))
			require.NotEmpty(t, m.Data)
			_, _, _ = wire.ParseProperties(m.Data, m.Schema == wire.SchemaOldStyle)
		}
		require.True(t, bytes.HasPrefix(body, whole), "messages do not stand behind each other")
		if r.Err() == nil {
			require.Equal(t, len(body), len(whole))
		} else {
			require.ErrorIs(t, r.Err(), wire.ErrMalformed)
		}
		r = wire.NewPutReader(again)
		for _, want := range messages {
			require.True(t, r.Next(&m))
			want.Wire = m.Wire // it may have had a longer header
			require.Equal(t, want, m)
		}
		require.False(t, r.Next(&m))
		require.Equal(t, input, body, "the input was changed")
	})
}

func FuzzPush(f *testing.F) {
	addBodies(f, "PUSH")
	infos := wire.AppendSubQueueInfos(nil, wire.SubscriptionRef{ID: 1, RDA: 3}, wire.SubscriptionRef{ID: 2, RDA: wire.RDAUnlimited})
	for _, options := range [][]byte{infos, {0x0e, 0, 0, 0x80}, append(wire.AppendSubQueueIDs(nil, 1, 2), infos...)} {
		b := append(wire.AppendPushHeader(nil, &wire.PushHeader{}, len(options), 5), options...)
		f.Add(wire.AppendPadding(append(b, "hello"...), 5))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		input := bytes.Clone(body)
		var messages []wire.PushMessage
		var m wire.PushMessage
		var again []byte
		r := wire.NewPushReader(body)
		for r.Next(&m) {
			messages = append(messages, m)
			again = wire.AppendPushHeader(again, &m.PushHeader, len(m.Options), len(m.Data))
			again = append(append(again, m.Options...), m.Data...)
			again = wire.AppendPadding(again, len(m.Data))
			checkOptions(t, m.Options)
		}
		if r.Err() != nil {
			require.ErrorIs(t, r.Err(), wire.ErrMalformed)
		}
		r = wire.NewPushReader(again)
		for _, want := range messages {
			require.True(t, r.Next(&m))
			require.Equal(t, want, m)
		}
		require.False(t, r.Next(&m))
		require.Equal(t, input, body, "the input was changed")
	})
}

func checkOptions(t *testing.T, options []byte) {
	t.Helper()
	refs, err := wire.AppendSubscriptions(nil, options)
	if err != nil {
		require.ErrorIs(t, err, wire.ErrMalformed)
		return
	}
	require.LessOrEqual(t, 4*len(refs), len(options))
	if len(refs) == 0 {
		return
	}
	again, err := wire.AppendSubscriptions(nil, wire.AppendSubQueueInfos(nil, refs...))
	require.NoError(t, err)
	require.Equal(t, refs, again)
}

func FuzzAck(f *testing.F) {
	addBodies(f, "ACK")
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := wire.NewAckReader(body)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			return
		}
		n, again := r.Len(), wire.AppendRecordHeader(nil)
		var acks []wire.Ack
		for a := (wire.Ack{}); r.Next(&a); {
			acks = append(acks, a)
			again = wire.AppendAck(again, &a)
		}
		require.Len(t, acks, n)
		require.NotZero(t, n)
		r, err = wire.NewAckReader(again)
		require.NoError(t, err)
		for a := (wire.Ack{}); r.Next(&a); acks = acks[1:] {
			require.Equal(t, acks[0], a)
		}
		require.Empty(t, acks)
	})
}

func FuzzConfirm(f *testing.F) {
	addBodies(f, "CONFIRM")
	addBodies(f, "REJECT")
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := wire.NewConfirmReader(body)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			return
		}
		n, again := r.Len(), wire.AppendRecordHeader(nil)
		var confirms []wire.Confirm
		for c := (wire.Confirm{}); r.Next(&c); {
			confirms = append(confirms, c)
			again = wire.AppendConfirm(again, &c)
		}
		require.Len(t, confirms, n)
		require.NotZero(t, n)
		require.Equal(t, len(again), wire.RecordEventSize(n)-wire.EventHeaderSize)
		r, err = wire.NewConfirmReader(again)
		require.NoError(t, err)
		for c := (wire.Confirm{}); r.Next(&c); confirms = confirms[1:] {
			require.Equal(t, confirms[0], c)
		}
		require.Empty(t, confirms)
	})
}

func FuzzProperties(f *testing.F) {
	for _, typ := range []string{"PUT", "PUSH"} {
		recorded(f, typ, func(event []byte) {
			// What is no message of this type is a seed as good as any.
			r := wire.NewPutReader(event[wire.EventHeaderSize:])
			for m := (wire.PutMessage{}); r.Next(&m); {
				if m.Flags&wire.FlagProperties != 0 && m.Compression == wire.CompressionNone {
					f.Add(m.Data, m.Schema == wire.SchemaOldStyle)
				}
			}
		})
	}
	f.Add(wire.AppendProperties(nil, allTypes()[:6], false), false)
	f.Add(wire.AppendProperties(nil, allTypes()[:6], true), true)
	f.Fuzz(func(t *testing.T, data []byte, oldStyle bool) {
		p, payload, err := wire.ParseProperties(data, oldStyle)
		require.True(t, bytes.HasSuffix(data, payload))
		if err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.Zero(t, p.Len())
			return
		}
		list := propertyList(&p)
		require.Len(t, list, p.Len())
		names := map[string]bool{}
		for _, prop := range list {
			require.NotEmpty(t, prop.Name)
			require.False(t, names[prop.Name], "one name twice")
			names[prop.Name] = true
		}
		if slices.ContainsFunc(list, func(p wire.Property) bool { return p.Type < wire.PropertyBool || p.Type > wire.PropertyBinary }) {
			return // of types that can't be written
		}
		size, err := wire.PropertiesAreaSize(data)
		require.NoError(t, err)
		require.LessOrEqual(t, wire.PropertiesSize(list), size)
		for _, style := range []bool{oldStyle, !oldStyle} {
			area := wire.AppendProperties(nil, list, style)
			require.Len(t, area, wire.PropertiesSize(list))
			again, rest, err := wire.ParseProperties(append(area, "payload"...), style)
			require.NoError(t, err)
			require.Equal(t, "payload", string(rest))
			require.Equal(t, list, propertyList(&again))
			if style {
				require.Equal(t, len(area), len(p.AppendOldStyle(nil)))
			}
		}
		old, _, err := wire.ParseProperties(p.AppendOldStyle(nil), true)
		require.NoError(t, err)
		require.Equal(t, list, propertyList(&old))
	})
}

func FuzzInflate(f *testing.F) {
	for _, data := range [][]byte{bytes.Repeat([]byte("a"), 2000), append(randomBytes(1200), make([]byte, 1200)...)} {
		z, _ := wire.Deflate(nil, data)
		f.Add(z, len(data))
		f.Add(append(z, 1, 2, 3), len(data)-1)
		f.Add(z[:len(z)/2], 1<<20)
	}
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		if limit < 0 || limit > 1<<20 {
			return
		}
		got, err := wire.Inflate(data, limit)
		require.LessOrEqual(t, len(got), limit)
		var plain []byte
		r, plainErr := zlib.NewReader(bytes.NewReader(data))
		if plainErr == nil {
			plain, plainErr = io.ReadAll(io.LimitReader(r, int64(limit)+1))
		}
		if err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.True(t, plainErr != nil || len(plain) > limit)
			return
		}
		require.NoError(t, plainErr)
		require.True(t, bytes.Equal(plain, got))
	})
}

func FuzzURI(f *testing.F) {
	for _, text := range []string{
		"bmq://d/q", "bmq://my.domain.~tier/my-queue_1?id=app.Id", "bmq://d.~/q", "bmq://d/q?x=y", "bmq:///q", "bmq://ä/q?id=", "http://d/q",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := wire.ParseURI(text)
		if err != nil {
			var e *wire.URIError
			require.ErrorAs(t, err, &e)
			require.Negative(t, e.Code)
			require.GreaterOrEqual(t, e.Code, wire.URIQueueTooLong)
			require.NotEmpty(t, e.Reason)
			return
		}
		require.Equal(t, text, u.String())
		require.True(t, strings.HasPrefix(text, u.Canonical()))
		canonical, err := wire.ParseURI(u.Canonical())
		require.NoError(t, err)
		u.AppID = ""
		require.Equal(t, u, canonical)
	})
}

func FuzzGUID(f *testing.F) {
	f.Add("40000000000000A9976D24E9C83C5EB9")
	f.Add("40000000000000a9976d24e9c83c5eb9")
	f.Add("0x")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := wire.ParseGUID(text)
		if err != nil {
			require.True(t, id.IsZero())
			return
		}
		require.Equal(t, strings.ToUpper(text), id.String())
		require.LessOrEqual(t, id.Counter(), uint32(wire.GUIDCounterMask))
		again, err := wire.ParseGUID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, again)
	})
}
