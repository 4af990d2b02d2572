// Package logtest has loggers for tests.
package logtest

import (
	"context"
	"log/slog"
)

// OnWarning returns a logger that prints nothing, and calls do for each warning.
func OnWarning(do func()) *slog.Logger { return slog.New(onWarning{slog.DiscardHandler, do}) }

type onWarning struct {
	slog.Handler
	do func()
}

func (onWarning) Enabled(_ context.Context, l slog.Level) bool { return l == slog.LevelWarn }

func (h onWarning) Handle(context.Context, slog.Record) error {
	h.do()
	return nil
}
