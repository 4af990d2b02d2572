package admin

import (
	"regexp"
	"strconv"
	"strings"
)

// number reads a number that is printed in groups of digits.
func number(s string) int64 {
	n, _ := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(s), ",", ""), 10, 64)
	return n
}

const sizePattern = `[\d.]+ +[KMGTP]?B`

// size reads a number of bytes that is printed with a unit, "33  B" or "16.11 KB".
func size(s string) int64 {
	fields := strings.Fields(s)
	if len(fields) != 2 {
		return 0
	}
	n, _ := strconv.ParseFloat(strings.ReplaceAll(fields[0], ",", ""), 64)
	for range strings.IndexByte("BKMGTP", fields[1][0]) {
		n *= 1024
	}
	return int64(n)
}

// lines returns the groups of all lines that match.
func lines(pattern *regexp.Regexp, text string) [][]string {
	return pattern.FindAllStringSubmatch(text, -1)
}
