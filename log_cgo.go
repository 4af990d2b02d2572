//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"log/slog"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bmq-go/bmq/cbridge"
)

const diagnosticsVariable = "BMQ_GO_ENABLE_DIAGNOSTICS"

// libraryLog takes the log of libbmq over, when there is a session.
type libraryLog struct {
	once sync.Once

	mu   sync.Mutex
	last cbridge.LogRecord // the last error
}

var nativeLog libraryLog

func init() { libraryLoggerSet = nativeLog.take }

// take has the log come here, as much of it as is wanted at present.
func (l *libraryLog) take() { cbridge.Log(wantedSeverity(), writeLibraryRecord) }

// flushTime is how long lastError waits for records that are being handed over. The
// handler may be the application's, and may take as long as it likes.
const flushTime = time.Second

// lastError returns the text of the last error since a time, "" if there was none.
func (l *libraryLog) lastError(since time.Time) string {
	cbridge.FlushLog(flushTime)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.Time.Before(since) {
		return ""
	}
	return l.last.Message
}

func (l *libraryLog) note(r cbridge.LogRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Severity <= cbridge.SeverityError && !overTime.MatchString(r.Message) {
		l.last = r
	}
}

// overTime matches errors of libbmq that explain nothing: it says so for each start that
// takes too long or is given up.
var overTime = regexp.MustCompile(`Start \(ASYNC\) has timed out|Category = (TIMEOUT|CANCELED)`)

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
	nativeLog.note(from)
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
