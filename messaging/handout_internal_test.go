package messaging

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
)

// endingContext is a context that ends without anybody being told.
type endingContext struct {
	context.Context
	ended atomic.Bool
}

func (c *endingContext) Err() error {
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

func TestWhoGivesUpAtTheLastMomentLeavesTheDeliveryToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &Client{}
		c := &Consumer{client: client, wake: make(chan struct{}, 1), ending: make(chan struct{})}
		s := &source{c: c, h: &handle{c: client}, limit: 1}
		fetched := make(chan error, 2)
		impatient := &endingContext{Context: context.Background()}
		for _, ctx := range []context.Context{impatient, t.Context()} {
			go func() { _, err := c.next(ctx, 0); fetched <- err }()
			synctest.Wait() // the first one will be told first
		}
		impatient.ended.Store(true)
		c.mu.Lock()
		s.waiting.push(&Delivery{source: s, message: new(bmq.Message)})
		c.schedule(s)
		c.mu.Unlock()
		require.ErrorIs(t, <-fetched, context.Canceled)
		require.NoError(t, <-fetched)
	})
}
