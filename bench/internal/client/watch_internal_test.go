package client

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/bmq-go/bmq/admin"
	"github.com/stretchr/testify/require"
)

// What is on its way to a consumer has not gone from the queue: with a large window a
// good part of the work is done before the first confirmation.
func TestTheToolsTimeBeginsWhenItOpensTheQueue(t *testing.T) {
	type glimpse struct {
		messages  int64
		consumers int
	}
	for name, tt := range map[string]struct {
		seen    []glimpse
		glances int // from the opening on
	}{
		"full when first seen":  {[]glimpse{{9, 0}, {9, 1}, {9, 1}, {9, 1}, {4, 1}, {0, 1}}, 4},
		"open when first seen":  {[]glimpse{{9, 1}, {4, 1}, {0, 1}}, 2},
		"begun when first seen": {[]glimpse{{4, 1}, {0, 1}}, 1},
		"empty":                 {[]glimpse{{0, 0}, {0, 1}}, 0},
		"over before it began":  {[]glimpse{{9, 0}, {0, 1}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				seconds, err := drained(t.Context(), func(context.Context, string) (admin.Queue, error) {
					g := tt.seen[min(n, len(tt.seen)-1)]
					n++
					return admin.Queue{Messages: g.messages, Apps: []admin.App{{Consumers: g.consumers}}}, nil
				}, "")
				require.NoError(t, err)
				require.InDelta(t, float64(tt.glances)*glance.Seconds(), seconds, 1e-9)
			})
		})
	}
}
