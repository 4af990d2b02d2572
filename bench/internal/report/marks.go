package report

import (
	"fmt"
	"io"

	"github.com/bmq-go/bmq/bench/internal/plan"
	"github.com/bmq-go/bmq/bench/internal/result"
)

// Mark is something that the project has set itself to reach: a ratio to another client,
// or, without one, a value.
type Mark struct {
	Text     string
	Metric   *result.Metric
	Scenario string
	Client   string
	Other    string
	AtLeast  float64 // 0: there is no such bound
	AtMost   float64
}

func rateMark(scenario, client, other string, atLeast float64) Mark {
	return Mark{"rate", &result.Rate, scenario, client, other, atLeast, 0}
}

func cpuMark(scenario, client, other string, atMost float64) Mark {
	return Mark{"CPU per message", &result.CPU, scenario, client, other, 0, atMost}
}

// Marks are those of this project, at 1 KiB.
var Marks = []Mark{
	rateMark("post/1KiB", plan.Portable, plan.Python, 8),
	rateMark("post/1KiB", plan.Portable, plan.Tool, 2),
	rateMark("post/1KiB", plan.Portable, plan.Floor, 0.7),
	cpuMark("post/1KiB", plan.Portable, plan.Python, 0.05),
	cpuMark("post/1KiB", plan.Portable, plan.Tool, 0.2),
	cpuMark("post/1KiB", plan.Portable, plan.Floor, 2.5),
	rateMark("consume/1KiB", plan.Portable, plan.Python, 4.5),
	rateMark("consume/1KiB", plan.Portable, plan.Floor, 0.75),
	cpuMark("consume/1KiB", plan.Portable, plan.Python, 0.12),
	cpuMark("consume/1KiB", plan.Portable, plan.Floor, 2.5),
	rateMark("consume/1KiB", plan.Borrowed, plan.Floor, 0.75),
	cpuMark("consume/1KiB", plan.Borrowed, plan.Python, 0.12),
	cpuMark("consume/1KiB", plan.Borrowed, plan.Floor, 2.5),
	rateMark("post/1KiB", plan.Native, plan.Tool, 0.95),
	cpuMark("post/1KiB", plan.Native, plan.Tool, 1.2),
	rateMark("post/1KiB", plan.Native, plan.Python, 4),
	rateMark("post/1KiB/batch-64", plan.Native, plan.Tool, 0.95),
	cpuMark("post/1KiB/batch-64", plan.Native, plan.Tool, 1.3),
	rateMark("consume/1KiB", plan.Native, plan.Tool, 0.95),
	{"p50", &result.P50, "latency/one-at-a-time", plan.Portable, plan.Python, 0, 0.65},
	{"p99", &result.P99, "latency/one-at-a-time", plan.Portable, plan.Python, 0, 0.65},
	{"p50", &result.P50, "latency/one-at-a-time", plan.Portable, plan.FloorOne, 0, 1.15},
	{"p99", &result.P99, "latency/one-at-a-time", plan.Portable, plan.FloorOne, 0, 1.15},
	{"p99", &result.P99, "latency/at-half-of-c++", plan.Portable, plan.Tool, 0, 1},
	{"posts/s", &result.Rate, "null/post/128B", plan.Portable, "", 1_500_000, 0},
	{"MB/s", &result.Throughput, "null/post/16KiB", plan.Portable, "", 1000, 0},
	{"allocations per post without a callback", &result.Allocs, "post/1KiB/no-acks", plan.Portable, "", 0, 0.05},
	{"allocations per post with a callback", &result.Allocs, "post/1KiB", plan.Portable, "", 0, 1},
	{"allocations per message received and confirmed", &result.Allocs, "consume/1KiB", plan.Portable, "", 0, 1},
	{"the same, borrowed", &result.Allocs, "null/consume/1KiB", plan.Borrowed, "", 0, 0.05},
	{"KiB of an idle session", &result.Memory, "idle/1000", plan.Portable, "", 0, 256},
}

// outcome is what a mark came to.
func (m *Mark) outcome(s result.Set) (value float64, measured, reached bool) {
	if m.Other != "" {
		value, measured = s.Ratio(m.Metric, m.Scenario, m.Client, m.Other)
	} else {
		value, measured = s.Median(m.Metric, m.Scenario, m.Client)
	}
	reached = measured && value >= m.AtLeast && (m.AtMost == 0 || value <= m.AtMost)
	return value, measured, reached
}

func (m *Mark) bound() string {
	text := "≤ " + number(m.AtMost, true)
	if m.AtLeast > 0 {
		text = "≥ " + number(m.AtLeast, true)
	}
	if m.Other != "" {
		text += " × " + m.Other
	}
	return text
}

// WriteMarks writes the marks with what they came to, as Markdown. Those that were not
// measured are left out unless all is wanted.
func WriteMarks(w io.Writer, s result.Set, all bool) {
	fmt.Fprintf(w, "| mark | client | wanted | seen | |\n| --- | --- | --- | --: | --- |\n")
	for i := range Marks {
		m := &Marks[i]
		value, measured, reached := m.outcome(s)
		verdict, seen := "missed", number(value, measured)
		switch {
		case !measured && !all:
			continue
		case !measured:
			verdict = "not measured"
		case reached:
			verdict = "reached"
		}
		if m.Other != "" && measured {
			seen += " ×"
		}
		fmt.Fprintf(w, "| %s, %s | %s | %s | %s | %s |\n", m.Scenario, m.Text, m.Client, m.bound(), seen, verdict)
	}
}
