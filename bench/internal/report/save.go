package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmq-go/bmq/bench/internal/result"
)

// Save writes the raw data to path, plots beside it, and the tables into the page that
// shows them: benchmarks.md in the folder above, between two marks for each broker.
func Save(path string, s result.Set, broker string, about []string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var raw bytes.Buffer
	if err := s.WriteCSV(&raw); err != nil {
		return err
	}
	if err := os.WriteFile(path, raw.Bytes(), 0o600); err != nil {
		return err
	}
	prefix := strings.TrimPrefix(broker+"-", "embedded-")
	var drawn []chart
	for _, c := range charts {
		if !has(s, &result.CPU, c.needs) {
			continue
		}
		var plot bytes.Buffer
		c.write(&plot, s)
		if err := os.WriteFile(filepath.Join(dir, prefix+c.file), plot.Bytes(), 0o600); err != nil {
			return err
		}
		drawn = append(drawn, c)
	}
	page := filepath.Join(dir, "..", "benchmarks.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err = replace(text, broker, section(s, filepath.Base(path), prefix, about, drawn))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, text, 0o600)
}

// section is what the page says about one broker.
func section(s result.Set, file, prefix string, about []string, drawn []chart) []byte {
	var b bytes.Buffer
	for _, line := range about {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "- raw data: [%s](benchmarks/%s)\n\n", file, file)
	WriteMarks(&b, s, prefix == "") // what needs no broker is measured with the embedded one only
	for _, c := range drawn {
		fmt.Fprintf(&b, "\n![%s](benchmarks/%s)\n", c.title, prefix+c.file)
	}
	for _, part := range parts(s.Scenarios()) {
		fmt.Fprintln(&b)
		t := newTable(s, part)
		t.markdown(&b)
	}
	return b.Bytes()
}

// parts cuts a list of scenarios into those whose names begin alike.
func parts(scenarios []string) (list [][]string) {
	last := ""
	for _, name := range scenarios {
		first, _, _ := strings.Cut(name, "/")
		if first != last {
			list = append(list, nil)
			last = first
		}
		list[len(list)-1] = append(list[len(list)-1], name)
	}
	return list
}

// replace puts new text between the two marks of a name.
func replace(page []byte, name string, text []byte) ([]byte, error) {
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end of "+name+" -->\n")
	before, rest, ok := bytes.Cut(page, begin)
	_, after, ended := bytes.Cut(rest, end)
	if !ok || !ended {
		return nil, fmt.Errorf("there are no marks %q and %q", begin, end)
	}
	return bytes.Join([][]byte{before, begin, text, end, after}, nil), nil
}
