package engine

import "sync"

// MessageBatch are the messages of one network event.
type MessageBatch struct {
	Messages []Message
	Bytes    int  // of payloads and properties
	Lent     Loan // the memory of their contents, where it is borrowed
}

// Loan is memory that is used again once it was returned.
type Loan interface {
	// Return is called once for each batch.
	Return()
}

// AckBatch are the acks of one network event.
type AckBatch struct {
	Acks []Ack
}

var (
	messageBatches = sync.Pool{New: func() any { return new(MessageBatch) }}
	ackBatches     = sync.Pool{New: func() any { return new(AckBatch) }}
)

// maxPooled is how many entries a batch may have room for and still be kept for
// reuse: a rare huge event should not hold its memory for ever.
const maxPooled = 16 << 10

// NewMessageBatch returns an empty batch.
func NewMessageBatch() *MessageBatch { return messageBatches.Get().(*MessageBatch) }

// Release gives the batch back. The messages' contents stay valid, unless they are
// borrowed.
func (b *MessageBatch) Release() {
	if b.Lent != nil {
		b.Lent.Return()
		b.Lent = nil
	}
	if cap(b.Messages) > maxPooled {
		return
	}
	clear(b.Messages)
	b.Messages, b.Bytes = b.Messages[:0], 0
	messageBatches.Put(b)
}

// NewAckBatch returns an empty batch.
func NewAckBatch() *AckBatch { return ackBatches.Get().(*AckBatch) }

// Release gives the batch back.
func (b *AckBatch) Release() {
	if cap(b.Acks) > maxPooled {
		return
	}
	clear(b.Acks)
	b.Acks = b.Acks[:0]
	ackBatches.Put(b)
}
