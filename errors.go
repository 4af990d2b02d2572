package bmq

import (
	"errors"
	"fmt"
)

// sentinel is an error that others are recognised by. All of them belong to the
// family of ErrBMQ.
type sentinel struct{ text string }

func (s *sentinel) Error() string { return "bmq: " + s.text }

func (s *sentinel) Is(target error) bool { return target == ErrBMQ }

// ErrBMQ matches every error that Python raises as blazingmq.Error, that is, all of
// this package but ErrValue and ErrType.
var ErrBMQ error = &sentinel{"error"}

// timeoutError is the type of ErrBrokerTimeout.
type timeoutError struct{ sentinel }

// Timeout tells callers who don't know this package that the error is a timeout.
func (*timeoutError) Timeout() bool { return true }

// ErrBrokerTimeout says that the broker did not answer in the operation's timeout;
// Python's BrokerTimeoutError. It has a method Timeout that answers true. It is
// not about a context: that gives the context's own error.
var ErrBrokerTimeout error = &timeoutError{sentinel{"timed out waiting for the broker"}}

// What a program did that can't be done. Each is also ErrBMQ.
var (
	// ErrSessionStopped: Stop, Close or Drain was called. A session can't be started again.
	ErrSessionStopped error = &sentinel{"session is stopped"}
	// ErrQueueNotOpened: the session has no open queue of that URI. A queue that was opened
	// with an application id is known by its whole URI.
	ErrQueueNotOpened error = &sentinel{"queue is not open"}
	// ErrQueueClosing: the queue is being closed. Pause and confirm before closing.
	ErrQueueClosing error = &sentinel{"queue is closing"}
	// ErrAlreadyOpened: the URI is open in this session. To open it otherwise, close it.
	ErrAlreadyOpened error = &sentinel{"queue is already open in this session"}
	// ErrAlreadyInProgress: the queue is being opened, configured or closed, maybe for a
	// caller that did not wait for it. Try again later.
	ErrAlreadyInProgress error = &sentinel{"an operation on this queue is already in progress"}
	// ErrInvalidURI: it is not of the form bmq://domain[.~tier]/queue[?id=appId].
	ErrInvalidURI error = &sentinel{"invalid URI"}
	// ErrInvalidFlags: neither WithRead nor WithWrite was given.
	ErrInvalidFlags error = &sentinel{"queue must be opened for reading, for writing or for both"}
	// ErrNoOnMessage: reading needs WithOnMessage, or WithPull for Messages.
	ErrNoOnMessage error = &sentinel{"no message handler"}
	// ErrHealthMonitoringDisabled: SuspendsOnBadHostHealth needs WithHostHealthMonitor.
	ErrHealthMonitoringDisabled error = &sentinel{"host health monitoring is off"}
	// ErrQueueReadOnly: posting needs WithWrite.
	ErrQueueReadOnly error = &sentinel{"queue was not opened for writing"}
	// ErrPayloadEmpty: a message has at least one byte, whatever its properties.
	ErrPayloadEmpty error = &sentinel{"payload is empty"}
	// ErrPayloadTooBig: payload and properties have more than 64 MiB.
	ErrPayloadTooBig error = &sentinel{"payload is too big"}
	// ErrEventTooBig: a batch has more than 66 MiB, with the native engine.
	ErrEventTooBig error = &sentinel{"event is too big"}
	// ErrUnsupportedPropertyType: a property is no bool, integer, string or []byte.
	ErrUnsupportedPropertyType error = &sentinel{"unsupported type of property"}
	// ErrUnknownOverride: WithPropertyTypeOverrides names what WithProperties does not.
	ErrUnknownOverride error = &sentinel{"type override for a property that is not there"}
	// ErrInvalidGUID: the GUID of a message to confirm is unset, or a text is no GUID.
	ErrInvalidGUID error = &sentinel{"invalid GUID"}
	// ErrWouldDeadlock: Stop, Close and Drain wait for handlers and can't be called by one.
	ErrWouldDeadlock error = &sentinel{"call would wait for the handler it is made from"}
	// ErrEngineUnavailable: the engine that was asked for is not compiled in.
	ErrEngineUnavailable error = &sentinel{"engine is not in this program"}
	// ErrInvalidArgument: what the error's text says.
	ErrInvalidArgument error = &sentinel{"invalid argument"}
)

// What circumstances do not allow, now. Each is also ErrBMQ.
var (
	// ErrNotConnected: the connection is down. A message that could not be confirmed comes
	// again.
	ErrNotConnected error = &sentinel{"not connected"}
	// ErrBWLimit: too much waits to be sent, or for acks, and there was no room within the
	// channel write timeout. Post less, or wait for ChannelLowWatermark.
	ErrBWLimit error = &sentinel{"too much waits to be sent to the broker"}
	// ErrQueueSuspended: the host is unhealthy. Posting works again after QueueResumed.
	ErrQueueSuspended error = &sentinel{"queue is suspended while the host is unhealthy"}
	// ErrCanceled: the connection was lost while the queue was being closed. It is closed.
	ErrCanceled error = &sentinel{"canceled"}
	// ErrNotSupported: the broker can't do it, such as subscriptions.
	ErrNotSupported error = &sentinel{"not supported"}
	// ErrRefused: the broker won't do it; the error has its words.
	ErrRefused error = &sentinel{"refused"}
	// ErrNotReady: the broker can't do it yet.
	ErrNotReady error = &sentinel{"not ready"}
	// ErrUnknown: the broker failed, which the error has its words for, or nobody knows what
	// became of a post.
	ErrUnknown error = &sentinel{"unknown failure"}
	// ErrLimitMessages and ErrLimitBytes: queue or domain is full. Consumers make room.
	ErrLimitMessages error = &sentinel{"queue or domain is full by number of messages"}
	ErrLimitBytes    error = &sentinel{"queue or domain is full by bytes"}
	// ErrStorageFailure: the broker could not store the message.
	ErrStorageFailure error = &sentinel{"broker could not store the message"}
)

// ErrValue says that an argument has a value that is not allowed; Python's
// ValueError. ErrType says that a value has a type that is not allowed; Python's
// TypeError. Neither is ErrBMQ.
var (
	ErrValue = errors.New("bmq: invalid value")
	ErrType  = errors.New("bmq: invalid type")
)

func valueError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrValue, fmt.Sprintf(format, args...))
}

func typeError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrType, fmt.Sprintf(format, args...))
}

// Error is what operations of a Session fail with. Code and CodeName are upstream's
// result of the operation; both are zero where the failure was found on this side.
type Error struct {
	Op       string     // "start", "open", "configure", "close", "options", "pack", "post", "confirm", "flush", "health", "receive" or "stop"
	QueueURI string     // empty for operations without a queue
	Code     ResultCode // see the table of ResultCode
	CodeName string     // such as "INVALID_URI"
	Desc     string     // the broker's or the engine's words
	Err      error      // a sentinel of this package, a context's error, or both joined

	detail string // stands in place of the usual text
}

// Error returns the text that the Python SDK has for the failure.
func (e *Error) Error() string {
	if e.detail != "" {
		return e.detail
	}
	text := ""
	switch e.Op {
	case opStart:
		text = "Failed to start session"
	case opOpen, opConfigure, opClose:
		text = fmt.Sprintf("Failed to %s %s queue", e.Op, e.QueueURI)
	case opPack:
		text = "Failed to construct message"
	case opPost:
		text = fmt.Sprintf("Failed to post message to %s queue", e.QueueURI)
	case opHealth:
		text = "Failed to hear from the broker"
	default:
		text = "Failed to " + e.Op
	}
	switch {
	case e.CodeName != "":
		text += ": " + e.CodeName
	case e.Err != nil:
		text += ": " + e.Err.Error()
	}
	if e.Desc != "" {
		text += ": " + e.Desc
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports every Error as ErrBMQ.
func (e *Error) Is(target error) bool { return target == ErrBMQ }

// Timeout tells whether the broker, or the context, let the operation time out.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// The names of operations in Error.Op.
const (
	opStart     = "start"
	opStop      = "stop"
	opOpen      = "open"
	opConfigure = "configure"
	opClose     = "close"
	opOptions   = "options"
	opPack      = "pack"
	opPost      = "post"
	opConfirm   = "confirm"
	opFlush     = "flush"
	opHealth    = "health"
	opReceive   = "receive"
)

func failure(op, uri string, cause error, format string, args ...any) *Error {
	return &Error{Op: op, QueueURI: uri, Err: cause, detail: fmt.Sprintf(format, args...)}
}

func errStopped(op, uri string) *Error {
	return failure(op, uri, ErrSessionStopped, "Method called after session was stopped")
}

func errNotOpened(op, uri string) *Error {
	return failure(op, uri, ErrQueueNotOpened, "Queue not opened: %s", uri)
}

// contextError wraps the end of the caller's context.
func contextError(op, uri string, cause error) *Error {
	return &Error{Op: op, QueueURI: uri, Err: cause}
}
