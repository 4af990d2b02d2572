package wire

import "encoding/binary"

// AckStatus is the status field of an ACK.
type AckStatus uint8

// The values that brokers send. Readers take any other as AckUnknown.
const (
	AckSuccess        AckStatus = 0
	AckLimitMessages  AckStatus = 1
	AckLimitBytes     AckStatus = 2
	AckUnknown        AckStatus = 5
	AckStorageFailure AckStatus = 6
	AckNotReady       AckStatus = 7
)

// MaxCorrelationID is the largest correlation id of a client without GUIDs.
const MaxCorrelationID = 1<<24 - 1

// Ack is one record of an ACK event.
type Ack struct {
	Status        AckStatus
	CorrelationID uint32 // of clients without GUIDs, else 0
	GUID          GUID
	QueueID       int32
}

// Confirm is one record of a CONFIRM or REJECT event.
type Confirm struct {
	QueueID    int32
	GUID       GUID
	SubQueueID uint32 // the subId of openQueue; 0 without application id
}

const (
	recordHeaderSize = 4
	// RecordSize is the size in bytes of an ACK, CONFIRM or REJECT record.
	RecordSize  = 24
	recordWords = RecordSize / wordSize
)

// RecordEventSize is the size in bytes of an ACK, CONFIRM or REJECT event of n records.
func RecordEventSize(n int) int { return EventHeaderSize + recordHeaderSize + n*RecordSize }

// AppendRecordHeader appends what stands before the records of an ACK, CONFIRM or
// REJECT event.
func AppendRecordHeader(dst []byte) []byte {
	return append(dst, recordHeaderSize/wordSize<<4|recordWords, 0, 0, 0)
}

// AppendAck appends one ACK record.
func AppendAck(dst []byte, a *Ack) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(a.Status&0xf)<<24|a.CorrelationID&MaxCorrelationID)
	dst = append(dst, a.GUID[:]...)
	return binary.BigEndian.AppendUint32(dst, uint32(a.QueueID))
}

// AppendConfirm appends one CONFIRM or REJECT record.
func AppendConfirm(dst []byte, c *Confirm) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(c.QueueID))
	dst = append(dst, c.GUID[:]...)
	return binary.BigEndian.AppendUint32(dst, c.SubQueueID)
}

// records are the fixed-size records of an event.
type records struct {
	rest []byte
	size int
}

func parseRecords(body []byte) (records, error) {
	if len(body) < recordHeaderSize {
		return records{}, malformed("an event of records without their header")
	}
	header, size := int(body[0]>>4)*wordSize, int(body[0]&0xf)*wordSize
	if header < recordHeaderSize || size < RecordSize || header > len(body) {
		return records{}, malformed("records of %d bytes after a header of %d", size, header)
	}
	rest := body[header:]
	if len(rest) == 0 || len(rest)%size != 0 {
		return records{}, malformed("%d bytes are no whole number of records of %d", len(rest), size)
	}
	return records{rest: rest, size: size}, nil
}

func (r *records) next() []byte {
	if len(r.rest) == 0 {
		return nil
	}
	rec := r.rest[:r.size]
	r.rest = r.rest[r.size:]
	return rec
}

// Len returns how many records are left.
func (r *records) Len() int {
	if r.size == 0 {
		return 0
	}
	return len(r.rest) / r.size
}

// AckReader takes the records of an ACK event one by one.
type AckReader struct{ records }

// NewAckReader reads the body of an ACK event.
func NewAckReader(body []byte) (AckReader, error) {
	r, err := parseRecords(body)
	return AckReader{r}, err
}

// Next reads the next record into a and answers whether there was one.
func (r *AckReader) Next(a *Ack) bool {
	rec := r.next()
	if rec == nil {
		return false
	}
	word := be32(rec)
	a.Status = AckStatus(word >> 24 & 0xf)
	a.CorrelationID = word & MaxCorrelationID
	copy(a.GUID[:], rec[4:])
	a.QueueID = int32(be32(rec[20:]))
	return true
}

// ConfirmReader takes the records of a CONFIRM or REJECT event one by one.
type ConfirmReader struct{ records }

// NewConfirmReader reads the body of a CONFIRM or REJECT event.
func NewConfirmReader(body []byte) (ConfirmReader, error) {
	r, err := parseRecords(body)
	return ConfirmReader{r}, err
}

// Next reads the next record into c and answers whether there was one.
func (r *ConfirmReader) Next(c *Confirm) bool {
	rec := r.next()
	if rec == nil {
		return false
	}
	c.QueueID = int32(be32(rec))
	copy(c.GUID[:], rec[4:])
	c.SubQueueID = be32(rec[20:])
	return true
}
