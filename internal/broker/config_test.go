package broker_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
)

func TestWrongDomainsAreRefused(t *testing.T) {
	for want, d := range map[string]broker.Domain{
		"the name may have letters":                        {Name: ""},
		`domain "a/b": the name may have`:                  {Name: "a/b"},
		"there is no mode 9":                               {Name: "d", Mode: 9},
		"a fanout domain, and no other":                    {Name: "d", AppIDs: []string{"foo"}},
		`application id "foo" is not valid or there twice`: {Name: "d", Mode: broker.Fanout, AppIDs: []string{"foo", "foo"}},
		`application id "__default"`:                       {Name: "d", Mode: broker.Fanout, AppIDs: []string{"__default"}},
		`application id "a b"`:                             {Name: "d", Mode: broker.Fanout, AppIDs: []string{"a b"}},
		"a limit is negative":                              {Name: "d", MaxQueues: -1},
		"MaxDeliveryAttempts may be 63 at most":            {Name: "d", MaxDeliveryAttempts: 64},
		`subscription "x >"`:                               {Name: "d", Subscriptions: map[string]string{"": "x >"}},
		`a subscription for application "foo"`:             {Name: "d", Subscriptions: map[string]string{"foo": "x > 1"}},
	} {
		_, err := broker.New(broker.Config{Domains: []broker.Domain{d}})
		require.ErrorContains(t, err, want)
	}
	_, err := broker.New(broker.Config{Domains: []broker.Domain{{Name: "d"}, {Name: "d"}}})
	require.ErrorContains(t, err, `domain "d" is there twice`)
	_, err = broker.New(broker.Config{Domains: []broker.Domain{{Name: "d", Subscriptions: map[string]string{"": ""}}}})
	require.NoError(t, err)
	require.Equal(t, "broker.Mode(9)", broker.Mode(9).String())
}

func TestABrokerServesOneListenerAtATime(t *testing.T) {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, b.Serve(l))
	require.ErrorContains(t, b.Serve(l), "running already")
	b.Kill()
	b.Kill() // twice is harmless
	require.NoError(t, b.Stop(t.Context()))
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		w.broker.Inject(broker.Fault{On: broker.Receiving, Do: broker.Stall})
		c.write([]byte{0, 0, 0, 8, 0x4b, 2, 0, 0})
		c.settle()
		w.broker.Inject(broker.Fault{On: broker.Sending, Do: broker.Stall})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_ = w.broker.Stop(ctx)
		require.LessOrEqual(t, time.Since(start), time.Second)
		require.True(t, c.ended())
	})
}
