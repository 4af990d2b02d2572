//go:build cgo && (libbmq || bmqfake)

package cbridge

// #include "bmqbridge.h"
import "C"

import (
	"sync/atomic"
	"time"
	"unsafe"

	pointer "github.com/mattn/go-pointer"
)

// Handler takes what comes from a session, on threads of libbmq: it must return soon
// and may not call the methods Stop and Destroy. Its calls come one at a time, but
// for Credential.
type Handler interface {
	// OnSessionEvent is told the number of the event's queue, 0 for none.
	OnSessionEvent(typ, code int32, queue uint64, text string)
	// OnResult ends an operation of a queue.
	OnResult(operation uint64, code int32, text string)
	// OnMessages may keep bytes, but not messages.
	OnMessages(messages []Message, bytes []byte)
	// OnAcks may not keep acks.
	OnAcks(acks []Ack)
	// Credential may take a while.
	Credential() (mechanism string, data []byte, err error)
	// OnPanic is told what another method panicked with.
	OnPanic(what any, stack []byte)
}

// Options are the options of a session, complete and checked.
type Options struct {
	BrokerURI             string
	ProcessName           string
	UserAgent             string // less than 128 printable ASCII characters
	ConnectTimeout        time.Duration
	DisconnectTimeout     time.Duration
	OpenQueueTimeout      time.Duration
	ConfigureQueueTimeout time.Duration
	CloseQueueTimeout     time.Duration
	ChannelHighWatermark  int64         // more than 8 MiB
	StatsDumpInterval     time.Duration // 0, or a multiple of 30 s below one hour
	BlobBufferSize        int           // more than 0
	Healthy               bool
	Authenticates         bool // Handler.Credential is to be asked
}

// ReferredSize is the size from which on payloads are not copied into buffers of the SDK.
const ReferredSize = C.BMQB_REFERRED_SIZE

// Session is a session on the other side.
type Session struct {
	c       *C.bmqb_session
	handle  unsafe.Pointer // by which C knows this value
	handler Handler

	// Scratch memory of the thread that events come from.
	messages []Message
	acks     []Ack
}

// handles counts those that are not released.
var handles atomic.Int64

// Handles returns how many sessions C has a handle of.
func Handles() int64 { return handles.Load() }

// NewSession makes a session that is not started. The caller has to call Destroy.
func NewSession(o Options, h Handler) (*Session, error) {
	if err := CheckABI(); err != nil {
		return nil, err
	}
	s := &Session{handler: h}
	s.handle = pointer.Save(s)
	handles.Add(1)
	options := C.bmqb_session_options{
		connect_timeout:         C.int64_t(o.ConnectTimeout),
		disconnect_timeout:      C.int64_t(o.DisconnectTimeout),
		open_queue_timeout:      C.int64_t(o.OpenQueueTimeout),
		configure_queue_timeout: C.int64_t(o.ConfigureQueueTimeout),
		close_queue_timeout:     C.int64_t(o.CloseQueueTimeout),
		channel_high_watermark:  C.int64_t(o.ChannelHighWatermark),
		stats_dump_interval:     C.int32_t(o.StatsDumpInterval / time.Second),
		blob_buffer_size:        C.int32_t(o.BlobBufferSize),
		healthy:                 flag(o.Healthy),
		authenticates:           flag(o.Authenticates),
		broker_uri_size:         C.int32_t(len(o.BrokerURI)),
		process_name_size:       C.int32_t(len(o.ProcessName)),
		user_agent_size:         C.int32_t(len(o.UserAgent)),
	}
	var e C.bmqb_error
	rc := C.bmqb_session_create(&options, stringPointer(o.BrokerURI+o.ProcessName+o.UserAgent), s.handle, &s.c, &e)
	if rc != 0 {
		s.release()
		return nil, failed(rc, &e)
	}
	return s, nil
}

func flag(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}

// release gives the handle up. No callback may come any more: the number of a
// released handle is used again.
func (s *Session) release() {
	pointer.Unref(s.handle)
	handles.Add(-1)
}

// Start begins to connect. The result comes as an event.
func (s *Session) Start() error {
	var e C.bmqb_error
	return failed(C.bmqb_session_start(s.c, &e), &e)
}

// Stop disconnects and returns when no event will come any more, after the disconnect
// timeout at the latest.
func (s *Session) Stop() error {
	var e C.bmqb_error
	return failed(C.bmqb_session_stop(s.c, &e), &e)
}

// Destroy ends a session that is stopped, or was never started, and whose queues are
// freed.
func (s *Session) Destroy() error {
	var e C.bmqb_error
	rc := C.bmqb_session_destroy(s.c, &e)
	s.c = nil
	s.release()
	return failed(rc, &e)
}

// SetHealth says whether the host is healthy.
func (s *Session) SetHealth(healthy bool) { C.bmqb_session_health(s.c, flag(healthy)) }

// Post posts messages as one event. It answers how many of them, from the first on,
// it looked at; those that were refused one by one have a Result. The error is about
// the others: with the code for BW_LIMIT they are kept, and Post without records tries
// to send them; with another one they were not posted. It never waits. One goroutine
// at a time may post.
func (s *Session) Post(records []PostRecord, data []byte) (taken int, err error) {
	var n C.int32_t
	var e C.bmqb_error
	rc := C.bmqb_post(s.c, (*C.bmqb_post_record)(unsafe.Pointer(unsafe.SliceData(records))), C.int32_t(len(records)),
		bytesPointer(data), &n, &e)
	return int(n), failed(rc, &e)
}

// Confirm confirms messages as one event, and answers as Post does; the code for
// TIMEOUT says that they are kept. Those of queues that are not open are left out. One
// goroutine at a time may confirm.
func (s *Session) Confirm(records []ConfirmRecord) (taken int, err error) {
	var n C.int32_t
	var e C.bmqb_error
	rc := C.bmqb_confirm(s.c, (*C.bmqb_confirm_record)(unsafe.Pointer(unsafe.SliceData(records))), C.int32_t(len(records)),
		&n, &e)
	return int(n), failed(rc, &e)
}
