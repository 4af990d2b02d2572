package result

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/bmq-go/bmq/bench/internal/job"
)

// column is a column of the raw data.
type column struct {
	name string
	get  func(*Sample) string
	set  func(*Sample, string) error
}

func text(name string, field func(*Sample) *string) column {
	return column{name,
		func(s *Sample) string { return *field(s) },
		func(s *Sample, v string) error { *field(s) = v; return nil },
	}
}

func integer[T int | int64 | uint64](name string, field func(*Sample) *T) column {
	return column{name,
		func(s *Sample) string { return strconv.FormatInt(int64(*field(s)), 10) },
		func(s *Sample, v string) error {
			n, err := strconv.ParseInt(v, 10, 64)
			*field(s) = T(n)
			return err
		},
	}
}

func decimal(name string, field func(*Sample) *float64) column {
	return column{name,
		func(s *Sample) string { return strconv.FormatFloat(*field(s), 'g', 8, 64) },
		func(s *Sample, v string) error {
			var err error
			*field(s), err = strconv.ParseFloat(v, 64)
			return err
		},
	}
}

// quantile is empty where a sample has no latencies.
func quantile(name string, field func(*job.Quantiles) *int64) column {
	return column{name,
		func(s *Sample) string {
			if s.Latency == nil {
				return ""
			}
			return strconv.FormatInt(*field(s.Latency), 10)
		},
		func(s *Sample, v string) error {
			if v == "" {
				return nil
			}
			if s.Latency == nil {
				s.Latency = new(job.Quantiles)
			}
			var err error
			*field(s.Latency), err = strconv.ParseInt(v, 10, 64)
			return err
		},
	}
}

var columns = []column{
	text("run", func(s *Sample) *string { return &s.Run }),
	text("broker", func(s *Sample) *string { return &s.Broker }),
	text("scenario", func(s *Sample) *string { return &s.Scenario }),
	text("client", func(s *Sample) *string { return &s.Client }),
	integer("round", func(s *Sample) *int { return &s.Round }),
	integer("size", func(s *Sample) *int { return &s.Size }),
	decimal("rate", func(s *Sample) *float64 { return &s.Rate }),
	integer("sessions", func(s *Sample) *int { return &s.Sessions }),
	integer("messages", func(s *Sample) *int { return &s.Messages }),
	decimal("seconds", func(s *Sample) *float64 { return &s.Seconds }),
	decimal("cpu_seconds", func(s *Sample) *float64 { return &s.Result.CPU }),
	integer("mallocs", func(s *Sample) *uint64 { return &s.Mallocs }),
	integer("allocated_bytes", func(s *Sample) *uint64 { return &s.Allocated }),
	integer("peak_rss_bytes", func(s *Sample) *int64 { return &s.Result.PeakRSS }),
	integer("goroutines", func(s *Sample) *int { return &s.Result.Goroutines }),
	integer("threads", func(s *Sample) *int { return &s.Result.Threads }),
	integer("memory_bytes", func(s *Sample) *int64 { return &s.Result.Memory }),
	quantile("p50_ns", func(q *job.Quantiles) *int64 { return &q.P50 }),
	quantile("p90_ns", func(q *job.Quantiles) *int64 { return &q.P90 }),
	quantile("p99_ns", func(q *job.Quantiles) *int64 { return &q.P99 }),
	quantile("p999_ns", func(q *job.Quantiles) *int64 { return &q.P999 }),
	quantile("max_ns", func(q *job.Quantiles) *int64 { return &q.Max }),
}

// WriteCSV writes the raw data.
func (s Set) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for i := range s {
		for j, c := range columns {
			row[j] = c.get(&s[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// ReadCSV reads raw data. Columns are known by their names.
func ReadCSV(r io.Reader) (Set, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	at := make(map[string]int)
	for i, name := range rows[0] {
		at[name] = i
	}
	set := make(Set, len(rows)-1)
	for n, row := range rows[1:] {
		for _, c := range columns {
			i, ok := at[c.name]
			if !ok {
				return nil, fmt.Errorf("the raw data has no column %q", c.name)
			}
			if err := c.set(&set[n], row[i]); err != nil {
				return nil, fmt.Errorf("line %d, column %q: %w", n+2, c.name, err)
			}
		}
	}
	return set, nil
}
