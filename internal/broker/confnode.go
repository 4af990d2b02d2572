package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// confFile is a configuration file that is being read. The first thing that is
// wrong with it is kept, with file and field; what nobody asked for is listed.
type confFile struct {
	name   string
	err    error
	unused []string
}

// confNode is a value in a configuration file.
type confNode struct {
	file  *confFile
	path  string // empty for the whole file
	value any    // nil: not there
	used  map[string]bool
}

// readConf reads a file that holds a JSON object.
func readConf(name string) (*confNode, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		// The error names the file already.
		var perr *fs.PathError
		errors.As(err, &perr)
		return nil, fmt.Errorf("%s: %w", name, perr.Err)
	}
	return parseConf(name, data)
}

// parseConf reads the contents of a file.
func parseConf(name string, data []byte) (*confNode, error) {
	f := &confFile{name: name}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	root := &confNode{file: f}
	if err := d.Decode(&root.value); err != nil {
		at := len(data)
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			at = int(syntax.Offset)
		}
		return nil, fmt.Errorf("%s: line %d: %w", name, 1+bytes.Count(data[:at], []byte("\n")), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: there is more behind the object", name)
	}
	root.object()
	return root, f.err
}

// fail notes what is wrong with the value, unless something else was before.
func (n *confNode) fail(format string, args ...any) {
	if n.file.err == nil {
		where := n.path
		if where == "" {
			where = "the file"
		}
		n.file.err = fmt.Errorf("%s: %s: %s", n.file.name, where, fmt.Sprintf(format, args...))
	}
}

func (n *confNode) object() map[string]any {
	if n.value == nil {
		return nil
	}
	m, ok := n.value.(map[string]any)
	if !ok {
		n.fail("it has to be an object, not %s", kindName(n.value))
	}
	return m
}

// field returns a member of an object, which may not be there.
func (n *confNode) field(name string) *confNode {
	if n.used == nil {
		n.used = make(map[string]bool)
	}
	n.used[name] = true
	return &confNode{file: n.file, path: strings.TrimPrefix(n.path+"."+name, "."), value: n.object()[name]}
}

// there tells whether the value is in the file.
func (n *confNode) there() bool { return n.value != nil }

// required returns a member that has to be there.
func (n *confNode) required(name string) *confNode {
	f := n.field(name)
	if !f.there() {
		f.fail("it is missing")
	}
	return f
}

// done lists the members of an object that nobody asked for.
func (n *confNode) done() {
	for _, name := range slices.Sorted(maps.Keys(n.object())) {
		if !n.used[name] {
			n.file.unused = append(n.file.unused, strings.TrimPrefix(n.path+"."+name, "."))
		}
	}
}

// ignore says that members need not be listed: they do not change what a broker
// without disk and cluster does.
func (n *confNode) ignore(names ...string) {
	for _, name := range names {
		n.field(name)
	}
}

// integer returns a number from least to most, or d if it is not there.
func (n *confNode) integer(d, least, most int64) int64 {
	if !n.there() {
		return d
	}
	number, ok := n.value.(json.Number)
	if !ok {
		n.fail("it has to be a number, not %s", kindName(n.value))
		return d
	}
	v, err := number.Int64()
	if err != nil || v < least || v > most {
		n.fail("%s is not a whole number from %d to %d", number, least, most)
		return d
	}
	return v
}

func (n *confNode) boolean(d bool) bool {
	if !n.there() {
		return d
	}
	v, ok := n.value.(bool)
	if !ok {
		n.fail("it has to be true or false, not %s", kindName(n.value))
	}
	return v
}

func (n *confNode) text() string {
	if !n.there() {
		return ""
	}
	v, ok := n.value.(string)
	if !ok {
		n.fail("it has to be a text, not %s", kindName(n.value))
	}
	return v
}

// items returns the elements of an array.
func (n *confNode) items() []*confNode {
	if !n.there() {
		return nil
	}
	list, ok := n.value.([]any)
	if !ok {
		n.fail("it has to be an array, not %s", kindName(n.value))
	}
	nodes := make([]*confNode, 0, len(list))
	for i, v := range list {
		nodes = append(nodes, &confNode{file: n.file, path: fmt.Sprintf("%s[%d]", n.path, i), value: v})
	}
	return nodes
}

// choice returns the name and the value of the only member of an object, which has
// to be one of names.
func (n *confNode) choice(names ...string) (string, *confNode) {
	m := n.object()
	for name := range m {
		if len(m) == 1 && slices.Contains(names, name) {
			return name, n.field(name)
		}
	}
	n.fail("it has to have exactly one member out of %s", strings.Join(names, ", "))
	return "", &confNode{file: n.file}
}

func kindName(v any) string {
	switch v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	}
	return "null"
}
