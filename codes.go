package bmq

import (
	"errors"
	"fmt"

	"github.com/bmq-go/bmq/internal/engine"
)

// ResultCode is upstream's number for the result of an operation. Numbers between
// 0 and -8 are the same for all operations; others mean something different for
// each, so that a code is to be read together with Error.Op:
//
//	all         0 SUCCESS, -1 UNKNOWN, -2 TIMEOUT, -3 NOT_CONNECTED, -4 CANCELED,
//	            -5 NOT_SUPPORTED, -6 REFUSED, -7 INVALID_ARGUMENT, -8 NOT_READY
//	open        100 ALREADY_OPENED, 101 ALREADY_IN_PROGRESS, -100 INVALID_URI,
//	            -101 INVALID_FLAGS, -102 CORRELATIONID_NOT_UNIQUE
//	configure   100 ALREADY_IN_PROGRESS, -101 INVALID_QUEUE
//	close       100 ALREADY_CLOSED, 101 ALREADY_IN_PROGRESS, -100 UNKNOWN_QUEUE,
//	            -101 INVALID_QUEUE
//	pack        -100 QUEUE_INVALID, -101 QUEUE_READONLY, -102 MISSING_CORRELATION_ID,
//	            -103 EVENT_TOO_BIG, -104 PAYLOAD_TOO_BIG, -105 PAYLOAD_EMPTY,
//	            -106 OPTION_TOO_BIG, -108 QUEUE_SUSPENDED
//	post        100 BW_LIMIT
//
// Most codes have a sentinel for errors.Is, which is the better thing to ask for.
type ResultCode int

type codeInfo struct {
	name string
	err  error
}

var genericCodes = map[engine.Code]codeInfo{
	engine.Unknown:         {"UNKNOWN", ErrUnknown},
	engine.Timeout:         {"TIMEOUT", nil}, // depends on the operation
	engine.NotConnected:    {"NOT_CONNECTED", ErrNotConnected},
	engine.Canceled:        {"CANCELED", ErrCanceled},
	engine.NotSupported:    {"NOT_SUPPORTED", ErrNotSupported},
	engine.Refused:         {"REFUSED", ErrRefused},
	engine.InvalidArgument: {"INVALID_ARGUMENT", ErrInvalidArgument},
	engine.NotReady:        {"NOT_READY", ErrNotReady},
}

var operationCodes = map[string]map[engine.Code]codeInfo{
	opOpen: {
		engine.OpenAlreadyOpened:          {"ALREADY_OPENED", ErrAlreadyOpened},
		engine.OpenAlreadyInProgress:      {"ALREADY_IN_PROGRESS", ErrAlreadyInProgress},
		engine.OpenInvalidURI:             {"INVALID_URI", ErrInvalidURI},
		engine.OpenInvalidFlags:           {"INVALID_FLAGS", ErrInvalidFlags},
		engine.OpenCorrelationIDNotUnique: {"CORRELATIONID_NOT_UNIQUE", ErrUnknown},
	},
	opConfigure: {
		engine.ConfigureAlreadyInProgress: {"ALREADY_IN_PROGRESS", ErrAlreadyInProgress},
		engine.ConfigureInvalidQueue:      {"INVALID_QUEUE", ErrQueueNotOpened},
	},
	opClose: {
		engine.CloseAlreadyClosed:     {"ALREADY_CLOSED", ErrQueueNotOpened},
		engine.CloseAlreadyInProgress: {"ALREADY_IN_PROGRESS", ErrAlreadyInProgress},
		engine.CloseUnknownQueue:      {"UNKNOWN_QUEUE", ErrQueueNotOpened},
		engine.CloseInvalidQueue:      {"INVALID_QUEUE", ErrQueueNotOpened},
	},
	opPack: {
		engine.PackQueueInvalid:         {"QUEUE_INVALID", ErrQueueClosing},
		engine.PackQueueReadOnly:        {"QUEUE_READONLY", ErrQueueReadOnly},
		engine.PackMissingCorrelationID: {"MISSING_CORRELATION_ID", ErrInvalidArgument},
		engine.PackEventTooBig:          {"EVENT_TOO_BIG", ErrEventTooBig},
		engine.PackPayloadTooBig:        {"PAYLOAD_TOO_BIG", ErrPayloadTooBig},
		engine.PackPayloadEmpty:         {"PAYLOAD_EMPTY", ErrPayloadEmpty},
		engine.PackOptionTooBig:         {"OPTION_TOO_BIG", ErrInvalidArgument},
		engine.PackQueueSuspended:       {"QUEUE_SUSPENDED", ErrQueueSuspended},
	},
	opPost: {
		engine.PostBWLimit: {"BW_LIMIT", ErrBWLimit},
	},
}

// lookupCode tells name and sentinel of a code of an operation.
func lookupCode(op string, code engine.Code) codeInfo {
	if info, ok := operationCodes[op][code]; ok {
		return info
	}
	info, ok := genericCodes[code]
	switch {
	case !ok:
		return codeInfo{fmt.Sprintf("UNKNOWN (%d)", code), ErrUnknown}
	case code == engine.Timeout:
		info.err = ErrBrokerTimeout
	}
	return info
}

// statusError makes the error of a failed operation, nil for a success.
func statusError(op, uri string, st engine.Status) error {
	if st.OK() {
		return nil
	}
	if st.Packing {
		op = opPack
	}
	info := lookupCode(op, st.Code)
	cause := info.err
	if st.Err != nil {
		cause = errors.Join(cause, st.Err)
	}
	return &Error{Op: op, QueueURI: uri, Code: ResultCode(st.Code), CodeName: info.name, Desc: st.Text, Err: cause}
}
