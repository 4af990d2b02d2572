package result

import (
	"slices"
)

// Set are samples.
type Set []Sample

// Values returns the values of a metric for a scenario and a client, one per round.
func (s Set) Values(m *Metric, scenario, client string) (values []float64) {
	for i := range s {
		if s[i].Scenario == scenario && s[i].Client == client {
			if v, ok := m.Value(&s[i]); ok {
				values = append(values, v)
			}
		}
	}
	return values
}

// Median returns the median of a metric, false if there is no value.
func (s Set) Median(m *Metric, scenario, client string) (float64, bool) {
	return Median(s.Values(m, scenario, client))
}

// Median returns the middle of values, or of the two in the middle their mean.
func Median(values []float64) (float64, bool) {
	n := len(values)
	if n == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, true
}

// Ratio is the median, over the rounds in which both took part, of one client's value
// divided by the other's: what slowed a round down slowed both.
func (s Set) Ratio(m *Metric, scenario, client, other string) (float64, bool) {
	type key struct {
		run   string
		round int
	}
	base := make(map[key]float64)
	for i := range s {
		if s[i].Scenario == scenario && s[i].Client == other {
			if v, ok := m.Value(&s[i]); ok && v > 0 {
				base[key{s[i].Run, s[i].Round}] = v
			}
		}
	}
	var ratios []float64
	for i := range s {
		if s[i].Scenario == scenario && s[i].Client == client {
			v, ok := m.Value(&s[i])
			if b := base[key{s[i].Run, s[i].Round}]; ok && b > 0 {
				ratios = append(ratios, v/b)
			}
		}
	}
	return Median(ratios)
}

// names returns what get finds in the samples, in the order of their first appearance.
func (s Set) names(get func(*Sample) string) (list []string) {
	for i := range s {
		if name := get(&s[i]); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Scenarios returns the names of the scenarios.
func (s Set) Scenarios() []string { return s.names(func(s *Sample) string { return s.Scenario }) }

// Clients returns the names of the clients that took part in a scenario; in any, if it is
// empty.
func (s Set) Clients(scenario string) []string {
	return s.only(func(s *Sample) bool { return scenario == "" || s.Scenario == scenario }).names(func(s *Sample) string { return s.Client })
}

func (s Set) only(match func(*Sample) bool) (list Set) {
	for i := range s {
		if match(&s[i]) {
			list = append(list, s[i])
		}
	}
	return list
}

// Merge returns newer, and of older the scenarios that newer has not, in the order given
// by names; what is not among them comes last.
func Merge(older, newer Set, names []string) Set {
	measured := newer.Scenarios()
	all := append(older.only(func(s *Sample) bool { return !slices.Contains(measured, s.Scenario) }), newer...)
	place := func(s *Sample) int {
		if i := slices.Index(names, s.Scenario); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(all, func(a, b Sample) int { return place(&a) - place(&b) })
	return all
}
