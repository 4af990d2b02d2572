// Package null has brokers that do nothing but the protocol, so that what a client can do
// is seen where a broker would be the limit: one acks whatever is posted and drops it,
// and sends to those who read as many messages as the queue's name says.
package null

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// QueueURI names a queue to be posted to.
const QueueURI = "bmq://bench.null/sink"

// ReplayURI names a queue out of which so many messages of a size come.
func ReplayURI(messages, size int) string {
	return fmt.Sprintf("bmq://bench.null/replay-%d-%d", messages, size)
}

const (
	features = ctrl.FeatureEncoding + ":BER,JSON;" + ctrl.FeatureProperties + ":" + ctrl.FeaturePropertiesEx + ";" +
		ctrl.FeatureSubscriptions + ":" + ctrl.FeatureConfigureStream
	// pushEvent is about how large an event of messages is.
	pushEvent = 256 << 10
	// ahead is how many messages may be on their way without a confirmation.
	ahead = 20_000
)

// Serve serves clients until the listener is closed.
func Serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		go func() {
			defer c.Close()
			p := &peer{conn: c, in: framing.NewReader(c, wire.MaxEventSize)}
			p.room.L = &p.mu
			_ = p.serve() // however it ends, the client has to make do
			p.end()
		}()
	}
}

// peer is one client.
type peer struct {
	conn net.Conn
	in   *framing.Reader
	out  []byte
	json bool // it reads JSON only

	queue uint32 // to replay
	count int
	size  int

	mu      sync.Mutex
	room    sync.Cond
	unacked int // messages without a confirmation
	ended   bool
}

func (p *peer) serve() error {
	if err := p.negotiate(); err != nil {
		return err
	}
	for {
		frame, err := p.in.Next()
		if err != nil {
			return err
		}
		ev, err := wire.ParseEvent(frame)
		if err != nil {
			return err
		}
		switch ev.Type {
		case wire.EventPut:
			err = p.acknowledge(ev.Body)
		case wire.EventConfirm:
			p.confirmed(ev.Body)
		case wire.EventControl:
			err = p.control(ev)
		case wire.EventHeartbeatReq:
			_, err = p.conn.Write(wire.HeartbeatRsp)
		}
		if err != nil {
			return err
		}
	}
}

func (p *peer) negotiate() error {
	frame, err := p.in.Next()
	if err != nil {
		return err
	}
	ev, err := wire.ParseEvent(frame)
	if err != nil {
		return err
	}
	var m ctrl.NegotiationMessage
	if err := ctrl.Decode(ev.Body, ev.Encoding, &m); err != nil {
		return err
	}
	if m.ClientIdentity == nil {
		return errors.New("it does not say who it is")
	}
	p.json = !ctrl.HasFeature(m.ClientIdentity.Features, ctrl.FeatureEncoding, "BER")
	return p.send(&ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{
		ProtocolVersion: ctrl.ProtocolVersion, BrokerVersion: ctrl.UnreleasedVersion,
		BrokerIdentity: ctrl.ClientIdentity{
			ProtocolVersion: ctrl.ProtocolVersion, SDKVersion: ctrl.UnreleasedVersion, ClientType: ctrl.ClientTCPBroker,
			ProcessName: "null", SessionID: 1, Features: features, ClusterName: "null", SDKLanguage: ctrl.LanguageCPP,
		},
	}})
}

func (p *peer) send(m ctrl.Message) error {
	e := wire.EncodingBER
	if p.json {
		e = wire.EncodingJSON
	}
	_, err := p.conn.Write(ctrl.AppendEvent(nil, e, m))
	return err
}

// control agrees to whatever is asked.
func (p *peer) control(ev wire.Event) error {
	var m ctrl.ControlMessage
	if err := ctrl.Decode(ev.Body, ev.Encoding, &m); err != nil {
		return err
	}
	var answer ctrl.Choice
	switch c := &m.Choice; {
	case c.OpenQueue != nil:
		p.opened(&c.OpenQueue.HandleParameters)
		answer.OpenQueueResponse = &ctrl.OpenQueueResponse{OriginalRequest: *c.OpenQueue, DeduplicationTimeMs: 300_000}
	case c.ConfigureStream != nil:
		answer.ConfigureStreamResponse = &ctrl.ConfigureStreamResponse{Request: *c.ConfigureStream}
	case c.CloseQueue != nil:
		answer.CloseQueueResponse = &ctrl.Empty{}
	case c.Disconnect != nil:
		answer.DisconnectResponse = &ctrl.Empty{}
	default:
		return errors.New("it asks for what the null broker does not know")
	}
	if err := p.send(&ctrl.ControlMessage{RID: m.RID, Choice: answer}); err != nil {
		return err
	}
	if c := m.Choice.ConfigureStream; c != nil && p.count > 0 && len(c.StreamParameters.Subscriptions) > 0 {
		go p.replay(c.StreamParameters.Subscriptions[0].SID)
	}
	return nil
}

// opened notes what a queue's name asks for.
func (p *peer) opened(q *ctrl.QueueHandleParameters) {
	if _, numbers, ok := strings.Cut(q.URI, "/replay-"); ok {
		p.queue = q.QID
		_, _ = fmt.Sscanf(numbers, "%d-%d", &p.count, &p.size) // what is no number asks for nothing
	}
}

// acknowledge acks the messages of a PUT event.
func (p *peer) acknowledge(body []byte) error {
	out := wire.AppendRecordHeader(wire.AppendEventHeader(p.out[:0], wire.EventAck, 0))
	empty := len(out)
	for rest := body; len(rest) > 0; {
		word := binary.BigEndian.Uint32(rest)
		size := int(word&(1<<28-1)) * 4
		if size < 36 || size > len(rest) {
			return io.ErrUnexpectedEOF
		}
		if word>>28&uint32(wire.FlagAckRequested) != 0 {
			a := wire.Ack{QueueID: int32(binary.BigEndian.Uint32(rest[8:]))}
			copy(a.GUID[:], rest[12:])
			out = wire.AppendAck(out, &a)
		}
		rest = rest[size:]
	}
	p.out = out
	if len(out) == empty {
		return nil
	}
	wire.FinishEvent(out, 0)
	_, err := p.conn.Write(out)
	return err
}
