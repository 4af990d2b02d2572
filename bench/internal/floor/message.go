package floor

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	putHeader  = 36
	ackSize    = 24
	recordHead = 4
	guidOffset = 12
	guidSize   = 16
)

// appendPut appends a message, which asks for an ack if flags is 1. n numbers it.
func (c *conn) appendPut(b []byte, n uint64, now time.Time, flags uint32, payload []byte) []byte {
	pad := 4 - len(payload)%4
	b = binary.BigEndian.AppendUint32(b, flags<<28|uint32(putHeader+len(payload)+pad)/4)
	b = binary.BigEndian.AppendUint32(b, putHeader/4)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, version|byte(n>>16)&0x3f, byte(n>>8), byte(n))
	t := uint64(now.UnixNano())
	b = append(b, byte(t>>48), byte(t>>40), byte(t>>32), byte(t>>24), byte(t>>16), byte(t>>8), byte(t))
	b = append(b, c.id[:]...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, payload...)
	for range pad {
		b = append(b, byte(pad))
	}
	return b
}

// acks counts the records of an ACK event, and tells whether all say success.
func acks(body []byte) (n int, ok bool) {
	ok = true
	for rest := body[recordHead:]; len(rest) >= ackSize; rest = rest[ackSize:] {
		ok = ok && rest[0]&0xf == 0
		n++
	}
	return n, ok
}

// pushes makes the CONFIRM event for the messages of a PUSH event, in place of what is in
// confirm, and hands out their payloads to each, which may be nil.
func pushes(confirm, body []byte, each func(payload []byte)) (event []byte, n int) {
	confirm = append(header(confirm[:0], typeConfirm, 0, 0), 0x16, 0, 0, 0)
	for rest := body; len(rest) > 0; n++ {
		size := int(binary.BigEndian.Uint32(rest)&0xfffffff) * 4
		layout := binary.BigEndian.Uint32(rest[4:])
		confirm = append(confirm, 0, 0, 0, 0)
		confirm = append(confirm, rest[guidOffset:guidOffset+guidSize]...)
		confirm = append(confirm, 0, 0, 0, 0)
		if each != nil {
			each(rest[int(layout&0x1f)*4+int(layout>>8)*4 : size])
		}
		rest = rest[size:]
	}
	binary.BigEndian.PutUint32(confirm, uint32(len(confirm)))
	return confirm, n
}
