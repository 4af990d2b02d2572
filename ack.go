package bmq

import (
	"fmt"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// AckStatus is the broker's answer to a post, with upstream's numbers.
type AckStatus int

// The ack statuses. Brokers send AckSuccess, AckUnknown, AckLimitMessages,
// AckLimitBytes and AckStorageFailure; the protocol has a number for AckNotReady
// as well, which the official broker uses among brokers only. The session itself
// answers AckUnknown to posts whose outcome it can't learn any more (their queue
// was closed, the session stopped, or they waited longer for a connection than
// the broker recognises repeats), and AckSuccess in the first two cases for
// broadcast queues.
const (
	AckSuccess         AckStatus = 0
	AckUnknown         AckStatus = -1
	AckTimeout         AckStatus = -2
	AckNotConnected    AckStatus = -3
	AckCanceled        AckStatus = -4
	AckNotSupported    AckStatus = -5
	AckRefused         AckStatus = -6
	AckInvalidArgument AckStatus = -7
	AckNotReady        AckStatus = -8
	AckLimitMessages   AckStatus = -100
	AckLimitBytes      AckStatus = -101
	AckStorageFailure  AckStatus = -104
	// AckUnrecognized stands for a number that this package does not know; the
	// number itself is Ack.RawStatus.
	AckUnrecognized AckStatus = -1 << 31
)

var ackStatuses = map[AckStatus]codeInfo{
	AckSuccess:         {"SUCCESS", nil},
	AckUnknown:         {"UNKNOWN", ErrUnknown},
	AckTimeout:         {"TIMEOUT", ErrBrokerTimeout},
	AckNotConnected:    {"NOT_CONNECTED", ErrNotConnected},
	AckCanceled:        {"CANCELED", ErrCanceled},
	AckNotSupported:    {"NOT_SUPPORTED", ErrNotSupported},
	AckRefused:         {"REFUSED", ErrRefused},
	AckInvalidArgument: {"INVALID_ARGUMENT", ErrInvalidArgument},
	AckNotReady:        {"NOT_READY", ErrNotReady},
	AckLimitMessages:   {"LIMIT_MESSAGES", ErrLimitMessages},
	AckLimitBytes:      {"LIMIT_BYTES", ErrLimitBytes},
	AckStorageFailure:  {"STORAGE_FAILURE", ErrStorageFailure},
	AckUnrecognized:    {"UNRECOGNIZED", ErrUnknown},
}

// String returns upstream's name of the status.
func (s AckStatus) String() string {
	if info, ok := ackStatuses[s]; ok {
		return info.name
	}
	return fmt.Sprintf("UNRECOGNIZED (%d)", int(s))
}

// Err returns nil for AckSuccess and the sentinel error of any other status.
func (s AckStatus) Err() error {
	if info, ok := ackStatuses[s]; ok {
		return info.err
	}
	return ErrUnknown
}

// Ack answers one post that asked for it with WithOnAck.
type Ack struct {
	// GUID of the message, nil unless Status is AckSuccess.
	GUID *MessageGUID
	// Status tells whether the broker took the message.
	Status AckStatus
	// QueueURI is the queue's URI as it was opened.
	QueueURI string

	raw  int32
	guid MessageGUID
}

// RawStatus returns upstream's number of the status, also where Status is
// AckUnrecognized.
func (a *Ack) RawStatus() int { return int(a.raw) }

// String returns "<Ack[GUID] SUCCESS for URI>", without the GUID for a failure.
func (a *Ack) String() string {
	name := a.Status.String()
	if a.Status == AckUnrecognized {
		name = AckStatus(a.raw).String()
	}
	if a.GUID == nil {
		return fmt.Sprintf("<Ack %s for %s>", name, a.QueueURI)
	}
	return fmt.Sprintf("<Ack[%s] %s for %s>", a.GUID, name, a.QueueURI)
}

// OnAck takes the answer to a post. It is called exactly once for each post that
// was accepted, on a goroutine of the session; see Session for what it may do.
type OnAck func(*Ack)

func (a *Ack) set(uri string, code engine.Code, guid wire.GUID) {
	a.QueueURI, a.raw, a.Status = uri, int32(code), AckStatus(code)
	if a.Status == AckSuccess {
		a.guid = MessageGUID(guid)
		a.GUID = &a.guid
		return
	}
	if _, known := ackStatuses[a.Status]; !known {
		a.Status = AckUnrecognized
	}
}
