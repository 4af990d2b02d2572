// Package report shows what was measured: as text, as Markdown with plots, and against
// the marks that the project has set itself.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/bmq-go/bmq/bench/internal/plan"
	"github.com/bmq-go/bmq/bench/internal/result"
)

// row is one line of a table: a scenario with a client.
type row struct {
	scenario, client string
	cells            []string // one per metric that the table has
}

// table is what a set of samples comes to: medians.
type table struct {
	metrics []*result.Metric
	rows    []row
}

// newTable makes a table with the metrics of which there is a value.
func newTable(s result.Set, scenarios []string) table {
	var t table
	for _, m := range result.Metrics {
		for _, name := range scenarios {
			if has(s, m, name) {
				t.metrics = append(t.metrics, m)
				break
			}
		}
	}
	for _, name := range scenarios {
		for _, client := range plan.Clients {
			r := row{scenario: name, client: client}
			any := false
			for _, m := range t.metrics {
				v, ok := s.Median(m, name, client)
				any = any || ok
				r.cells = append(r.cells, number(v, ok))
			}
			if any {
				t.rows = append(t.rows, r)
			}
		}
	}
	return t
}

func has(s result.Set, m *result.Metric, scenario string) bool {
	for _, client := range s.Clients(scenario) {
		if _, ok := s.Median(m, scenario, client); ok {
			return true
		}
	}
	return false
}

// number shows three significant digits, with separators for thousands.
func number(v float64, ok bool) string {
	switch {
	case !ok:
		return ""
	case v >= 1000:
		return thousands(int64(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.01 || v == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1g", v)
}

func thousands(n int64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func (t *table) header() []string {
	list := []string{"scenario", "client"}
	for _, m := range t.metrics {
		if m.Unit == "" {
			list = append(list, m.Name)
		} else {
			list = append(list, m.Name+", "+m.Unit)
		}
	}
	return list
}

// Text writes a table for a terminal.
func Text(w io.Writer, s result.Set) {
	t := newTable(s, s.Scenarios())
	lines := [][]string{t.header()}
	for i := range lines[0] {
		lines[0][i] = strings.Replace(lines[0][i], ", ", "\u00a0", 1)
	}
	for _, r := range t.rows {
		lines = append(lines, append([]string{r.scenario, r.client}, r.cells...))
	}
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, c := range l {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for _, l := range lines {
		for i, c := range l {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i < 2 {
				fmt.Fprint(w, c, pad, "  ")
			} else {
				fmt.Fprint(w, pad, c, "  ")
			}
		}
		fmt.Fprintln(w)
	}
}

// markdown writes the table as Markdown.
func (t *table) markdown(w io.Writer) {
	head := t.header()
	fmt.Fprintf(w, "| %s |\n|%s%s\n", strings.Join(head, " | "), " --- | --- |", strings.Repeat(" --: |", len(head)-2))
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s | %s | %s |\n", r.scenario, r.client, strings.Join(r.cells, " | "))
	}
}
