//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/bmq-go/bmq/cbridge"
)

const diagnosticsVariable = "BMQ_GO_ENABLE_DIAGNOSTICS"

// libraryLog takes the log of libbmq over, at the latest when there is a session.
type libraryLog struct {
	mu    sync.Mutex
	taken bool
}

var nativeLog libraryLog

func init() {
	libraryLoggerSet = func() { nativeLog.take(true) }
}

// take takes the log over; again, if what is wanted of it may have changed.
func (l *libraryLog) take(again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken && !again {
		return
	}
	l.taken = true
	cbridge.Log(wantedSeverity(), writeLibraryRecord)
}

func wantedSeverity() cbridge.Severity {
	if _, ok := os.LookupEnv(diagnosticsVariable); ok {
		return cbridge.SeverityDebug
	}
	l, ctx := libraryLogger.Load(), context.Background()
	switch {
	case l == nil:
		return cbridge.SeverityWarn
	case l.Enabled(ctx, slog.LevelDebug):
		return cbridge.SeverityDebug
	case l.Enabled(ctx, slog.LevelInfo):
		return cbridge.SeverityInfo
	case l.Enabled(ctx, slog.LevelWarn):
		return cbridge.SeverityWarn
	}
	return cbridge.SeverityError
}

func writeLibraryRecord(from cbridge.LogRecord) {
	l := libraryLogger.Load()
	if l == nil {
		l = slog.Default()
	}
	h, ctx := l.Handler(), context.Background()
	level := libraryLevel(from.Severity)
	if strings.Contains(from.Message, impatience) {
		level = slog.LevelDebug
	}
	if !h.Enabled(ctx, level) {
		return
	}
	r := slog.NewRecord(from.Time, level, from.Message, 0)
	r.AddAttrs(slog.String("category", from.Category), slog.String("file", path.Base(from.File)), slog.Int("line", from.Line))
	if from.Dropped > 0 {
		r.AddAttrs(slog.Int64("dropped", from.Dropped))
	}
	_ = h.Handle(ctx, r) // there is nowhere to report it
}

// impatience is in the warnings that libbmq has for every queue operation with less
// than five minutes' time, which is nothing to be warned of.
const impatience = "is lower than the minimum recommended value"

func libraryLevel(s cbridge.Severity) slog.Level {
	switch {
	case s > cbridge.SeverityInfo:
		return slog.LevelDebug
	case s > cbridge.SeverityWarn:
		return slog.LevelInfo
	case s > cbridge.SeverityError:
		return slog.LevelWarn
	}
	return slog.LevelError
}
