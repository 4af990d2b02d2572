package client

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/job"
)

func TestLatenciesOfTheToolAreSummedUp(t *testing.T) {
	q, n, err := toolLatency([]byte(`{"origin": "end2end", "median": 1, "dataPoints": {"3000": 9, "1000": 50, "2000": 40, "90000": 1}}`))
	require.NoError(t, err)
	require.Equal(t, 100, n)
	require.Equal(t, &job.Quantiles{P50: 1000, P90: 2000, P99: 3000, P999: 90000, Max: 90000}, q)
	for _, report := range []string{"", "{}", `{"origin": "ack", "dataPoints": {"1": 1}}`, `{"origin": "end2end", "dataPoints": {}}`} {
		_, _, err := toolLatency([]byte(report))
		require.Error(t, err, report)
	}
}
