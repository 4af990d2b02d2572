package sessionevents

import (
	"context"
	"log/slog"
)

// LogSessionEvent logs an event to slog.Default, at the level that fits it: events
// that say that something failed at ERROR, a lost connection or a slow consumer
// at WARN, a write buffer above its mark at WARN and below it at DEBUG, all others
// at INFO. It can be given to bmq.NewSession as it is.
func LogSessionEvent(event SessionEvent) { logEvent(slog.Default(), event) }

// Logger returns a handler that logs events to l in the manner of LogSessionEvent; a nil l
// stands for slog.Default.
func Logger(l *slog.Logger) func(SessionEvent) {
	if l == nil {
		return LogSessionEvent
	}
	return func(event SessionEvent) { logEvent(l, event) }
}

func logEvent(l *slog.Logger, event SessionEvent) {
	if event == nil {
		return // nothing happened
	}
	l.LogAttrs(context.Background(), Level(event), "Received session event: "+event.String(),
		slog.String("logger", "blazingmq.session_events"))
}

// Level returns the level at which LogSessionEvent logs an event.
func Level(event SessionEvent) slog.Level {
	switch event.(type) {
	case ConnectionLost, Reconnected, SlowConsumerHighWaterMark, ChannelHighWatermark:
		return slog.LevelWarn
	case ConnectionTimeout, QueueReopenFailed, QueueSuspendFailed, QueueResumeFailed, Error, InterfaceError, HandlerPanicked:
		return slog.LevelError
	case ChannelLowWatermark:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
