package wire_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

// capture counts what was found in the recordings, so that nothing is passed over.
type capture struct {
	events, incomplete int
	refused            int // events, messages, or application data
	ber, json          int // control messages by encoding
	olderClients       int // identities without user agent
	puts, pushes       int // messages
	acks, confirms     int // records
	heartbeats, others int
	newStyle, oldStyle int // properties areas
	inflated           int
	sharedPushes       int // messages for several subscriptions
	wrongChecksums     int
}

func TestRecordedTrafficIsReadAndWrittenAgainByteForByte(t *testing.T) {
	var total capture
	for _, r := range wiretest.Load(t, "testdata/captures") {
		t.Run(r.Name, func(t *testing.T) {
			negotiated := map[string]bool{}
			expected := violations[r.Name]
			for _, line := range r.Lines {
				where := fmt.Sprintf("%s:%d", r.Name, line.Number)
				var got outcome
				switch peer := fmt.Sprint(line.Conn, line.Dir); {
				case line.IsEvent():
					got = total.event(t, where, &line, negotiated[peer])
					negotiated[peer] = negotiated[peer] || line.Type == "CONTROL"
				case len(line.Bytes) > 0:
					got = total.remains(t, where, &line)
				default:
					continue
				}
				if !r.Hostile() || line.Dir == wiretest.ToClient && got.fault == "" {
					require.Empty(t, got.fault, where)
					continue
				}
				require.NotEmpty(t, expected, "%s: %s", where, got)
				require.Equal(t, expected[0], fmt.Sprintf("%d %s", line.Number, got), where)
				expected = expected[1:]
			}
			require.Empty(t, expected, "events that are not in the recording")
		})
	}
	require.Equal(t, capture{
		events: 2523, incomplete: 5, refused: 30,
		ber: 1321, json: 206, olderClients: 98,
		puts: 496, pushes: 251, acks: 472, confirms: 233,
		heartbeats: 89, others: 4,
		newStyle: 85, oldStyle: 10, inflated: 21, sharedPushes: 7, wrongChecksums: 1,
	}, total)
}

// remains is what stands where an event should begin, or begins and does not end.
func (c *capture) remains(t *testing.T, where string, line *wiretest.Line) outcome {
	t.Helper()
	c.incomplete++
	n, err := wire.FrameLength(line.Bytes, wire.MaxEventSize)
	if err != nil {
		require.ErrorIs(t, err, wire.ErrFrame, where)
		return outcome{line.Type, strings.TrimPrefix(err.Error(), wire.ErrFrame.Error()+": ")}
	}
	return outcome{line.Type, fmt.Sprintf("%d of %d bytes", len(line.Bytes), n)}
}

// outcome is what an event was taken for, and what is wrong with it.
type outcome struct{ what, fault string }

func (o outcome) String() string { return strings.TrimSpace(o.what + " " + o.fault) }

// malformed is the outcome of an event that was refused with err.
func (c *capture) malformed(t *testing.T, where, what string, err error) outcome {
	t.Helper()
	c.refused++
	require.ErrorIs(t, err, wire.ErrMalformed, where)
	return outcome{what, strings.TrimPrefix(err.Error(), wire.ErrMalformed.Error()+": ")}
}

func (c *capture) event(t *testing.T, where string, line *wiretest.Line, negotiated bool) outcome {
	t.Helper()
	c.events++
	n, err := wire.FrameLength(line.Bytes, wire.MaxEventSize)
	require.NoError(t, err, where)
	require.Len(t, line.Bytes, n, where)
	ev, err := wire.ParseEvent(line.Bytes)
	if err != nil {
		return c.malformed(t, where, "event", err)
	}
	require.Equal(t, line.Type, ev.Type.String(), where)
	switch ev.Type {
	case wire.EventControl, wire.EventAuthentication:
		return c.control(t, where, line, ev, negotiated)
	case wire.EventPut:
		return c.put(t, where, line.Bytes, ev)
	case wire.EventPush:
		return c.push(t, where, line.Bytes, ev)
	case wire.EventAck:
		return c.ack(t, where, line.Bytes, ev)
	case wire.EventConfirm, wire.EventReject:
		return c.confirm(t, where, line.Bytes, ev)
	case wire.EventHeartbeatReq, wire.EventHeartbeatRsp:
		c.heartbeats++
		require.Empty(t, ev.Body, where)
		want := wire.HeartbeatReq
		if ev.Type == wire.EventHeartbeatRsp {
			want = wire.HeartbeatRsp
		}
		if !bytes.Equal(want, line.Bytes) {
			return outcome{line.Type, "of another version"}
		}
	default:
		c.others++
	}
	return outcome{line.Type, ""}
}

func (c *capture) control(t *testing.T, where string, line *wiretest.Line, ev wire.Event, negotiated bool) outcome {
	t.Helper()
	var m, again ctrl.Message
	switch {
	case ev.Type == wire.EventAuthentication:
		m, again = &ctrl.AuthenticationMessage{}, &ctrl.AuthenticationMessage{}
	case !negotiated:
		m, again = &ctrl.NegotiationMessage{}, &ctrl.NegotiationMessage{}
	default:
		m, again = &ctrl.ControlMessage{}, &ctrl.ControlMessage{}
	}
	if err := ctrl.Decode(ev.Body, ev.Encoding, m); err != nil {
		return c.malformed(t, where, line.Type, err)
	}
	encoded := ctrl.AppendEvent(nil, ev.Encoding, m)
	if ev.Encoding == wire.EncodingBER {
		c.ber++
		want := line.Bytes
		if n, ok := m.(*ctrl.NegotiationMessage); ok && n.ClientIdentity != nil && n.ClientIdentity.UserAgent == "" {
			c.olderClients++
			want = withUserAgent(want)
		}
		require.Equal(t, want, encoded, where)
	} else {
		c.json++
		if line.Dir == wiretest.ToClient {
			require.Equal(t, string(line.Bytes), string(encoded), where)
		}
	}
	o := controlOutcome(m)
	if o.what == "no selection" {
		return o // can't be written
	}
	// What is written in the one encoding and in the other means the same.
	for _, e := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
		ev, err := wire.ParseEvent(ctrl.AppendEvent(nil, e, m))
		require.NoError(t, err, where)
		require.NoError(t, ctrl.Decode(ev.Body, e, again), where)
		require.Equal(t, m, again, where)
	}
	return o
}

// withUserAgent completes the identity of a client whose schema has no user agent
// with an empty one, its last attribute.
func withUserAgent(event []byte) []byte {
	body, _ := wire.Unpad(event)
	at := len(body) - 6 // the ends of identity and of the choice around it
	event = append(bytes.Clone(body[:at]), 0x8c, 0, 0, 0, 0, 0, 0, 0)
	event = wire.AppendPadding(event, len(event))
	wire.FinishEvent(event, 0)
	return event
}

// controlOutcome names the selection of a control message, and says what keeps the
// message from being a request.
func controlOutcome(m ctrl.Message) outcome {
	c, ok := m.(*ctrl.ControlMessage)
	if !ok {
		return outcome{selection(m), ""}
	}
	o := outcome{what: selection(&c.Choice)}
	switch {
	case c.RID == nil:
		o.fault = "without id"
	case *c.RID < 0:
		o.fault = "with a negative id"
	}
	return o
}

func selection(choice any) string {
	v := reflect.ValueOf(choice).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			return v.Type().Field(i).Name
		}
	}
	return "no selection"
}

func (c *capture) put(t *testing.T, where string, frame []byte, ev wire.Event) outcome {
	t.Helper()
	again := wire.AppendEventHeader(nil, wire.EventPut, 0)
	var faults []string
	var m wire.PutMessage
	r, n := wire.NewPutReader(ev.Body), 0
	for r.Next(&m) {
		n++
		c.puts++
		start := len(again)
		again = wire.AppendPutHeader(again, &m.PutHeader, len(m.Options), len(m.Data))
		again = append(append(again, m.Options...), m.Data...)
		again = wire.AppendPadding(again, len(m.Data))
		require.Equal(t, m.Wire, again[start:], where)
		if len(m.Options) == 0 {
			require.Len(t, m.Wire, wire.PutSize(len(m.Data)), where)
		}
		if wire.Checksum(m.Data) != m.CRC {
			c.wrongChecksums++
			faults = append(faults, "wrong checksum")
		}
		faults = append(faults, c.data(t, where, m.Data, m.Flags, m.Compression, m.Schema)...)
	}
	what := fmt.Sprintf("PUT of %d", n)
	if err := r.Err(); err != nil {
		return c.malformed(t, where, what, err)
	}
	wire.FinishEvent(again, 0)
	require.Equal(t, frame, again, where)
	return outcome{what, strings.Join(faults, ", ")}
}

func (c *capture) push(t *testing.T, where string, frame []byte, ev wire.Event) outcome {
	t.Helper()
	again := wire.AppendEventHeader(nil, wire.EventPush, 0)
	var faults []string
	var m wire.PushMessage
	var refs []wire.SubscriptionRef
	r, n := wire.NewPushReader(ev.Body), 0
	for r.Next(&m) {
		n++
		c.pushes++
		var err error
		refs, err = wire.AppendSubscriptions(refs[:0], m.Options)
		require.NoError(t, err, where)
		require.NotEmpty(t, refs, where)
		ids := make([]uint32, len(refs))
		for i, ref := range refs {
			ids[i] = ref.ID
			require.Equal(t, wire.RDAUnlimited, ref.RDA, where)
		}
		if len(ids) > 1 {
			c.sharedPushes++
		}
		start := len(again)
		again = wire.AppendPushHeader(again, &m.PushHeader, wire.SubQueueIDsSize(len(ids)), len(m.Data))
		again = wire.AppendSubQueueIDs(again, ids...)
		again = wire.AppendPadding(append(again, m.Data...), len(m.Data))
		require.Len(t, again[start:], wire.PushSize(len(m.Options), len(m.Data)), where)
		faults = append(faults, c.data(t, where, m.Data, m.Flags, m.Compression, m.Schema)...)
	}
	what := fmt.Sprintf("PUSH of %d", n)
	if err := r.Err(); err != nil {
		return c.malformed(t, where, what, err)
	}
	wire.FinishEvent(again, 0)
	require.Equal(t, frame, again, where)
	return outcome{what, strings.Join(faults, ", ")}
}

// data takes application data apart: properties, in both styles, and payload. It
// returns what is wrong with it.
func (c *capture) data(t *testing.T, where string, data []byte, flags uint8, z wire.Compression, schema wire.SchemaID) []string {
	t.Helper()
	hasProperties, oldStyle := flags&wire.FlagProperties != 0, schema == wire.SchemaOldStyle
	inflate := func(b []byte) ([]byte, error) {
		if z == wire.CompressionNone {
			return b, nil
		}
		c.inflated++
		plain, err := wire.Inflate(b, wire.MaxInflatedSize)
		if err == nil {
			deflated, ok := wire.Deflate(nil, plain)
			require.True(t, ok, where)
			again, err := wire.Inflate(deflated, len(plain))
			require.NoError(t, err, where)
			require.Equal(t, plain, again, where)
		}
		return plain, err
	}
	var err error
	if !hasProperties || oldStyle {
		if data, err = inflate(data); err != nil {
			return []string{c.malformed(t, where, "", err).fault}
		}
	}
	if !hasProperties {
		return nil
	}
	props, payload, err := wire.ParseProperties(data, oldStyle)
	if err != nil {
		return []string{c.malformed(t, where, "", err).fault}
	}
	if !oldStyle {
		_, err = inflate(payload)
		require.NoError(t, err, where)
	}
	list := propertyList(&props)
	require.Len(t, list, props.Len(), where)
	area := data[:len(data)-len(payload)]
	require.Equal(t, area, wire.AppendProperties(nil, list, oldStyle), where)
	require.Len(t, area, wire.PropertiesSize(list), where)
	old := wire.AppendProperties(nil, list, true)
	require.Equal(t, old, props.AppendOldStyle(nil), where)
	if oldStyle {
		c.oldStyle++
	} else {
		c.newStyle++
	}
	for style, encoded := range map[bool][]byte{true: old, false: wire.AppendProperties(nil, list, false)} {
		view, rest, err := wire.ParseProperties(encoded, style)
		require.NoError(t, err, where)
		require.Empty(t, rest, where)
		require.Equal(t, list, propertyList(&view), where)
	}
	return nil
}

// propertyList is the decoded form of all properties of a view.
func propertyList(p *wire.Properties) []wire.Property {
	list := make([]wire.Property, 0, p.Len())
	for raw := range p.All {
		prop := wire.Property{Name: string(raw.Name), Type: raw.Type}
		switch raw.Type {
		case wire.PropertyString:
			prop.Str = string(raw.Value)
		case wire.PropertyBool, wire.PropertyChar, wire.PropertyShort, wire.PropertyInt32, wire.PropertyInt64:
			prop.Num = raw.Int()
		default:
			prop.Bin = bytes.Clone(raw.Value)
		}
		list = append(list, prop)
	}
	return list
}

func (c *capture) ack(t *testing.T, where string, frame []byte, ev wire.Event) outcome {
	t.Helper()
	r, err := wire.NewAckReader(ev.Body)
	if err != nil {
		return c.malformed(t, where, "ACK", err)
	}
	n := r.Len()
	c.acks += n
	again := wire.AppendRecordHeader(wire.AppendEventHeader(nil, ev.Type, 0))
	var a wire.Ack
	for r.Next(&a) {
		again = wire.AppendAck(again, &a)
	}
	wire.FinishEvent(again, 0)
	require.Equal(t, frame, again, where)
	require.Len(t, frame, wire.RecordEventSize(n), where)
	return outcome{fmt.Sprintf("ACK of %d", n), ""}
}

func (c *capture) confirm(t *testing.T, where string, frame []byte, ev wire.Event) outcome {
	t.Helper()
	r, err := wire.NewConfirmReader(ev.Body)
	if err != nil {
		return c.malformed(t, where, ev.Type.String(), err)
	}
	n := r.Len()
	c.confirms += n
	again := wire.AppendRecordHeader(wire.AppendEventHeader(nil, ev.Type, 0))
	var record wire.Confirm
	for r.Next(&record) {
		again = wire.AppendConfirm(again, &record)
	}
	wire.FinishEvent(again, 0)
	require.Equal(t, frame, again, where)
	require.Len(t, frame, wire.RecordEventSize(n), where)
	return outcome{fmt.Sprintf("%s of %d", ev.Type, n), ""}
}
