package wire

import "encoding/binary"

// PaddedSize is the size in bytes of n bytes with their padding: the next
// multiple of four above n.
func PaddedSize(n int) int { return (n/wordSize + 1) * wordSize }

// AppendPadding appends the one to four bytes that complete n bytes of data to a
// whole number of words. Each holds the count, so that aligned data gets four.
func AppendPadding(dst []byte, n int) []byte {
	switch wordSize - n%wordSize {
	case 1:
		return append(dst, 1)
	case 2:
		return append(dst, 2, 2)
	case 3:
		return append(dst, 3, 3, 3)
	default:
		return append(dst, 4, 4, 4, 4)
	}
}

// Unpad cuts the padding off b; it answers false if the last byte can't be one.
func Unpad(b []byte) ([]byte, bool) {
	if len(b) == 0 {
		return nil, false
	}
	p := int(b[len(b)-1])
	if p < 1 || p > wordSize || p > len(b) {
		return nil, false
	}
	return b[:len(b)-p], true
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
