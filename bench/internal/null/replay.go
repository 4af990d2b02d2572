package null

import (
	"github.com/bmq-go/bmq/internal/wire"
)

// replay sends what the queue's name asked for, ahead of confirmations by a bounded
// number of messages.
func (p *peer) replay(subscription uint32) {
	payload := make([]byte, p.size)
	perEvent := max(1, min(p.count, pushEvent/max(1, p.size)))
	option := wire.AppendSubQueueIDs(nil, subscription)
	message := wire.AppendPushHeader(nil, &wire.PushHeader{QueueID: int32(p.queue)}, len(option), len(payload))
	message = append(append(message, option...), payload...)
	message = wire.AppendPadding(message, len(payload))
	event := wire.AppendEventHeader(nil, wire.EventPush, 0)
	for range perEvent {
		event = append(event, message...)
	}
	number := uint64(1)
	for sent := 0; sent < p.count; {
		n := min(perEvent, p.count-sent)
		event = event[:wire.EventHeaderSize+n*len(message)]
		wire.FinishEvent(event, 0)
		for i := range n {
			putNumber(event[wire.EventHeaderSize+i*len(message)+12:], number)
			number++
		}
		if !p.allow(n) {
			return
		}
		if _, err := p.conn.Write(event); err != nil {
			return
		}
		sent += n
	}
}

// putNumber writes a GUID that has nothing but a number.
func putNumber(b []byte, n uint64) {
	b[0] = 0x40
	for i := range 8 {
		b[8+i] = byte(n >> (56 - 8*i))
	}
}

// allow waits until n more messages may be on their way. It answers false when the client
// is gone.
func (p *peer) allow(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.unacked > 0 && p.unacked+n > ahead && !p.ended {
		p.room.Wait()
	}
	p.unacked += n
	return !p.ended
}

func (p *peer) confirmed(body []byte) {
	r, err := wire.NewConfirmReader(body)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unacked -= r.Len()
	p.room.Signal()
}

func (p *peer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.room.Signal()
}
