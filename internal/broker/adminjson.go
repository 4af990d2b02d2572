package broker

import (
	"bytes"
	"encoding/json"
	"strings"
)

// encoding is the form in which a command is answered.
type encoding string

const (
	asText    encoding = "TEXT"
	asCompact encoding = "JSON_COMPACT"
	asPretty  encoding = "JSON_PRETTY"
)

// encodingOf takes the encoding from the front of a command.
func (w *words) encodingOf() (encoding, error) {
	if len(*w) == 0 || !strings.EqualFold((*w)[0], "ENCODING") {
		return asText, nil
	}
	w.next()
	const must = "The ENCODING option must be followed by one of the [TEXT, JSON_COMPACT, JSON_PRETTY] settings (default: TEXT)"
	word := w.next()
	switch e := encoding(strings.ToUpper(word)); e {
	case asText, asCompact, asPretty:
		if len(*w) == 0 {
			return "", bad("Command must contain at least one word.")
		}
		return e, nil
	case "":
		return "", bad("%s, but no setting was specified.", must)
	default:
		return "", bad("%s, but the following was given: %s", must, word)
	}
}

// print returns an answer in an encoding. Like the official broker's, its JSON has
// slashes escaped.
func (r *result) print(e encoding) string {
	if e == asText {
		return r.text()
	}
	if r.Stats != nil {
		r.Stats.pretty = e == asPretty
	}
	if e == asPretty {
		return escapeSlashes(prettyJSON(r, 4)) + "\n"
	}
	return escapeSlashes(compactJSON(r))
}

// escapeSlashes writes the slashes in JSON as the official broker does.
func escapeSlashes(text string) string { return strings.ReplaceAll(text, "/", `\/`) }

func compactJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what is printed can be
	return strings.TrimSpace(b.String())
}
