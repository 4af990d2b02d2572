package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// EventType is the kind of an event, the unit in which peers exchange data.
type EventType uint8

// The event types of the protocol. Those that only brokers exchange are listed
// so that logs can name them.
const (
	EventUndefined          EventType = 0
	EventControl            EventType = 1
	EventPut                EventType = 2
	EventConfirm            EventType = 3
	EventPush               EventType = 4
	EventAck                EventType = 5
	EventClusterState       EventType = 6
	EventElector            EventType = 7
	EventStorage            EventType = 8
	EventRecovery           EventType = 9
	EventPartitionSync      EventType = 10
	EventHeartbeatReq       EventType = 11
	EventHeartbeatRsp       EventType = 12
	EventReject             EventType = 13
	EventReplicationReceipt EventType = 14
	EventAuthentication     EventType = 15
)

var eventNames = [...]string{
	"UNDEFINED", "CONTROL", "PUT", "CONFIRM", "PUSH", "ACK", "CLUSTER_STATE",
	"ELECTOR", "STORAGE", "RECOVERY", "PARTITION_SYNC", "HEARTBEAT_REQ",
	"HEARTBEAT_RSP", "REJECT", "REPLICATION_RECEIPT", "AUTHENTICATION",
}

// String returns upstream's name of the type, or "TYPE_n" for an unknown one.
func (t EventType) String() string {
	if int(t) < len(eventNames) {
		return eventNames[t]
	}
	return fmt.Sprintf("TYPE_%d", uint8(t))
}

// Encoding tells how the body of a CONTROL or AUTHENTICATION event is written.
type Encoding uint8

// The two encodings of control messages.
const (
	EncodingBER  Encoding = 0
	EncodingJSON Encoding = 1
)

// String returns "BER" or "JSON".
func (e Encoding) String() string {
	switch e {
	case EncodingBER:
		return "BER"
	case EncodingJSON:
		return "JSON"
	}
	return fmt.Sprintf("ENCODING_%d", uint8(e))
}

const (
	// EventHeaderSize is the size in bytes of the event header that is written.
	EventHeaderSize = 8
	// MaxEventSize is the largest event in bytes that a reader accepts: upstream
	// builds events of at most 512 MiB.
	MaxEventSize = 512 << 20
	// MaxPutEventSize is the largest PUT event in bytes that a client builds.
	MaxPutEventSize = 66 << 20
	// MaxPayloadSize is the largest application data of one PUT message in
	// bytes, after compression and with its properties.
	MaxPayloadSize = 64 << 20

	protocolVersion   = 1
	wordSize          = 4
	minEventHeader    = 6
	frameLengthPrefix = 4
)

// ErrFrame is the cause of errors after which the stream can't be read on: the
// connection has to be closed.
var ErrFrame = errors.New("wire: stream is not a sequence of events")

// ErrMalformed is the cause of errors that concern one event or one message;
// the stream itself is intact.
var ErrMalformed = errors.New("wire: malformed event")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// FrameLength reads the length of the event that starts at b, in bytes with its
// header. It needs four bytes and answers 0 without an error if there are fewer.
// A length that no event can have, or one above limit, is an ErrFrame.
func FrameLength(b []byte, limit int) (int, error) {
	if len(b) < frameLengthPrefix {
		return 0, nil
	}
	n := int32(binary.BigEndian.Uint32(b))
	if n <= frameLengthPrefix {
		return 0, fmt.Errorf("%w: event length %d", ErrFrame, n)
	}
	if int(n) > limit {
		return 0, fmt.Errorf("%w: event length %d is above the limit of %d bytes", ErrFrame, n, limit)
	}
	return int(n), nil
}

// Event is one event taken from the stream.
type Event struct {
	Type     EventType
	Encoding Encoding // of CONTROL and AUTHENTICATION events
	Body     []byte   // what follows the header
}

// ParseEvent splits a whole event into header and body. The header may be longer
// than the one that is known; what is unknown is skipped. Errors are
// ErrMalformed: the event is to be dropped, the connection kept.
func ParseEvent(frame []byte) (Event, error) {
	if len(frame) < minEventHeader {
		return Event{}, malformed("event of %d bytes has no complete header", len(frame))
	}
	header := int(frame[5]) * wordSize
	if header < minEventHeader || header > len(frame) {
		return Event{}, malformed("event header of %d bytes in an event of %d", header, len(frame))
	}
	ev := Event{Type: EventType(frame[4] & 0x3f), Body: frame[header:]}
	if header > 6 {
		ev.Encoding = Encoding(frame[6] >> 5)
	}
	if ev.Type == EventUndefined {
		return ev, malformed("event type is UNDEFINED")
	}
	return ev, nil
}

// PutEventHeader writes the header of an event of length bytes (header included)
// over the first EventHeaderSize bytes of b.
func PutEventHeader(b []byte, t EventType, length int, e Encoding) {
	binary.BigEndian.PutUint32(b, uint32(length))
	b[4] = protocolVersion<<6 | byte(t)
	b[5] = EventHeaderSize / wordSize
	b[6] = byte(e) << 5
	b[7] = 0
}

// AppendEventHeader appends a header with length 0; FinishEvent writes the length
// when the body is complete.
func AppendEventHeader(dst []byte, t EventType, e Encoding) []byte {
	var h [EventHeaderSize]byte
	PutEventHeader(h[:], t, 0, e)
	return append(dst, h[:]...)
}

// FinishEvent writes into the event that starts at b[start] that it ends at len(b).
func FinishEvent(b []byte, start int) {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
}

// The two events without a body.
var (
	HeartbeatReq = []byte{0, 0, 0, 8, 0x4b, 2, 0, 0}
	HeartbeatRsp = []byte{0, 0, 0, 8, 0x4c, 2, 0, 0}
)
