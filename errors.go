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

// What can go wrong. Each is also ErrBMQ.
var (
	ErrSessionStopped           error = &sentinel{"session is stopped"}
	ErrQueueNotOpened           error = &sentinel{"queue is not open"}
	ErrQueueClosing             error = &sentinel{"queue is closing"}
	ErrInvalidGUID              error = &sentinel{"invalid GUID"}
	ErrNoOnMessage              error = &sentinel{"no message handler"}
	ErrHealthMonitoringDisabled error = &sentinel{"host health monitoring is off"}
	ErrPayloadEmpty             error = &sentinel{"payload is empty"}
	ErrPayloadTooBig            error = &sentinel{"payload is too big"}
	ErrEventTooBig              error = &sentinel{"event is too big"}
	ErrQueueReadOnly            error = &sentinel{"queue was not opened for writing"}
	ErrQueueSuspended           error = &sentinel{"queue is suspended while the host is unhealthy"}
	ErrBWLimit                  error = &sentinel{"too much waits to be sent to the broker"}
	ErrUnsupportedPropertyType  error = &sentinel{"unsupported type of property"}
	ErrUnknownOverride          error = &sentinel{"type override for a property that is not there"}
	ErrWouldDeadlock            error = &sentinel{"call would wait for the handler it is made from"}
	ErrEngineUnavailable        error = &sentinel{"engine is not in this program"}

	ErrUnknown           error = &sentinel{"unknown failure"}
	ErrNotConnected      error = &sentinel{"not connected"}
	ErrCanceled          error = &sentinel{"canceled"}
	ErrNotSupported      error = &sentinel{"not supported"}
	ErrRefused           error = &sentinel{"refused"}
	ErrInvalidArgument   error = &sentinel{"invalid argument"}
	ErrNotReady          error = &sentinel{"not ready"}
	ErrAlreadyOpened     error = &sentinel{"queue is already open in this session"}
	ErrAlreadyInProgress error = &sentinel{"an operation on this queue is already in progress"}
	ErrInvalidURI        error = &sentinel{"invalid URI"}
	ErrInvalidFlags      error = &sentinel{"queue must be opened for reading, for writing or for both"}
	ErrLimitMessages     error = &sentinel{"queue or domain is full by number of messages"}
	ErrLimitBytes        error = &sentinel{"queue or domain is full by bytes"}
	ErrStorageFailure    error = &sentinel{"broker could not store the message"}
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
