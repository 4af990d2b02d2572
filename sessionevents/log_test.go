package sessionevents_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/sessionevents"
)

func TestLoggingNothingOrToNobody(t *testing.T) {
	var out bytes.Buffer
	standard := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(standard)
	sessionevents.LogSessionEvent(nil)
	sessionevents.Logger(nil)(nil)
	require.Empty(t, out.String())
	sessionevents.Logger(nil)(sessionevents.Connected{})
	require.Contains(t, out.String(), "Received session event: ")
}
