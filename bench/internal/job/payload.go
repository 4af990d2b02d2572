package job

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// stampSize is what a time takes at the start of a payload.
const stampSize = 8

// Payload makes the payload of a job, always the same one.
func (j *Job) Payload() []byte {
	p := make([]byte, j.Size)
	if j.Text {
		fillText(p)
		return p
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// fillText writes lines such as logs and orders have: words that come again, numbers
// that don't.
func fillText(p []byte) {
	r := rand.New(rand.NewPCG(3, 4))
	words := []string{"order", "filled", "price", "quantity", "account", "venue", "status", "pending", "execution", "timestamp"}
	for rest := p; len(rest) > 0; {
		line := fmt.Sprintf("{%q: %d, %q: %q}\n", words[r.IntN(len(words))], r.IntN(1e6), words[r.IntN(len(words))], words[r.IntN(len(words))])
		rest = rest[copy(rest, line):]
	}
}

// Stamp writes a time, in nanoseconds of some clock, to where ReadStamp finds it. It
// answers false if there is no room for it.
func Stamp(payload []byte, t int64) bool {
	if len(payload) < stampSize {
		return false
	}
	binary.BigEndian.PutUint64(payload, uint64(t))
	return true
}

// ReadStamp reads a time that Stamp wrote.
func ReadStamp(payload []byte) int64 { return int64(binary.BigEndian.Uint64(payload)) }
