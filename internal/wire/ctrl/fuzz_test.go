package ctrl_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

// addRecorded adds the bodies of recorded control and authentication events.
func addRecorded(f *testing.F, e wire.Encoding) {
	seen := map[string]int{}
	for _, r := range wiretest.Load(f, "../testdata/captures") {
		for _, line := range r.Lines {
			if !line.IsEvent() || line.Type != "CONTROL" && line.Type != "AUTHENTICATION" {
				continue
			}
			ev, err := wire.ParseEvent(line.Bytes)
			if err != nil || ev.Encoding != e || len(ev.Body) > 1000 {
				continue
			}
			// A few of each size are as good as all of them.
			if kind := fmt.Sprint(line.Type, len(ev.Body)); seen[kind] < 2 {
				seen[kind]++
				f.Add(ev.Body)
			}
		}
	}
}

// checkDecode reads body as each kind of message. What can be read is written and
// read again in both encodings without loss.
func checkDecode(t *testing.T, body []byte, e wire.Encoding) {
	input := slices.Clone(body)
	for _, m := range []ctrl.Message{&ctrl.ControlMessage{}, &ctrl.NegotiationMessage{}, &ctrl.AuthenticationMessage{}} {
		if err := ctrl.Decode(body, e, m); err != nil {
			require.ErrorIs(t, err, wire.ErrMalformed)
			continue
		}
		if !hasSelection(m) {
			continue // can't be written
		}
		for _, other := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
			event := ctrl.AppendEvent(nil, other, m)
			again := emptyLike(m)
			decodeEvent(t, event, again)
			// JSON has no way to write text that is no UTF-8.
			if !bytes.ContainsRune(event, utf8.RuneError) {
				require.Equal(t, m, again)
			}
			require.Equal(t, event, ctrl.AppendEvent(nil, other, again))
		}
	}
	require.Equal(t, input, body, "the input was changed")
}

func hasSelection(m ctrl.Message) bool {
	v := reflect.ValueOf(m).Elem()
	if c, ok := m.(*ctrl.ControlMessage); ok {
		v = reflect.ValueOf(c.Choice)
	}
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			return true
		}
	}
	return false
}

func FuzzBER(f *testing.F) {
	addRecorded(f, wire.EncodingBER)
	f.Fuzz(func(t *testing.T, body []byte) { checkDecode(t, body, wire.EncodingBER) })
}

func FuzzJSON(f *testing.F) {
	addRecorded(f, wire.EncodingJSON)
	f.Fuzz(func(t *testing.T, body []byte) { checkDecode(t, body, wire.EncodingJSON) })
}

func FuzzHasFeature(f *testing.F) {
	f.Add(brokerFeatures, "MPS", "MESSAGE_PROPERTIES_EX")
	f.Add("A:;B", "B", "")
	f.Fuzz(func(t *testing.T, features, field, value string) {
		if ctrl.HasFeature(features, field, value) {
			require.Contains(t, features, field)
			require.Contains(t, features, value)
		}
	})
}
