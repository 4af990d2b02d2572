package enginetest

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

var values = chapter("values",
	Behaviour{Name: "options-compare-and-print", Ref: "4/12", Run: optionsPrint},
	Behaviour{Name: "a-monitor-prints", Ref: "4/13", Run: monitorPrints},
	Behaviour{Name: "every-event-type-has-its-event-and-text", Ref: "4/59", Run: eventTable},
	Behaviour{Name: "events-compare-by-class-text-and-uri", Ref: "4/60", Run: eventsCompare},
	Behaviour{Name: "events-are-logged-at-their-level", Ref: "4/61", Run: eventLevels},
	Behaviour{Name: "errors-are-one-family", Ref: "1.14/family", Run: errorFamily},
)

func optionsPrint(e *Env) {
	e.Equal("Timeouts()", bmq.Timeouts{}.String())
	e.Equal("SessionOptions()", bmq.SessionOptions{}.String())
	e.Equal("QueueOptions()", bmq.QueueOptions{}.String())
	e.Equal("QueueOptions(max_unconfirmed_messages=1)", bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(1)}.String())
	e.Contains(bmq.Timeouts{OpenQueueTimeout: time.Second}.String(), "open_queue_timeout=")
	o := bmq.SessionOptions{NumProcessingThreads: bmq.Some(2), Timeouts: bmq.Timeouts{ConnectTimeout: time.Second}}
	e.Contains(o.String(), "num_processing_threads=2")
	e.Contains(o.String(), "timeouts=Timeouts(connect_timeout=")
	e.True(o == bmq.SessionOptions{NumProcessingThreads: bmq.Some(2), Timeouts: bmq.Timeouts{ConnectTimeout: time.Second}})
	e.False(o == bmq.SessionOptions{})
	e.True(bmq.QueueOptions{ConsumerPriority: bmq.Some(0)} != bmq.QueueOptions{})
	e.True(bmq.Timeouts{CloseQueueTimeout: 1} != bmq.Timeouts{})
}

func monitorPrints(e *Env) {
	m := bmq.NewBasicHealthMonitor()
	e.Equal("BasicHealthMonitor()", m.String())
	e.Equal(bmq.HostHealthy, m.State())
}

// eventTable is about events of libbmq: its types, each with success and failure.
func eventTable(e *Env) {
	const uri, failure = "bmq://d/q", -1
	plain := map[sessionevents.Type]string{
		sessionevents.TypeConnected: "Connected", sessionevents.TypeDisconnected: "Disconnected",
		sessionevents.TypeConnectionLost: "ConnectionLost", sessionevents.TypeReconnected: "Reconnected",
		sessionevents.TypeStateRestored: "StateRestored", sessionevents.TypeConnectionTimeout: "ConnectionTimeout",
		sessionevents.TypeSlowConsumerNormal: "SlowConsumerNormal", sessionevents.TypeSlowConsumerHighMark: "SlowConsumerHighWaterMark",
		sessionevents.TypeHostUnhealthy: "HostUnhealthy", sessionevents.TypeHostHealthRestored: "HostHealthRestored",
		sessionevents.TypeChannelLowWatermark: "ChannelLowWatermark", sessionevents.TypeChannelHighWatermark: "ChannelHighWatermark",
		sessionevents.TypeError: "Error",
	}
	for typ, name := range plain {
		e.Equal("<"+name+">", sessionevents.New(typ, "", 0, "").String())
		e.Equal("<"+name+": why: UNKNOWN (-1)>", sessionevents.New(typ, "", failure, "why").String())
	}
	queued := map[sessionevents.Type][2]string{
		sessionevents.TypeQueueReopenResult: {"QueueReopened", "QueueReopenFailed"},
		sessionevents.TypeQueueSuspended:    {"QueueSuspended", "QueueSuspendFailed"},
		sessionevents.TypeQueueResumed:      {"QueueResumed", "QueueResumeFailed"},
	}
	for typ, names := range queued {
		e.Equal("<"+names[0]+": "+uri+">", sessionevents.New(typ, uri, 0, "").String())
		failed := sessionevents.New(typ, uri, failure, "why")
		e.Equal("<"+names[1]+": "+uri+" why: UNKNOWN (-1)>", failed.String())
		e.Equal(uri, failed.(sessionevents.QueueEvent).QueueURI())
		e.Equal(failure, failed.StatusCode())
	}
	for _, typ := range []sessionevents.Type{
		sessionevents.TypeTimeout, sessionevents.TypeCanceled, sessionevents.TypeUndefined,
		sessionevents.TypeQueueOpenResult, sessionevents.TypeQueueCloseResult, sessionevents.TypeQueueConfigureResult, 99,
	} {
		e.IsType(sessionevents.InterfaceError{}, sessionevents.New(typ, "", 0, ""))
	}
}

func eventsCompare(e *Env) {
	a := sessionevents.New(sessionevents.TypeQueueReopenResult, "bmq://d/a", 0, "")
	e.Equal(a, sessionevents.New(sessionevents.TypeQueueReopenResult, "bmq://d/a", 0, ""))
	e.True(a == sessionevents.New(sessionevents.TypeQueueReopenResult, "bmq://d/a", 0, ""))
	e.False(a == sessionevents.New(sessionevents.TypeQueueReopenResult, "bmq://d/b", 0, ""), "another queue")
	e.False(a == sessionevents.New(sessionevents.TypeQueueReopenResult, "bmq://d/a", -1, "x"), "a failure")
	e.False(a == sessionevents.New(sessionevents.TypeQueueResumed, "bmq://d/a", 0, ""), "another class")
	e.Equal("<InterfaceError: schön>", sessionevents.NewInterfaceError("schön").String())
}

func eventLevels(e *Env) {
	levels := map[sessionevents.Type]slog.Level{
		sessionevents.TypeConnected: slog.LevelInfo, sessionevents.TypeDisconnected: slog.LevelInfo,
		sessionevents.TypeConnectionLost: slog.LevelWarn, sessionevents.TypeReconnected: slog.LevelWarn,
		sessionevents.TypeStateRestored: slog.LevelInfo, sessionevents.TypeConnectionTimeout: slog.LevelError,
		sessionevents.TypeSlowConsumerNormal: slog.LevelInfo, sessionevents.TypeSlowConsumerHighMark: slog.LevelWarn,
		sessionevents.TypeHostUnhealthy: slog.LevelInfo, sessionevents.TypeHostHealthRestored: slog.LevelInfo,
		sessionevents.TypeError: slog.LevelError, sessionevents.TypeTimeout: slog.LevelError,
	}
	for typ, level := range levels {
		e.Equal(level, sessionevents.Level(sessionevents.New(typ, "", 0, "")), typ.String())
	}
	for _, typ := range []sessionevents.Type{
		sessionevents.TypeQueueReopenResult, sessionevents.TypeQueueSuspended, sessionevents.TypeQueueResumed,
	} {
		e.Equal(slog.LevelInfo, sessionevents.Level(sessionevents.New(typ, "bmq://d/q", 0, "")))
		e.Equal(slog.LevelError, sessionevents.Level(sessionevents.New(typ, "bmq://d/q", -1, "")))
	}
	var text bytes.Buffer
	log := sessionevents.Logger(slog.New(slog.NewTextHandler(io.Writer(&text), nil)))
	log(sessionevents.New(sessionevents.TypeConnectionLost, "", 0, ""))
	e.Contains(text.String(), "level=WARN")
	e.Contains(text.String(), "<ConnectionLost>")
}

func errorFamily(e *Env) {
	for _, err := range []error{
		bmq.ErrBrokerTimeout, bmq.ErrSessionStopped, bmq.ErrQueueNotOpened, bmq.ErrQueueClosing, bmq.ErrInvalidGUID,
		bmq.ErrNoOnMessage, bmq.ErrHealthMonitoringDisabled, bmq.ErrPayloadEmpty, bmq.ErrPayloadTooBig, bmq.ErrEventTooBig,
		bmq.ErrQueueReadOnly, bmq.ErrQueueSuspended, bmq.ErrBWLimit, bmq.ErrUnsupportedPropertyType, bmq.ErrUnknownOverride,
		bmq.ErrWouldDeadlock, bmq.ErrNotConnected, bmq.ErrCanceled, bmq.ErrNotSupported, bmq.ErrRefused,
		bmq.ErrInvalidArgument, bmq.ErrNotReady, bmq.ErrUnknown, bmq.ErrAlreadyOpened, bmq.ErrAlreadyInProgress,
		bmq.ErrInvalidURI, bmq.ErrInvalidFlags, &bmq.Error{},
	} {
		e.ErrorIs(err, bmq.ErrBMQ)
	}
	e.NotErrorIs(bmq.ErrValue, bmq.ErrBMQ)
	e.NotErrorIs(bmq.ErrType, bmq.ErrBMQ)
	var timeout interface{ Timeout() bool }
	e.True(errors.As(bmq.ErrBrokerTimeout, &timeout) && timeout.Timeout())
	for status, want := range map[bmq.AckStatus]error{
		bmq.AckSuccess: nil, bmq.AckUnknown: bmq.ErrUnknown, bmq.AckNotReady: bmq.ErrNotReady,
		bmq.AckLimitMessages: bmq.ErrLimitMessages, bmq.AckLimitBytes: bmq.ErrLimitBytes, bmq.AckStorageFailure: bmq.ErrStorageFailure,
	} {
		e.True(errors.Is(status.Err(), want) || status.Err() == want, status.String())
	}
}
