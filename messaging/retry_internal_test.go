package messaging

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWaitsOfAPolicyMayGrowForEver(t *testing.T) {
	p := RetryPolicy{Start: 1, Max: math.MaxInt64}
	for attempt := range 100 {
		require.Positive(t, p.wait(attempt+2), attempt)
	}
	require.Greater(t, p.wait(1<<30), p.Max/2-1)
}
