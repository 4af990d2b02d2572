package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/bmq-go/bmq/bench/internal/plan"
	"github.com/bmq-go/bmq/bench/internal/result"
)

// chart is a plot of a set of samples.
type chart struct {
	file  string
	title string
	write func(io.Writer, result.Set)
	needs string // a scenario without which it shows nothing
}

func bars(title string, m *result.Metric, logarithmic bool, scenarios ...string) func(io.Writer, result.Set) {
	return func(w io.Writer, s result.Set) {
		var groups []group
		for _, name := range scenarios {
			g := group{label: name}
			for _, client := range plan.Clients {
				if v, ok := s.Median(m, name, client); ok {
					g.bars = append(g.bars, bar{client, v, number(v, true)})
				}
			}
			if len(g.bars) > 0 {
				groups = append(groups, g)
			}
		}
		barChart(w, title, groups, logarithmic)
	}
}

// over plots a metric over the number that scenarios have in their names behind prefix.
func over(title, unit string, m *result.Metric, prefix string) func(io.Writer, result.Set) {
	return func(w io.Writer, s result.Set) {
		var lines []line
		for _, client := range plan.Clients {
			l := line{label: client}
			for _, name := range s.Scenarios() {
				rest, ok := strings.CutPrefix(name, prefix)
				x, isNumber := quantity(rest)
				if v, measured := s.Median(m, name, client); ok && isNumber && measured {
					l.points = append(l.points, point{x, v, rest})
				}
			}
			if len(l.points) > 0 {
				lines = append(lines, l)
			}
		}
		lineChart(w, title, unit, lines)
	}
}

// quantity reads a number or a size.
func quantity(s string) (float64, bool) {
	unit := 1.0
	for suffix, u := range map[string]float64{"MiB": 1 << 20, "KiB": 1 << 10} {
		if number, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = number, u
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "B"), 64)
	return v * unit, err == nil
}

// charts are the plots of the documentation.
var charts = []chart{
	{"rate.svg", "Rate at 1 KiB", bars("messages per second", &result.Rate, false, "post/1KiB", "consume/1KiB", "exchange/1KiB"), "post/1KiB"},
	{"cpu.svg", "CPU time of the client at 1 KiB", bars("µs of CPU per message", &result.CPU, true, "post/1KiB", "consume/1KiB", "exchange/1KiB"), "post/1KiB"},
	{"latency.svg", "Latency, one message at a time", bars("p99, µs", &result.P99, true,
		"latency/one-at-a-time", "latency/at-1000-per-second", "latency/at-5000-per-second"), "latency/one-at-a-time"},
	{"post-size.svg", "Posts by size of the payload", over("MB per second", "", &result.Throughput, "post/"), "post/16KiB"},
	{"consume-size.svg", "Messages consumed by size of the payload", over("MB per second", "", &result.Throughput, "consume/"), "consume/16KiB"},
	{"null.svg", "Without a broker that limits", bars("messages per second", &result.Rate, true,
		"null/post/128B", "null/post/1KiB", "null/post/16KiB", "null/consume/128B", "null/consume/1KiB", "null/consume/16KiB"), "null/post/1KiB"},
	{"queues.svg", "CPU time by the number of queues", over("µs of CPU per message", "", &result.CPU, "queues/"), "queues/100"},
	{"sessions.svg", "CPU time by the number of sessions in one process", over("µs of CPU per message", "", &result.CPU, "sessions/"), "sessions/100"},
	{"idle.svg", "Memory of an idle session by their number", over("KiB per session", "", &result.Memory, "idle/"), "idle/100"},
}
