package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/result"
)

func sample(scenario, client string, rate, cpu float64) result.Sample {
	return result.Sample{
		Run: "now", Broker: "embedded", Scenario: scenario, Client: client, Round: 1, Size: 1024, Sessions: 1,
		Result: job.Result{Messages: 1000, Seconds: 1000 / rate, CPU: cpu / 1e3, Goroutines: 4},
	}
}

var some = result.Set{
	sample("post/1KiB", "portable", 400_000, 1), sample("post/1KiB", "python", 40_000, 15), sample("post/1KiB", "c++", 250_000, 4),
	sample("post/16KiB", "portable", 50_000, 8), sample("consume/1KiB", "portable", 500_000, 1),
}

func TestMarksSayWhetherTheyAreReached(t *testing.T) {
	var b bytes.Buffer
	WriteMarks(&b, some, false)
	require.Contains(t, b.String(), "| post/1KiB, rate | portable | ≥ 8.00 × python | 10.0 × | reached |")
	require.Contains(t, b.String(), "| post/1KiB, rate | portable | ≥ 2.00 × c++ | 1.60 × | missed |")
	require.Contains(t, b.String(), "| post/1KiB, CPU per message | portable | ≤ 0.05 × python | 0.07 × | missed |")
	require.NotContains(t, b.String(), "floor")
	b.Reset()
	WriteMarks(&b, some, true)
	require.Contains(t, b.String(), "| post/1KiB, rate | portable | ≥ 0.70 × floor |  | not measured |")
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for want, v := range map[string]float64{"0": 0, "0.003": 0.0029, "1.23": 1.234, "12.3": 12.34, "123": 123.4, "1,234": 1234.4, "1,234,567": 1234567} {
		if v == 0 {
			want = "0.00"
		}
		require.Equal(t, want, number(v, true))
	}
	require.Empty(t, number(1, false))
}

func TestTableHasTheMetricsThatThereAre(t *testing.T) {
	var b bytes.Buffer
	Text(&b, some)
	require.Contains(t, b.String(), "400,000")
	require.NotContains(t, b.String(), "p99")
}

// wellFormed fails for text that is no XML.
func wellFormed(t *testing.T, text []byte) {
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestSaveWritesDataPlotsAndThePage(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "benchmarks.md")
	before := "# Benchmarks\n<!-- embedded -->\nold\n<!-- end of embedded -->\nrest\n"
	require.NoError(t, os.WriteFile(page, []byte(before), 0o600))
	path := filepath.Join(dir, "benchmarks", "results.csv")
	require.NoError(t, Save(path, some, "embedded", []string{"machine: some"}))

	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, part := range []string{"- machine: some\n", "[results.csv](benchmarks/results.csv)", "![Rate at 1 KiB](benchmarks/rate.svg)", "| post/16KiB | portable |", "rest\n"} {
		require.Contains(t, string(text), part)
	}
	require.NotContains(t, string(text), "old")
	plots, err := filepath.Glob(filepath.Join(dir, "benchmarks", "*.svg"))
	require.NoError(t, err)
	require.NotEmpty(t, plots)
	for _, name := range plots {
		plot, err := os.ReadFile(name)
		require.NoError(t, err)
		wellFormed(t, plot)
	}
	raw, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = raw.Close() }()
	again, err := result.ReadCSV(raw)
	require.NoError(t, err)
	require.Equal(t, some, again)

	// Once more: nothing but the new is there.
	require.NoError(t, Save(path, some, "embedded", []string{"machine: some"}))
	same, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, string(text), string(same))
	require.ErrorContains(t, Save(path, some, "official", nil), "no marks")
}
