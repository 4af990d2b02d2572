package engine

// Code is a result code with upstream's number. Beyond the generic codes a number
// means different things for different operations.
type Code int32

// The generic codes.
const (
	Success         Code = 0
	Unknown         Code = -1
	Timeout         Code = -2
	NotConnected    Code = -3
	Canceled        Code = -4
	NotSupported    Code = -5
	Refused         Code = -6
	InvalidArgument Code = -7
	NotReady        Code = -8
)

// Codes of queue operations.
const (
	OpenAlreadyOpened          Code = 100
	OpenAlreadyInProgress      Code = 101
	OpenInvalidURI             Code = -100
	OpenInvalidFlags           Code = -101
	OpenCorrelationIDNotUnique Code = -102
	ConfigureAlreadyInProgress Code = 100
	ConfigureInvalidQueue      Code = -101
	CloseAlreadyClosed         Code = 100
	CloseAlreadyInProgress     Code = 101
	CloseUnknownQueue          Code = -100
	CloseInvalidQueue          Code = -101
	PostBWLimit                Code = 100
	PackQueueInvalid           Code = -100
	PackQueueReadOnly          Code = -101
	PackMissingCorrelationID   Code = -102
	PackEventTooBig            Code = -103
	PackPayloadTooBig          Code = -104
	PackPayloadEmpty           Code = -105
	PackOptionTooBig           Code = -106
	PackQueueSuspended         Code = -108
	AckLimitMessages           Code = -100
	AckLimitBytes              Code = -101
	AckStorageFailure          Code = -104
)

// Status is the result of an operation.
type Status struct {
	Code Code
	Text string
	Err  error // the cause in Go's terms, where there is one
	// Packing tells that Code is one of a message that could not be built, not of
	// one that could not be sent.
	Packing bool
}

// OK tells whether the operation succeeded.
func (s Status) OK() bool { return s.Code == Success }
