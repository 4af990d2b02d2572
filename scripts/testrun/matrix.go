package main

import (
	"fmt"
	"strings"
)

// conformance is the package that prints what holds for which engine and broker.
const conformance = modulePath + "/internal/enginetest"

// matrix is what it printed: a table, and notes on it.
type matrix struct{ table, notes []string }

// newMatrix finds the matrix in a package's output.
func newMatrix(output []string) (m matrix) {
	lines := strings.SplitAfter(strings.Join(output, ""), "\n")
	for i, line := range lines {
		switch {
		case len(m.table) == 0 && !strings.HasPrefix(line, "behaviour "):
		case strings.TrimSpace(line) != "":
			m.table = append(m.table, strings.TrimRight(line, " \n"))
		default:
			m.notes = notes(lines[i:])
			return m
		}
	}
	return m
}

// notes are the sums, and what is not applicable: how much of it, and why.
func notes(lines []string) (list []string) {
	for _, line := range lines {
		line = strings.TrimRight(line, "\n")
		pair, _, isPair := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "- "):
			why, names, _ := cutLast(line[2:], ": ")
			list = append(list, fmt.Sprintf("  n/a         %s: %d behaviours", why, 1+strings.Count(names, ", ")))
		case isPair && strings.Contains(pair, " x "):
			list = append(list, "conformance   "+line)
		}
	}
	return list
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
