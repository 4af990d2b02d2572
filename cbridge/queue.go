//go:build cgo && (libbmq || bmqfake)

package cbridge

// #include "bmqbridge.h"
import "C"

import (
	"time"
	"unsafe"
)

// Queue is a queue on the other side.
type Queue struct {
	s *Session
	c *C.bmqb_queue
}

// Number is what records name the queue by.
func (q *Queue) Number() uint64 { return uint64(uintptr(unsafe.Pointer(q.c))) }

// OpenRequest says as what to open a queue.
type OpenRequest struct {
	Operation     uint64 // of the event with the result
	URI           string
	Read, Write   bool
	Options       QueueOptions
	Subscriptions []Subscription
	Expressions   string // of the subscriptions, one behind the other
	Timeout       time.Duration
}

// NewQueue makes a queue that is not open. number comes with its events and messages;
// it must not be 0. The caller has to call Free.
func (s *Session) NewQueue(number uint64) (*Queue, error) {
	q := &Queue{s: s}
	var e C.bmqb_error
	rc := C.bmqb_queue_create(C.uint64_t(number), &q.c, &e)
	return q, failed(rc, &e)
}

// Open begins to open the queue, once. After an error there is no event.
func (q *Queue) Open(r *OpenRequest) error {
	var flags C.int32_t
	if r.Read {
		flags |= C.BMQB_READ
	}
	if r.Write {
		flags |= C.BMQB_WRITE
	}
	var e C.bmqb_error
	rc := C.bmqb_queue_open(q.s.c, q.c, C.uint64_t(r.Operation), stringPointer(r.URI), C.int64_t(len(r.URI)),
		flags, options(&r.Options), subscriptions(r.Subscriptions), C.int32_t(len(r.Subscriptions)),
		stringPointer(r.Expressions), C.int64_t(r.Timeout), &e)
	return failed(rc, &e)
}

func options(o *QueueOptions) *C.bmqb_queue_options {
	return (*C.bmqb_queue_options)(unsafe.Pointer(o))
}

func subscriptions(list []Subscription) *C.bmqb_subscription {
	return (*C.bmqb_subscription)(unsafe.Pointer(unsafe.SliceData(list)))
}

// Configure begins to change the options of an open queue. After an error there is
// no event.
func (q *Queue) Configure(operation uint64, o QueueOptions, list []Subscription, expressions string, timeout time.Duration) error {
	var e C.bmqb_error
	rc := C.bmqb_queue_configure(q.s.c, q.c, C.uint64_t(operation), options(&o), subscriptions(list), C.int32_t(len(list)),
		stringPointer(expressions), C.int64_t(timeout), &e)
	return failed(rc, &e)
}

// Close begins to close the queue. After an error there is no event.
func (q *Queue) Close(operation uint64, timeout time.Duration) error {
	var e C.bmqb_error
	return failed(C.bmqb_queue_close(q.s.c, q.c, C.uint64_t(operation), C.int64_t(timeout), &e), &e)
}

// Free forgets the queue. No method may be running, and no record may name it any
// more.
func (q *Queue) Free() {
	C.bmqb_queue_free(q.c)
	q.c = nil
}
