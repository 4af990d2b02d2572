package broker

import (
	"fmt"
	"slices"
	"strings"
)

// The words that configurations, logs and the HTTP interface use. The index of a
// name is its value.
var (
	modeNames    = []string{"priority", "fanout", "broadcast"}
	keepNames    = []string{"persistent", "all", "none"}
	pointNames   = []string{"", "connecting", "negotiating", "receiving", "requesting", "posting", "sending"}
	actionNames  = []string{"", "drop", "refuse", "delay", "stall", "cut", "truncate", "corrupt"}
	requestNames = []string{"", "openQueue", "configureQueue", "closeQueue", "disconnect"}
)

// nameOf returns the name of a value.
func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%T(%d)", v, v)
}

// valueOf sets *v to the value that text names.
func valueOf[T ~uint8](names []string, v *T, text []byte) error {
	i := slices.Index(names, string(text))
	if i < 0 || len(text) == 0 {
		known := strings.TrimPrefix(strings.Join(names, ", "), ", ")
		return fmt.Errorf("%q is none of %s", text, known)
	}
	*v = T(i)
	return nil
}

// String returns the name that the official configuration uses.
func (m Mode) String() string { return nameOf(modeNames, m) }

// MarshalText returns the name, for encoding/json and others.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a name.
func (m *Mode) UnmarshalText(text []byte) error { return valueOf(modeNames, m, text) }

// String returns a name in lower case.
func (k Keep) String() string { return nameOf(keepNames, k) }

// MarshalText returns the name, for encoding/json and others.
func (k Keep) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *Keep) UnmarshalText(text []byte) error { return valueOf(keepNames, k, text) }

// String returns a name in lower case.
func (p Point) String() string { return nameOf(pointNames, p) }

// MarshalText returns the name, for encoding/json and others.
func (p Point) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a name.
func (p *Point) UnmarshalText(text []byte) error { return valueOf(pointNames, p, text) }

// String returns a name in lower case.
func (a Action) String() string { return nameOf(actionNames, a) }

// MarshalText returns the name, for encoding/json and others.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name.
func (a *Action) UnmarshalText(text []byte) error { return valueOf(actionNames, a, text) }

// String returns a name, empty for any request.
func (r Request) String() string { return nameOf(requestNames, r) }

// MarshalText returns the name, for encoding/json and others.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name.
func (r *Request) UnmarshalText(text []byte) error { return valueOf(requestNames, r, text) }
