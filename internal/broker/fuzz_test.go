package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// FuzzSocket sends whatever comes to a broker, as a stream before or after
// negotiation or as the body of an event, and looks whether other clients are
// served as before.
func FuzzSocket(f *testing.F) {
	id := defaultIdentity()
	identity := ctrl.AppendEvent(nil, wire.EncodingJSON, &ctrl.NegotiationMessage{ClientIdentity: &id})
	rid := int32(1)
	open := ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.ControlMessage{RID: &rid, Choice: ctrl.Choice{
		OpenQueue: &ctrl.OpenQueue{HandleParameters: params(priorityQueue, 0, read|write)}}})
	configure := ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.ControlMessage{RID: &rid, Choice: ctrl.Choice{
		ConfigureStream: &ctrl.ConfigureStream{StreamParameters: ctrl.StreamParameters{
			AppID: ctrl.DefaultAppID, Subscriptions: []ctrl.Subscription{withExpression(sub(1), "x > 5")}}}}})
	p := &peer{}
	m := p.withX(0, 9, "hello")
	put := wire.AppendEventHeader(nil, wire.EventPut, 0)
	put = wire.AppendPutHeader(put, &m.PutHeader, 0, len(m.data))
	put = wire.AppendPadding(append(put, m.data...), len(m.data))
	wire.FinishEvent(put, 0)
	confirm := wire.AppendRecordHeader(wire.AppendEventHeader(nil, wire.EventConfirm, 0))
	confirm = wire.AppendConfirm(confirm, &wire.Confirm{GUID: m.GUID})
	wire.FinishEvent(confirm, 0)

	f.Add(byte(0), identity)
	f.Add(byte(0), wire.HeartbeatReq)
	f.Add(byte(0), []byte{0, 0, 0, 4})
	f.Add(byte(1), append(append(append(append([]byte(nil), open...), configure...), put...), confirm...))
	f.Add(byte(1), append(append([]byte(nil), open...), put[:len(put)-3]...))
	f.Add(byte(0x80|wire.EventPut), put[8:])
	f.Add(byte(0x80|wire.EventConfirm), confirm[8:])
	f.Add(byte(0x80|wire.EventControl), open[8:])
	f.Add(byte(0x80|wire.EventAuthentication), []byte("\x30\x80"))
	f.Fuzz(func(t *testing.T, how byte, data []byte) {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			var hostile *peer
			if how == 0 {
				hostile = w.dial()
			} else {
				hostile = w.client()
				hostile.open(priorityQueue, 0, read|write)
				hostile.configure(0, sub(1))
			}
			if how >= 0x80 {
				ev := append(wire.AppendEventHeader(nil, wire.EventType(how&0x3f), wire.Encoding(how>>6&1)), data...)
				wire.FinishEvent(ev, 0)
				data = ev
			}
			_, _ = hostile.conn.Write(data)
			hostile.settle()
			hostile.vanish()
			good := w.client()
			good.open(priorityQueue, 0, read|write)
			good.configure(0, sub(1))
			good.pushes()
			m := good.message(0, "still here")
			copy(m.GUID[:], "no seed has this")
			good.post(m)
			require.Equal(t, []wire.AckStatus{wire.AckSuccess}, good.statuses())
			require.Equal(t, []string{"still here"}, good.texts())
		})
	})
}
