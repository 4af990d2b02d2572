package wire

import (
	"crypto/md5" //nolint:gosec // the protocol derives client ids with MD5; nothing here is a secret
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// GUIDSize is the size of a GUID in bytes.
const GUIDSize = 16

// GUID identifies a message. The zero value means "unset".
type GUID [GUIDSize]byte

// IsZero tells whether g is unset.
func (g GUID) IsZero() bool { return g == GUID{} }

// String returns 32 upper-case hexadecimal digits.
func (g GUID) String() string { return strings.ToUpper(hex.EncodeToString(g[:])) }

// Counter returns the 22-bit counter of a GUID made by a GUIDGenerator.
func (g GUID) Counter() uint32 {
	return uint32(g[0]&0x3f)<<16 | uint32(g[1])<<8 | uint32(g[2])
}

// GUIDCounterMask covers the bits of a generator's counter that a GUID holds.
const GUIDCounterMask = 1<<22 - 1

var errGUID = errors.New("wire: a GUID is 32 hexadecimal digits")

// ParseGUID reads the text form, in upper or lower case.
func ParseGUID(s string) (GUID, error) {
	var g GUID
	if len(s) != 2*GUIDSize {
		return g, errGUID
	}
	if _, err := hex.Decode(g[:], []byte(s)); err != nil {
		return GUID{}, errGUID
	}
	return g, nil
}

// ClientIDSize is the size in bytes of the part of a GUID that names its maker.
const ClientIDSize = 6

// GUIDGenerator makes GUIDs in upstream's layout: version and a 22-bit counter,
// 56 bits of nanoseconds since the generator was made, and the client id. It is
// not safe for concurrent use: its owner has a lock anyway.
type GUIDGenerator struct {
	clientID [ClientIDSize]byte
	epoch    time.Time
	counter  uint64
}

// NewGUIDGenerator makes the generator of one session of one process on the host
// with the given address or name.
func NewGUIDGenerator(host string, now time.Time, pid, session int) *GUIDGenerator {
	seed := make([]byte, 0, len(host)+16)
	seed = append(seed, host...)
	seed = binary.BigEndian.AppendUint64(seed, uint64(now.UnixNano()))
	seed = binary.BigEndian.AppendUint32(seed, uint32(pid))
	seed = binary.BigEndian.AppendUint32(seed, uint32(session))
	sum := md5.Sum(seed) //nolint:gosec // see above
	g := &GUIDGenerator{epoch: now}
	copy(g.clientID[:], sum[:])
	return g
}

// ClientID returns the client id as 12 upper-case hexadecimal digits, the form of
// GuidInfo.clientId.
func (g *GUIDGenerator) ClientID() string {
	return strings.ToUpper(hex.EncodeToString(g.clientID[:]))
}

// Epoch returns when the generator was made.
func (g *GUIDGenerator) Epoch() time.Time { return g.epoch }

// Next returns a new GUID, and the number of GUIDs made before it: the low
// GUIDCounterMask bits of that number are the GUID's counter.
func (g *GUIDGenerator) Next() (GUID, uint64) {
	n := g.counter
	g.counter++
	var id GUID
	id[0] = 0x40 | byte(n>>16)&0x3f
	id[1] = byte(n >> 8)
	id[2] = byte(n)
	ns := uint64(time.Since(g.epoch))
	id[3] = byte(ns >> 48)
	binary.BigEndian.PutUint32(id[4:], uint32(ns>>16))
	binary.BigEndian.PutUint16(id[8:], uint16(ns))
	copy(id[10:], g.clientID[:])
	return id, n
}
