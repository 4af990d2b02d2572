//go:build cgo && (libbmq || bmqfake)

package cbridge

// #include "bmqbridge.h"
import "C"

import (
	"unsafe"

	"github.com/bmq-go/bmq/include"
)

// PostRecord is a message to be posted.
type PostRecord struct {
	Queue          uint64 // Queue.Number
	ID             uint64 // comes back with the ack; 0: no ack is wanted
	Offset         int64  // into the data: properties, payload behind them
	PropertiesSize int32  // of an area in old style, 0 for none
	PayloadSize    int32  // more than 0
	Compression    int32
	Result         int32 // answered: an EventBuilderResult
}

// ConfirmRecord is a message to be confirmed.
type ConfirmRecord struct {
	Queue uint64 // Queue.Number
	GUID  [16]byte
}

// Message is a message from the broker.
type Message struct {
	Queue           uint64 // the number given to OpenQueue
	Subscription    int64  // the number of a subscription, 0 for none
	GUID            [16]byte
	Offset          int64 // into the bytes: properties, payload behind them
	PropertiesSize  int32 // of an area in old style, 0 for none
	PayloadSize     int32
	PropertiesError int32 // not 0: the properties could not be read
	_               int32
}

// Ack is the answer to a post.
type Ack struct {
	ID     uint64 // of PostRecord, 0 if the post wanted no ack
	Queue  uint64
	GUID   [16]byte
	Status int32
	_      int32
}

// QueueOptions are the consumer options of a queue.
type QueueOptions struct {
	MaxUnconfirmedMessages  int32
	MaxUnconfirmedBytes     int32
	ConsumerPriority        int32
	SuspendsOnBadHostHealth int32 // 0 or 1
}

// Subscription is one of the subscriptions of a queue.
type Subscription struct {
	Number                 int64 // comes back with each message; not 0
	MaxUnconfirmedMessages int32
	MaxUnconfirmedBytes    int32
	ConsumerPriority       int32
	ExpressionSize         int32
}

// Counts tells what is alive on the other side, of all sessions of the process.
type Counts struct {
	Sessions    int64
	Queues      int64
	Callbacks   int64 // that are running
	Allocations int64 // beyond the above
}

// The types above have the layout of those in the header. Each line fails to compile
// where that is not so.
var (
	_ [unsafe.Sizeof(PostRecord{})]byte    = [C.sizeof_bmqb_post_record]byte{}
	_ [unsafe.Sizeof(ConfirmRecord{})]byte = [C.sizeof_bmqb_confirm_record]byte{}
	_ [unsafe.Sizeof(Message{})]byte       = [C.sizeof_bmqb_message]byte{}
	_ [unsafe.Sizeof(Ack{})]byte           = [C.sizeof_bmqb_ack]byte{}
	_ [unsafe.Sizeof(QueueOptions{})]byte  = [C.sizeof_bmqb_queue_options]byte{}
	_ [unsafe.Sizeof(Subscription{})]byte  = [C.sizeof_bmqb_subscription]byte{}
	_ [unsafe.Sizeof(Counts{})]byte        = [C.sizeof_bmqb_counts]byte{}

	_ [unsafe.Offsetof(PostRecord{}.Result)]byte       = [unsafe.Offsetof(C.bmqb_post_record{}.result)]byte{}
	_ [unsafe.Offsetof(Message{}.PropertiesError)]byte = [unsafe.Offsetof(C.bmqb_message{}.properties_error)]byte{}
	_ [unsafe.Offsetof(Ack{}.Status)]byte              = [unsafe.Offsetof(C.bmqb_ack{}.status)]byte{}

	// The two numbers of the interface are the same.
	_ [include.ABI]byte = [C.BMQB_ABI]byte{}
)
