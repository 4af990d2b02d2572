package enginetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/stretchr/testify/require"
)

var embeddedKind = brokerKind{
	name:    "embedded",
	missing: func() string { return "" },
	start:   startEmbedded,
}

// embedded is the embedded broker.
type embedded struct {
	t testing.TB
	b *bmqtest.Broker
}

func startEmbedded(t testing.TB, c BrokerConfig) broker {
	b, err := bmqtest.New(embeddedOptions(c)...)
	require.NoError(t, err)
	return &embedded{t, b}
}

func embeddedOptions(c BrokerConfig) []bmqtest.Option {
	var opts []bmqtest.Option
	for _, d := range domains {
		opts = append(opts, bmqtest.WithDomain(d))
	}
	if c.Heartbeats > 0 {
		opts = append(opts, bmqtest.WithHeartbeats(c.Heartbeats, c.MissedHeartbeats))
	}
	if c.Old {
		opts = append(opts, bmqtest.WithoutPropertiesEx())
	}
	for name, password := range c.Users {
		opts = append(opts, bmqtest.WithUser(name, password), bmqtest.WithoutAnonymous())
	}
	return opts
}

func (e *embedded) address() string { return strings.TrimPrefix(e.b.URI(), "tcp://") }

func (e *embedded) kill() { e.b.Kill() }

func (e *embedded) terminate() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(e.t, e.b.Stop(ctx))
}

func (e *embedded) restart() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(e.t, e.b.Restart(ctx, bmqtest.KeepPersistent))
}

func (e *embedded) freeze()              { panic("the embedded broker can't be frozen") }
func (e *embedded) thaw()                { panic("the embedded broker can't be frozen") }
func (e *embedded) pass(d time.Duration) { require.NoError(e.t, e.b.Advance(d)) }
func (e *embedded) failed() string       { return "" }
func (e *embedded) close()               { e.b.Kill() }
