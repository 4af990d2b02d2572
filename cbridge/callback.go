//go:build cgo && (libbmq || bmqfake)

package cbridge

// #include "bmqbridge.h"
import "C"

import (
	"runtime/debug"
	"unsafe"

	"github.com/bmq-go/bmq/internal/pages"
	pointer "github.com/mattn/go-pointer"
)

// maxScratch is how many records of a session's scratch memory are kept.
const maxScratch = 16 << 10

//export bmqb_on_event
func bmqb_on_event(handle unsafe.Pointer, event *C.bmqb_event) {
	s, ok := pointer.Restore(handle).(*Session)
	if !ok {
		return
	}
	defer s.contain()
	text := ""
	if event.text_size > 0 {
		text = C.GoStringN(event.text, C.int(event.text_size))
	}
	switch event.kind {
	case C.BMQB_EVENT_MESSAGES:
		s.onMessages(event)
	case C.BMQB_EVENT_ACKS:
		s.onAcks(event)
	case C.BMQB_EVENT_RESULT:
		s.handler.OnResult(uint64(event.id), int32(event.code), text)
	case C.BMQB_EVENT_SESSION:
		s.handler.OnSessionEvent(int32(event._type), int32(event.code), uint64(event.id), text)
	}
}

// contain keeps panics on this side.
func (s *Session) contain() {
	if r := recover(); r != nil {
		s.handler.OnPanic(r, debug.Stack())
	}
}

// resize returns a slice of n records, in the memory of scratch where that is large
// enough. Huge ones are not kept.
func resize[T any](scratch *[]T, n int) []T {
	if n > maxScratch {
		return make([]T, n)
	}
	if cap(*scratch) < n {
		*scratch = make([]T, n, max(n, 2*cap(*scratch)))
	}
	return (*scratch)[:n]
}

func (s *Session) onMessages(event *C.bmqb_event) {
	messages := resize(&s.messages, int(event.count))
	bytes := pages.Make(int(event.bytes))
	C.bmqb_fill_messages(event.source, (*C.bmqb_message)(unsafe.Pointer(unsafe.SliceData(messages))), bytesPointer(bytes))
	s.handler.OnMessages(messages, bytes)
}

func (s *Session) onAcks(event *C.bmqb_event) {
	acks := resize(&s.acks, int(event.count))
	C.bmqb_fill_acks(event.source, (*C.bmqb_ack)(unsafe.Pointer(unsafe.SliceData(acks))))
	s.handler.OnAcks(acks)
}

//export bmqb_on_credential
func bmqb_on_credential(handle, sink unsafe.Pointer) (rc C.int32_t) {
	rc = -1
	s, ok := pointer.Restore(handle).(*Session)
	if !ok {
		return rc
	}
	defer s.contain()
	mechanism, data, err := s.handler.Credential()
	if err != nil {
		return rc
	}
	return C.bmqb_credential_set(sink, stringPointer(mechanism), C.int64_t(len(mechanism)), bytesPointer(data), C.int64_t(len(data)))
}
