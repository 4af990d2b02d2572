package report

import (
	"fmt"
	"io"

	"github.com/bmq-go/bmq/bench/internal/result"
)

// Changes writes what is different from earlier results, and how much is not.
func Changes(w io.Writer, list []result.Change) {
	same := 0
	for i := range list {
		c := &list[i]
		if !c.Significant {
			same++
			continue
		}
		fmt.Fprintf(w, "%-28s %-9s %-12s %10s → %10s %-12s %s (p=%.3f)\n", c.Scenario, c.Client, c.Metric.Name,
			number(c.Old, true), number(c.New, true), c.Metric.Unit, c.Delta, c.P)
	}
	fmt.Fprintf(w, "%d of %d values are no different\n", same, len(list))
}
