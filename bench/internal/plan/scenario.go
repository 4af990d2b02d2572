// Package plan lists what is measured.
package plan

import (
	"fmt"
	"regexp"

	"github.com/bmq-go/bmq/bench/internal/job"
)

// The clients that take part.
const (
	Portable = "portable" // the Go client, its engine in Go
	Native   = "native"   // the Go client over the C++ SDK
	Borrowed = "borrowed" // Portable, with payloads that handlers give back
	Python   = "python"   // the official Python SDK
	Tool     = "c++"      // the official command-line tool, over the C++ SDK
	Floor    = "floor"    // the least Go that speaks the protocol, 64 messages to an event
	FloorOne = "floor-1"  // the same, one message to an event
)

// Clients lists them all, in the order of tables.
var Clients = []string{Portable, Borrowed, Native, Python, Tool, Floor, FloorOne}

// FloorBatch is how many messages the floor puts into an event, as far as FloorEvent bytes
// of payloads go.
const (
	FloorBatch = 64
	FloorEvent = 1 << 20
)

// Scenario is one thing that is measured with several clients.
type Scenario struct {
	Name    string
	Job     job.Job // without broker, queues and numbers
	Domain  string  // of the broker under load; empty: the null broker
	Queues  int
	Readers []string // application ids of the queue's readers, or one empty id
	Clients []string
	Quick   bool // part of the short run
	// Of, for paced runs, is the scenario whose rate is taken Share of: that of the client
	// Whose, or for each client its own. Without it Job.Rate holds.
	Of    string
	Whose string
	Share float64
	Limit int // of messages; 0: as many as the time allows
}

// Null tells whether the scenario runs against a broker that does nothing.
func (s *Scenario) Null() bool { return s.Domain == "" }

// Has tells whether a client takes part.
func (s *Scenario) Has(client string) bool {
	for _, c := range s.Clients {
		if c == client {
			return true
		}
	}
	return false
}

// Select returns the scenarios whose names match, and those that they are built on. The
// short run has only those that are marked for it.
func Select(all []Scenario, pattern string, quick bool) ([]Scenario, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern of -run: %w", err)
	}
	wanted := make(map[string]bool)
	for i := range all {
		if re.MatchString(all[i].Name) && (all[i].Quick || !quick) {
			wanted[all[i].Name] = true
			if all[i].Of != "" {
				wanted[all[i].Of] = true
			}
		}
	}
	var list []Scenario
	for i := range all {
		if wanted[all[i].Name] {
			list = append(list, all[i])
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no scenario matches %q; -list shows them all", pattern)
	}
	return list, nil
}
