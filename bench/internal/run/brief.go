package run

import (
	"fmt"
	"strings"

	"github.com/bmq-go/bmq/bench/internal/result"
)

// brief is what one sample says in one line.
func brief(s *result.Sample) string {
	var parts []string
	for _, m := range []*result.Metric{&result.Rate, &result.P50, &result.P99, &result.CPU, &result.Allocs, &result.Memory} {
		if v, ok := m.Value(s); ok {
			parts = append(parts, fmt.Sprintf("%s %.4g %s", m.Name, v, m.Unit))
		}
	}
	return strings.Join(parts, "  ")
}

// fileName makes a file's name of a scenario's.
func fileName(scenario string) string {
	return strings.NewReplacer("/", "-", "%", "pct").Replace(scenario)
}
