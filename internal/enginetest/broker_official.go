package enginetest

import (
	"testing"
	"time"

	"github.com/bmq-go/bmq/internal/officialbroker"
	"github.com/stretchr/testify/require"
)

var officialKind = brokerKind{
	name:     "official",
	missing:  officialbroker.Missing,
	process:  true,
	delicate: true,
	start:    startOfficial,
}

// official is the official broker.
type official struct {
	t testing.TB
	b *officialbroker.Broker
}

func startOfficial(t testing.TB, c BrokerConfig) broker {
	b, err := officialbroker.Start(officialbroker.Config{
		Domains: domains, Heartbeats: c.Heartbeats, MissedHeartbeats: c.MissedHeartbeats, Users: c.Users,
	})
	require.NoError(t, err)
	return &official{t, b}
}

func (o *official) address() string { return o.b.Address() }
func (o *official) kill()           { o.b.Kill() }

// terminate asks the broker to end. It may take its time for that.
func (o *official) terminate() { require.NoError(o.t, o.b.Terminate()) }
func (o *official) restart()   { require.NoError(o.t, o.b.Restart()) }
func (o *official) freeze()    { require.NoError(o.t, o.b.Freeze()) }
func (o *official) thaw()      { o.b.Thaw() }

// pass lets the broker's time pass: there is no other way than to wait.
func (o *official) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func (o *official) failed() string { return o.b.Failed() }
func (o *official) close()         { require.NoError(o.t, o.b.Close()) }
