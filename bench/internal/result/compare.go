package result

import (
	"slices"

	"golang.org/x/perf/benchmath"
)

// Change is how a metric differs between two sets.
type Change struct {
	Scenario, Client string
	Metric           *Metric
	Old, New         float64 // medians
	Delta            string  // as benchstat writes it: ~ where chance may be the reason
	P                float64 // the probability of that
	Significant      bool
}

// compared are the metrics for which sets are compared.
var compared = []*Metric{&Rate, &P50, &P99, &CPU, &Allocs, &Memory}

// Compare compares what two sets have in common, by the rules of benchstat: medians, and
// the Mann-Whitney U-test, which assumes nothing about how values are distributed.
func Compare(older, newer Set) (list []Change) {
	for _, scenario := range newer.Scenarios() {
		for _, client := range newer.Clients(scenario) {
			for _, m := range compared {
				if c, ok := change(m, older.Values(m, scenario, client), newer.Values(m, scenario, client)); ok {
					c.Scenario, c.Client = scenario, client
					list = append(list, c)
				}
			}
		}
	}
	return list
}

func change(m *Metric, older, newer []float64) (c Change, ok bool) {
	if len(older) == 0 || len(newer) == 0 {
		return c, false
	}
	thresholds := benchmath.DefaultThresholds
	a, b := benchmath.NewSample(slices.Clone(older), &thresholds), benchmath.NewSample(slices.Clone(newer), &thresholds)
	c = Change{Metric: m}
	c.Old, _ = Median(older)
	c.New, _ = Median(newer)
	outcome := benchmath.AssumeNothing.Compare(a, b)
	c.P, c.Delta = outcome.P, outcome.FormatDelta(c.Old, c.New)
	c.Significant = outcome.P <= thresholds.CompareAlpha
	return c, true
}
