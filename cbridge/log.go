//go:build cgo && (libbmq || bmqfake)

package cbridge

// #include "bmqbridge.h"
import "C"

import (
	"sync/atomic"
	"time"
)

// Severity is the weight of a log record, with libbmq's numbers: less is graver.
type Severity int32

// The severities.
const (
	SeverityFatal Severity = 32
	SeverityError Severity = 64
	SeverityWarn  Severity = 96
	SeverityInfo  Severity = 128
	SeverityDebug Severity = 160
)

// LogRecord is a record of libbmq's log.
type LogRecord struct {
	Severity Severity
	Time     time.Time
	Category string
	File     string
	Line     int
	Message  string
	Dropped  int64 // records that were lost before this one
}

// logTo takes the records of the process.
var logTo atomic.Pointer[func(LogRecord)]

// Log has the log records of the process up to the given severity come to fn, in place
// of where they went before, one at a time. fn is called on a thread that is there for
// this only, and may take its time; records are dropped when too many wait.
func Log(severity Severity, fn func(LogRecord)) {
	logTo.Store(&fn)
	C.bmqb_log(C.int32_t(severity))
}

// FlushLog returns when all records so far have been handed over, or time is over.
func FlushLog(timeout time.Duration) { C.bmqb_log_flush(C.int64_t(timeout)) }

//export bmqb_on_log
func bmqb_on_log(r *C.bmqb_log_record) {
	// A log that panics has nowhere to say so.
	defer func() { _ = recover() }()
	if fn := logTo.Load(); fn != nil {
		(*fn)(LogRecord{
			Severity: Severity(r.severity),
			Time:     time.Unix(0, int64(r.time)),
			Category: C.GoStringN(r.category, C.int(r.category_size)),
			File:     C.GoStringN(r.file, C.int(r.file_size)),
			Line:     int(r.line),
			Message:  C.GoStringN(r.message, C.int(r.message_size)),
			Dropped:  int64(r.dropped),
		})
	}
}
