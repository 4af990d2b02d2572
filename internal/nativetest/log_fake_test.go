//go:build cgo && bmqfake

package nativetest_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/stretchr/testify/require"
)

// records is a handler that keeps what it gets.
type records struct {
	level slog.Level
	mu    sync.Mutex
	list  []slog.Record
}

func (r *records) Enabled(_ context.Context, l slog.Level) bool { return l >= r.level }
func (r *records) WithAttrs([]slog.Attr) slog.Handler           { return r }
func (r *records) WithGroup(string) slog.Handler                { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec)
	if rec.Message == "panic" {
		panic("the log panics")
	}
	return nil
}

func logged(h slog.Handler, severities ...cbridge.Severity) {
	bmq.SetLogger(slog.New(h))
	for _, s := range severities {
		cbridge.FakeLog(s, "text")
	}
	cbridge.FlushLog(patience)
}

func TestTheLogOfLibbmqGoesToSlog(t *testing.T) {
	t.Cleanup(func() { bmq.SetLogger(nil) })
	every := []cbridge.Severity{cbridge.SeverityFatal, cbridge.SeverityError, cbridge.SeverityWarn, cbridge.SeverityInfo, cbridge.SeverityDebug}
	all := &records{level: slog.LevelDebug}
	logged(all, every...)
	var levels []slog.Level
	for _, r := range all.list {
		levels = append(levels, r.Level)
		require.Equal(t, "text", r.Message)
		require.False(t, r.Time.IsZero())
		attrs := make(map[string]string)
		r.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value.String(); return true })
		require.Equal(t, map[string]string{"category": "FAKE", "file": "fake.c", "line": "1"}, attrs)
	}
	require.Equal(t, []slog.Level{slog.LevelError, slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug}, levels)

	some := &records{level: slog.LevelWarn}
	logged(some, every...)
	require.Len(t, some.list, 3)

	t.Setenv("BMQ_GO_ENABLE_DIAGNOSTICS", "")
	logged(all, cbridge.SeverityDebug)
	require.Len(t, all.list, 6)
}

func TestALogThatPanicsIsNoEnd(t *testing.T) {
	t.Cleanup(func() { bmq.SetLogger(nil) })
	all := &records{}
	bmq.SetLogger(slog.New(all))
	cbridge.FakeLog(cbridge.SeverityError, "panic")
	cbridge.FakeLog(cbridge.SeverityError, "on")
	cbridge.FlushLog(patience)
	require.Len(t, all.list, 2)
}
