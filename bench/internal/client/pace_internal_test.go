package client

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLatenciesOfTheToolAreSummedUp(t *testing.T) {
	q, n, err := toolLatency([]byte(`{"origin": "end2end", "median": 1, "dataPoints": {"3000000": 9, "1000000": 50, "2000000": 40, "90000000": 1}}`))
	require.NoError(t, err)
	require.Equal(t, 100, n)
	for i, got := range []int64{q.P50, q.P90, q.P99, q.P999, q.Max} {
		require.InEpsilon(t, []int64{1e6, 2e6, 3e6, 90e6, 90e6}[i], got, 1e-3)
	}
	for _, report := range []string{"", "{}", `{"origin": "ack", "dataPoints": {"1": 1}}`, `{"origin": "end2end", "dataPoints": {}}`} {
		_, _, err := toolLatency([]byte(report))
		require.Error(t, err, report)
	}
}
