package enginetest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/bmq-go/bmq"
)

type result string

const (
	passedResult  result = "passed"
	failedResult  result = "FAILED"
	notApplicable result = "n/a"
)

// Matrix are the results of a run: behaviour, engine, broker.
type Matrix struct {
	mu      sync.Mutex
	columns []string
	rows    map[string]map[string]result // by behaviour and column
	reasons map[string][]string          // behaviours by reason
	missing []string
}

func newMatrix() *Matrix {
	return &Matrix{rows: make(map[string]map[string]result), reasons: make(map[string][]string)}
}

func column(e bmq.EngineInfo, k brokerKind) string { return e.Kind.String() + " x " + k.name }

// add notes a result.
func (m *Matrix) add(e bmq.EngineInfo, k brokerKind, name string, r result, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	col := column(e, k)
	if !slices.Contains(m.columns, col) {
		m.columns = append(m.columns, col)
	}
	if m.rows[name] == nil {
		m.rows[name] = make(map[string]result)
	}
	m.rows[name][col] = r
	if why != "" {
		m.reasons[col+": "+why] = append(m.reasons[col+": "+why], name)
	}
}

// absent notes a pair that could not run.
func (m *Matrix) absent(e bmq.EngineInfo, k brokerKind, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing = append(m.missing, column(e, k)+": not run: "+why)
}

// Write writes the table, what is not applicable with its reasons, and sums.
func (m *Matrix) Write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) == 0 {
		return
	}
	wide := 0
	for name := range m.rows {
		wide = max(wide, len(name))
	}
	fmt.Fprintf(w, "%-*s", wide, "behaviour")
	for _, col := range m.columns {
		fmt.Fprintf(w, "  %s", col)
	}
	fmt.Fprintln(w)
	sums := make(map[string]map[result]int)
	for _, b := range Behaviours() {
		row, ok := m.rows[b.Name]
		if !ok {
			continue
		}
		fmt.Fprintf(w, "%-*s", wide, b.Name)
		for _, col := range m.columns {
			fmt.Fprintf(w, "  %-*s", len(col), row[col])
			if sums[col] == nil {
				sums[col] = make(map[result]int)
			}
			sums[col][row[col]]++
		}
		fmt.Fprintln(w)
	}
	m.writeNotes(w, sums)
}

func (m *Matrix) writeNotes(w io.Writer, sums map[string]map[result]int) {
	fmt.Fprintln(w)
	for _, col := range m.columns {
		fmt.Fprintf(w, "%s: %d passed, %d failed, %d not applicable\n",
			col, sums[col][passedResult], sums[col][failedResult], sums[col][notApplicable])
	}
	for _, text := range m.missing {
		fmt.Fprintln(w, text)
	}
	if len(m.reasons) > 0 {
		fmt.Fprintln(w, "\nnot applicable:")
	}
	whys := make([]string, 0, len(m.reasons))
	for why := range m.reasons {
		whys = append(whys, why)
	}
	slices.Sort(whys)
	for _, why := range whys {
		names := m.reasons[why]
		slices.Sort(names)
		fmt.Fprintf(w, "- %s: %s\n", why, strings.Join(names, ", "))
	}
}
