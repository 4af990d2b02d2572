package bmq

import (
	"log/slog"
	"sync/atomic"
)

// libraryLogger is what SetLogger was given, nil for slog.Default.
var libraryLogger atomic.Pointer[slog.Logger]

// libraryLoggerSet is called when it changes. The native engine sets it.
var libraryLoggerSet = func() {}

// SetLogger sets where the log of libbmq goes, the library behind the native engine.
// It is one log for all sessions of the process: WithLogger is for what this package
// itself says. Each record has the attributes category, file and line.
//
// l decides how much there is: records of the levels that it is enabled for when
// SetLogger is called. nil stands for slog.Default and warnings and worse, which is how
// it is without a call. With the environment variable BMQ_GO_ENABLE_DIAGNOSTICS set to
// anything there is everything down to debugging.
//
// Its handler is called on a thread of its own, one record at a time. In programs
// without the native engine SetLogger has no effect.
func SetLogger(l *slog.Logger) {
	libraryLogger.Store(l)
	libraryLoggerSet()
}
