package wire

import (
	"encoding/binary"
	"fmt"
)

// Compression is the algorithm that application data was compressed with (CAT).
type Compression uint8

// The compression algorithms of the protocol.
const (
	CompressionNone Compression = 0
	CompressionZlib Compression = 1
)

// String returns upstream's name.
func (c Compression) String() string {
	switch c {
	case CompressionNone:
		return "NONE"
	case CompressionZlib:
		return "ZLIB"
	}
	return fmt.Sprintf("COMPRESSION_%d", uint8(c))
}

// Flags of PUT and PUSH messages. A PUT that asks for an ACK has FlagAckRequested;
// in a PUSH the same bit is FlagImplicitPayload.
const (
	FlagAckRequested    uint8 = 1
	FlagImplicitPayload uint8 = 1
	FlagProperties      uint8 = 2
	FlagOutOfOrder      uint8 = 4
)

// SchemaID is the field by which a message says how its properties are written.
type SchemaID uint16

// The schema ids with a meaning of their own. Others are ids of property name
// lists; an odd one says that the id was assigned anew.
const (
	SchemaOldStyle SchemaID = 0
	SchemaNone     SchemaID = 1 // new style, nothing to learn
)

const (
	putHeaderSize     = 36
	minHeaderSize     = 8
	pushHeaderSize    = 32
	maxMessageWords   = 1<<28 - 1
	schemaOffsetPut   = 32
	schemaOffsetPush  = 28
	fixedMessageBytes = 28 // flags, sizes, queue id and GUID
)

// PutHeader is what a PUT message says besides options and application data.
type PutHeader struct {
	Flags       uint8
	Compression Compression
	QueueID     int32
	GUID        GUID
	CRC         uint32
	Schema      SchemaID
}

// CorrelationID returns the 24-bit id that a client without GUIDs of its own
// writes into the GUID field.
func (h *PutHeader) CorrelationID() uint32 { return be32(h.GUID[:]) & 0xffffff }

// PutSize is the size in bytes of a PUT message without options.
func PutSize(dataLen int) int { return putHeaderSize + PaddedSize(dataLen) }

// AppendPutHeader appends the header of a PUT message whose options (a whole number
// of words) and application data have the given sizes in bytes. The caller appends
// both, then AppendPadding(dst, dataLen).
func AppendPutHeader(dst []byte, h *PutHeader, optionsLen, dataLen int) []byte {
	dst = appendMessageSizes(dst, h.Flags, h.Compression, putHeaderSize, optionsLen, dataLen)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.QueueID))
	dst = append(dst, h.GUID[:]...)
	dst = binary.BigEndian.AppendUint32(dst, h.CRC)
	return binary.BigEndian.AppendUint32(dst, uint32(h.Schema)<<16)
}

func appendMessageSizes(dst []byte, flags uint8, c Compression, header, optionsLen, dataLen int) []byte {
	words := (header + optionsLen + PaddedSize(dataLen)) / wordSize
	dst = binary.BigEndian.AppendUint32(dst, uint32(flags)<<28|uint32(words))
	return binary.BigEndian.AppendUint32(dst, uint32(optionsLen/wordSize)<<8|uint32(c)<<5|uint32(header/wordSize))
}

// PutMessage is one message of a PUT event.
type PutMessage struct {
	PutHeader
	Options []byte // as they came, not examined
	Data    []byte // application data without padding
	Wire    []byte // the whole message, padding included
}

// PutReader takes the messages of a PUT event one by one.
type PutReader struct{ messageReader }

// NewPutReader reads the body of a PUT event.
func NewPutReader(body []byte) PutReader { return PutReader{messageReader{rest: body}} }

// Next reads the next message into m and answers whether there was one. A message
// that is not well formed ends the event: Err then says why.
func (r *PutReader) Next(m *PutMessage) bool {
	raw := &r.raw
	if !r.next() {
		return false
	}
	if raw.header < fixedMessageBytes+4 {
		return r.fail("PUT header of %d bytes", raw.header)
	}
	m.Options, m.Data, m.Wire = raw.options, raw.data, raw.wire
	m.Flags, m.Compression, m.QueueID = raw.flags, raw.compression, int32(be32(raw.wire[8:]))
	copy(m.GUID[:], raw.wire[12:])
	m.CRC = be32(raw.wire[28:])
	m.Schema = SchemaOldStyle
	if raw.header >= putHeaderSize {
		m.Schema = SchemaID(be16(raw.wire[schemaOffsetPut:]))
	}
	return r.checkProperties(m.Flags, m.Schema)
}

// PushHeader is what a PUSH message says besides options and application data.
type PushHeader struct {
	Flags       uint8
	Compression Compression
	QueueID     int32
	GUID        GUID
	Schema      SchemaID
}

// PushSize is the size in bytes of a PUSH message with options of optionsLen bytes.
func PushSize(optionsLen, dataLen int) int {
	return pushHeaderSize + optionsLen + PaddedSize(dataLen)
}

// AppendPushHeader is AppendPutHeader for a PUSH message.
func AppendPushHeader(dst []byte, h *PushHeader, optionsLen, dataLen int) []byte {
	dst = appendMessageSizes(dst, h.Flags, h.Compression, pushHeaderSize, optionsLen, dataLen)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.QueueID))
	dst = append(dst, h.GUID[:]...)
	return binary.BigEndian.AppendUint32(dst, uint32(h.Schema)<<16)
}

// PushMessage is one message of a PUSH event.
type PushMessage struct {
	PushHeader
	Options []byte // see ParseOptions
	Data    []byte // application data without padding
}

// PushReader takes the messages of a PUSH event one by one.
type PushReader struct{ messageReader }

// NewPushReader reads the body of a PUSH event.
func NewPushReader(body []byte) PushReader { return PushReader{messageReader{rest: body}} }

// Next reads the next message into m and answers whether there was one. A message
// that is not well formed ends the event: Err then says why.
func (r *PushReader) Next(m *PushMessage) bool {
	raw := &r.raw
	if !r.next() {
		return false
	}
	if raw.header < fixedMessageBytes {
		return r.fail("PUSH header of %d bytes", raw.header)
	}
	m.Options, m.Data = raw.options, raw.data
	m.Flags, m.Compression, m.QueueID = raw.flags, raw.compression, int32(be32(raw.wire[8:]))
	copy(m.GUID[:], raw.wire[12:])
	m.Schema = SchemaOldStyle
	if raw.header >= pushHeaderSize {
		m.Schema = SchemaID(be16(raw.wire[schemaOffsetPush:]))
	}
	return r.checkProperties(m.Flags, m.Schema)
}

// messageReader walks over the messages of a PUT or PUSH event.
type messageReader struct {
	rest []byte
	raw  rawMessage // the last one that next found
	err  error
	n    int
}

type rawMessage struct {
	flags       uint8
	compression Compression
	header      int
	options     []byte
	data        []byte
	wire        []byte
}

// Err returns why the event ended early, nil if it did not.
func (r *messageReader) Err() error { return r.err }

func (r *messageReader) fail(format string, args ...any) bool {
	r.err = malformed("message %d: %s", r.n, fmt.Sprintf(format, args...))
	r.rest = nil
	return false
}

// next finds the next message.
func (r *messageReader) next() bool {
	m, b := &r.raw, r.rest
	if len(b) == 0 {
		if r.n == 0 && r.err == nil {
			r.fail("the event is empty")
		}
		return false
	}
	r.n++
	if len(b) < minHeaderSize {
		return r.fail("%d bytes are left, too few for a header", len(b))
	}
	sizes, layout := be32(b), be32(b[4:])
	total := int(sizes&maxMessageWords) * wordSize
	optionsLen := int(layout>>8) * wordSize
	m.header = int(layout&0x1f) * wordSize
	dataStart := m.header + optionsLen
	switch {
	case total > len(b):
		return r.fail("it has %d bytes, the event only %d more", total, len(b))
	case m.header < minHeaderSize || dataStart > total:
		return r.fail("a header of %d and options of %d bytes in %d", m.header, optionsLen, total)
	}
	m.flags = uint8(sizes >> 28)
	m.compression = Compression(layout >> 5 & 7)
	m.options = b[m.header:dataStart]
	m.wire = b[:total:total]
	var ok bool
	m.data, ok = Unpad(b[dataStart:total])
	switch {
	case !ok:
		return r.fail("the padding is not valid")
	case len(m.data) == 0:
		return r.fail("there is no application data")
	case m.compression > CompressionZlib:
		return r.fail("unknown compression algorithm %d", m.compression)
	}
	r.rest = b[total:]
	return true
}

func (r *messageReader) checkProperties(flags uint8, schema SchemaID) bool {
	if schema != SchemaOldStyle && flags&FlagProperties == 0 {
		return r.fail("schema id %d without properties", schema)
	}
	return true
}
