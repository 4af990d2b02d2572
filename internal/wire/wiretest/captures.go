// Package wiretest gives tests the recorded traffic of testdata/captures.
package wiretest

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Direction tells who sent an event.
type Direction string

// The two directions, and what is no traffic at all.
const (
	ToBroker Direction = "c2b"
	ToClient Direction = "b2c"
	Note     Direction = "note"
)

// Line is one line of a recording.
type Line struct {
	Number int // in the file, from 1
	Conn   int
	Dir    Direction
	Type   string
	Bytes  []byte
}

// IsEvent tells whether the line is a whole event, not a note or a pseudo type.
func (l *Line) IsEvent() bool { return l.Dir != Note && !strings.HasPrefix(l.Type, "_") }

// Recording is one file of recorded traffic.
type Recording struct {
	Name  string // of the file, without its extension
	Lines []Line
}

// Hostile tells whether the recording has violations of the protocol in it.
func (r *Recording) Hostile() bool { return r.Name >= "90" }

var (
	mu     sync.Mutex
	loaded = map[string][]Recording{} // by folder
)

// Load returns all recordings of a folder in the order of their names. They are read
// once; nobody may change them.
func Load(tb testing.TB, dir string) []Recording {
	tb.Helper()
	mu.Lock()
	defer mu.Unlock()
	if all, ok := loaded[dir]; ok {
		return all
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(tb, err)
	require.NotEmpty(tb, names, "no recordings in %s", dir)
	all := make([]Recording, 0, len(names))
	for _, name := range names {
		all = append(all, load(tb, name))
	}
	loaded[dir] = all
	return all
}

func load(tb testing.TB, name string) Recording {
	tb.Helper()
	f, err := os.Open(name)
	require.NoError(tb, err)
	defer func() { _ = f.Close() }()
	r := Recording{Name: strings.TrimSuffix(filepath.Base(name), ".jsonl")}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var raw struct {
			Conn      int
			Dir       Direction
			Type, Hex string
		}
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &raw), name)
		b, err := hex.DecodeString(raw.Hex)
		require.NoError(tb, err, name)
		r.Lines = append(r.Lines, Line{Number: len(r.Lines) + 1, Conn: raw.Conn, Dir: raw.Dir, Type: raw.Type, Bytes: b})
	}
	require.NoError(tb, lines.Err(), name)
	return r
}

// Hex reads hexadecimal digits, in which white space does not count.
func Hex(tb testing.TB, digits string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	require.NoError(tb, err)
	return b
}
