package result_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/result"
)

// sample is one of a scenario with a rate in messages per second.
func sample(client string, round int, rate float64) result.Sample {
	return result.Sample{
		Run: "now", Broker: "embedded", Scenario: "post/1KiB", Client: client, Round: round, Size: 1024, Sessions: 1,
		Result: job.Result{Messages: 1000, Seconds: 1000 / rate, CPU: 0.002, Mallocs: 500, Goroutines: 4},
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{1: {1}, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		got, ok := result.Median(values)
		require.True(t, ok)
		require.InDelta(t, want, got, 1e-9)
	}
	_, ok := result.Median(nil)
	require.False(t, ok)
}

func TestMetricsOfASample(t *testing.T) {
	s := sample("portable", 1, 2000)
	for m, want := range map[*result.Metric]float64{
		&result.Rate: 2000, &result.Throughput: 2.048, &result.CPU: 2, &result.Allocs: 0.5,
	} {
		got, ok := m.Value(&s)
		require.True(t, ok, m.Name)
		require.InDelta(t, want, got, 1e-9, m.Name)
	}
	_, ok := result.P99.Value(&s)
	require.False(t, ok, "there are no latencies")
	s.Rate = 100
	_, ok = result.Rate.Value(&s)
	require.False(t, ok, "the rate was given")
	s.Result.Goroutines = 0
	_, ok = result.Allocs.Value(&s)
	require.False(t, ok, "it is not Go")
}

// What slows one round down slows both clients, and the ratio does not change.
func TestRatioComparesWithinRounds(t *testing.T) {
	set := result.Set{
		sample("portable", 1, 400), sample("python", 1, 100),
		sample("portable", 2, 40), sample("python", 2, 10),
		sample("portable", 3, 4000), sample("python", 3, 1000),
		sample("portable", 4, 9), // alone
	}
	ratio, ok := set.Ratio(&result.Rate, "post/1KiB", "portable", "python")
	require.True(t, ok)
	require.InDelta(t, 4, ratio, 1e-9)
	_, ok = set.Ratio(&result.Rate, "post/1KiB", "portable", "c++")
	require.False(t, ok)
}

func TestRawDataComesBackAsItWasWritten(t *testing.T) {
	with := sample("portable", 1, 1024)
	with.Latency = &job.Quantiles{P50: 1, P90: 2, P99: 3, P999: 4, Max: 5}
	with.Rate, with.Memory, with.Result.PeakRSS, with.Result.Threads = 12.5, 7, 8, 9
	set := result.Set{with, sample("c++", 2, 512)}
	var b bytes.Buffer
	require.NoError(t, set.WriteCSV(&b))
	got, err := result.ReadCSV(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	require.Equal(t, set, got)

	_, err = result.ReadCSV(strings.NewReader("run,broker\na,b\n"))
	require.ErrorContains(t, err, `no column "scenario"`)
	_, err = result.ReadCSV(strings.NewReader(strings.Replace(b.String(), ",1000,", ",many,", 1)))
	require.ErrorContains(t, err, `line 2, column "messages"`)
	got, err = result.ReadCSV(strings.NewReader(""))
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestOnlyWhatChanceDoesNotExplainIsADifference(t *testing.T) {
	var older, faster, same result.Set
	for round := range 8 {
		noise := float64(round % 4)
		older = append(older, sample("portable", round, 100+noise))
		faster = append(faster, sample("portable", round, 200+noise))
		same = append(same, sample("portable", round, 100+float64((round+1)%4)))
	}
	change := func(newer result.Set) result.Change {
		for _, c := range result.Compare(older, newer) {
			if c.Metric == &result.Rate {
				return c
			}
		}
		t.Fatal("the rate was not compared")
		return result.Change{}
	}
	c := change(faster)
	require.True(t, c.Significant)
	require.Less(t, c.P, 0.01)
	require.Equal(t, "+98.52%", c.Delta)
	c = change(same)
	require.False(t, c.Significant)
	require.Equal(t, "~", c.Delta)
	require.Empty(t, result.Compare(nil, faster))
}

func TestNewerResultsTakeThePlaceOfOlderOnes(t *testing.T) {
	other := sample("portable", 1, 7)
	other.Scenario = "consume/1KiB"
	older := result.Set{other, sample("portable", 1, 1), sample("python", 1, 1)}
	newer := result.Set{sample("portable", 1, 2)}
	require.Equal(t, result.Set{newer[0], other}, result.Merge(older, newer, []string{"post/1KiB", "consume/1KiB"}))
	require.Equal(t, result.Set{other, newer[0]}, result.Merge(older, newer, nil))
}
