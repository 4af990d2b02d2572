package messaging

import (
	"errors"
	"fmt"

	"github.com/bmq-go/bmq"
)

// What can go wrong, for errors.Is. Errors of the session come through as they are, so
// that bmq.ErrLimitMessages, say, can be asked for as well.
var (
	// ErrNotStored says that the broker does not have the message: publishing it again
	// makes no duplicate.
	ErrNotStored = errors.New("messaging: message was not stored")
	// ErrOutcomeUnknown says that the broker may or may not have the message, now or
	// later: publishing it again may make a duplicate.
	ErrOutcomeUnknown = errors.New("messaging: nobody knows whether the message was stored")

	// ErrClosed says that the client, producer or consumer is closed.
	ErrClosed = errors.New("messaging: closed")
	// ErrBusy says that a queue can't be had in this way while it is used in another
	// one by the same client.
	ErrBusy = errors.New("messaging: queue is in use")
	// ErrNotOpen says that a consumer does not read the queue.
	ErrNotOpen = errors.New("messaging: consumer does not read this queue")
	// ErrConnectionLost says that there is no connection and the client was told to
	// fail fast.
	ErrConnectionLost = errors.New("messaging: connection to the broker is down")
	// ErrCanceled says that the broker ended a consumer of a queue: it could not be
	// opened again after a reconnection.
	ErrCanceled = errors.New("messaging: consumer was ended by the broker")
	// ErrUnroutable says that an exchange has no queue for a message.
	ErrUnroutable = errors.New("messaging: no queue is bound for this message")

	// ErrHeader says that a header can't be a message property.
	ErrHeader = errors.New("messaging: header can't be sent")
	// ErrEncode says that a body could not be turned into bytes.
	ErrEncode = errors.New("messaging: body can't be encoded")
	// ErrDecode says that a body could not be turned into a value. It will not get
	// better by trying again.
	ErrDecode = errors.New("messaging: body can't be decoded")
	// ErrNoCodec says that there is no codec, or compressor, of a name or content type.
	ErrNoCodec = errors.New("messaging: no codec")
	// ErrContentDisallowed says that a consumer does not accept a content type.
	ErrContentDisallowed = errors.New("messaging: content type is not accepted")
	// ErrTooLarge says that a body exceeds a limit.
	ErrTooLarge = errors.New("messaging: body is too large")

	// ErrAlreadySettled says that a delivery was settled before.
	ErrAlreadySettled = errors.New("messaging: delivery is settled already")
	// ErrStale says that a delivery can't be settled any more, because the connection
	// it came by is gone or its queue was closed: the message comes again.
	ErrStale = errors.New("messaging: delivery is stale, the message comes again")
	// ErrEmpty says that no message came in time. Queues can't be asked whether they
	// are empty.
	ErrEmpty = errors.New("messaging: no message came")
	// ErrNoHandler says that there is nothing to handle messages.
	ErrNoHandler = errors.New("messaging: no handler")
	// ErrAbandoned says that handlers did not end in time and were left to themselves.
	ErrAbandoned = errors.New("messaging: handlers still run")
	// ErrNoReplyTo says that a request does not tell where to reply to.
	ErrNoReplyTo = errors.New("messaging: message has no reply_to")
)

// Outcome is what became of a publish.
type Outcome int

// The outcomes.
const (
	Stored    Outcome = iota // the broker has the message
	NotStored                // it does not
	Unknown                  // it may or may not
)

// String returns the name of the outcome.
func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case NotStored:
		return "not stored"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// PublishError is what publishing fails with. Err tells why; ErrNotStored or
// ErrOutcomeUnknown tells what that means.
type PublishError struct {
	Queue    string // URI; empty if it did not come as far as to a queue
	Outcome  Outcome
	Attempts int // posts that were made, 0 if it did not come as far as to one
	Err      error
}

// Error returns what happened, and the cause.
func (e *PublishError) Error() string {
	text := "messaging: publish"
	if e.Queue != "" {
		text += " to " + e.Queue
	}
	return fmt.Sprintf("%s: %v after %d attempts: %v", text, e.Outcome, e.Attempts, e.Err)
}

// Unwrap returns the cause.
func (e *PublishError) Unwrap() error { return e.Err }

// Is reports the error as that of its outcome.
func (e *PublishError) Is(target error) bool {
	return target == ErrNotStored && e.Outcome == NotStored || target == ErrOutcomeUnknown && e.Outcome == Unknown
}

// Temporary tells whether an operation that failed with err may succeed when it is
// tried again: the broker or the queue was full, not ready or away.
func Temporary(err error) bool {
	for _, target := range []error{
		bmq.ErrLimitMessages, bmq.ErrLimitBytes, bmq.ErrStorageFailure, bmq.ErrBWLimit, bmq.ErrNotReady,
		bmq.ErrNotConnected, bmq.ErrBrokerTimeout, bmq.ErrQueueSuspended, bmq.ErrAlreadyInProgress,
		ErrConnectionLost, ErrBusy,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
