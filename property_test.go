package bmq_test

import (
	"math"
	"strings"
	"testing"

	"github.com/bmq-go/bmq"
	"github.com/stretchr/testify/require"
)

// roundTrip posts properties to the embedded broker and returns the message that
// comes back.
func roundTrip(t *testing.T, s *bmq.Session, r *recorder, opts ...bmq.PostOption) *bmq.Message {
	t.Helper()
	n := len(r.messages)
	require.NoError(t, s.Post(t.Context(), memory, []byte("x"), opts...))
	m := r.waitMessages(n + 1)[n]
	require.NoError(t, s.Confirm(m))
	return m
}

func openBoth(t *testing.T, opts ...bmq.Option) (*bmq.Session, *recorder) {
	t.Helper()
	s, r := start(t, opts...)
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite()))
	return s, r
}

type (
	myString string
	myBool   bool
	myInt    int16
	myBytes  []byte
)

func TestPropertyTypesFollowFromValues(t *testing.T) {
	s, r := openBoth(t)
	m := roundTrip(t, s, r, bmq.WithProperties(bmq.PropertyValueDict{
		"bool": true, "int": 1, "int8": int8(-8), "int16": int16(-16), "int32": int32(-32), "int64": int64(math.MinInt64),
		"uint": uint(1), "byte": byte(8), "uint64": uint64(math.MaxInt64), "string": "text", "empty": "", "bytes": []byte{0, 1}, "none": []byte{},
		"named1": myString("s"), "named2": myBool(true), "named3": myInt(3), "named4": myBytes{4},
	}))
	require.Equal(t, bmq.PropertyValueDict{
		"bool": true, "int": int64(1), "int8": int64(-8), "int16": int64(-16), "int32": int64(-32), "int64": int64(math.MinInt64),
		"uint": int64(1), "byte": int64(8), "uint64": int64(math.MaxInt64), "string": "text", "empty": "", "bytes": []byte{0, 1}, "none": []byte{},
		"named1": "s", "named2": true, "named3": int64(3), "named4": []byte{4},
	}, m.Properties())
	require.Equal(t, bmq.PropertyBool, m.PropertyTypes()["bool"])
	require.Equal(t, bmq.PropertyInt64, m.PropertyTypes()["int"])
	require.Equal(t, bmq.PropertyString, m.PropertyTypes()["string"])
	require.Equal(t, bmq.PropertyBinary, m.PropertyTypes()["bytes"])
}

func TestPropertyTypeOverrides(t *testing.T) {
	s, r := openBoth(t)
	types := bmq.PropertyTypeDict{
		"c1": bmq.PropertyChar, "c2": bmq.PropertyChar, "s": bmq.PropertyShort, "i": bmq.PropertyInt32, "l": bmq.PropertyInt64,
		"text": bmq.PropertyString, "bits": bmq.PropertyBinary, "b": bmq.PropertyBool, "fromBool": bmq.PropertyInt32,
	}
	m := roundTrip(t, s, r, bmq.WithProperties(bmq.PropertyValueDict{
		"c1": byte(65), "c2": []byte{66}, "s": math.MinInt16, "i": math.MaxInt32, "l": 5,
		"text": []byte("text"), "bits": []byte{1}, "b": true, "fromBool": true,
	}), bmq.WithPropertyTypeOverrides(types))
	require.Equal(t, bmq.PropertyValueDict{
		"c1": byte(65), "c2": byte(66), "s": int16(math.MinInt16), "i": int32(math.MaxInt32), "l": int64(5),
		"text": "text", "bits": []byte{1}, "b": true, "fromBool": int32(1),
	}, m.Properties())
	require.Equal(t, types, m.PropertyTypes())
}

func TestReceivedPropertiesCanBePostedAgain(t *testing.T) {
	s, r := openBoth(t)
	first := roundTrip(t, s, r,
		bmq.WithProperties(bmq.PropertyValueDict{"c": byte(1), "s": 2, "i": 3, "l": 4, "b": false, "t": "x", "d": []byte("y")}),
		bmq.WithPropertyTypeOverrides(bmq.PropertyTypeDict{"c": bmq.PropertyChar, "s": bmq.PropertyShort, "i": bmq.PropertyInt32}))
	second := roundTrip(t, s, r, bmq.WithProperties(first.Properties()), bmq.WithPropertyTypeOverrides(first.PropertyTypes()))
	require.Equal(t, first.Properties(), second.Properties())
	require.Equal(t, first.PropertyTypes(), second.PropertyTypes())
}

func TestPropertyAccessors(t *testing.T) {
	s, r := openBoth(t)
	m := roundTrip(t, s, r, bmq.WithProperties(bmq.PropertyValueDict{"b": true, "i": 7, "s": "x", "d": []byte("y")}))
	p := m.Properties()
	b, ok := p.Bool("b")
	require.True(t, b && ok)
	i, ok := p.Int64("i")
	require.True(t, ok)
	require.EqualValues(t, 7, i)
	str, ok := p.Str("s")
	require.True(t, ok)
	require.Equal(t, "x", str)
	d, ok := p.Bytes("d")
	require.True(t, ok)
	require.Equal(t, []byte("y"), d)
	_, ok = p.Int64("b")
	require.False(t, ok)
	_, ok = p.Str("missing")
	require.False(t, ok)
	for name, value := range p {
		one, ok := m.Property(name)
		require.True(t, ok, name)
		require.Equal(t, value, one, name)
	}
	_, ok = m.Property("missing")
	require.False(t, ok)
	raw, ok := m.RawProperty("i")
	require.True(t, ok)
	require.Equal(t, []byte{0, 0, 0, 0, 0, 0, 0, 7}, raw)
	_, ok = m.RawProperty("missing")
	require.False(t, ok)
}

func TestMessageWithoutPropertiesHasEmptyMaps(t *testing.T) {
	s, r := openBoth(t)
	for _, opts := range [][]bmq.PostOption{nil, {bmq.WithProperties(nil)}, {bmq.WithProperties(bmq.PropertyValueDict{})}} {
		m := roundTrip(t, s, r, opts...)
		require.NotNil(t, m.Properties())
		require.Empty(t, m.Properties())
		require.NotNil(t, m.PropertyTypes())
		_, ok := m.RawProperty("x")
		require.False(t, ok)
		_, ok = m.Property("x")
		require.False(t, ok)
	}
}

func TestBadPropertiesAreRefused(t *testing.T) {
	many := bmq.PropertyValueDict{}
	for i := range 256 {
		many["p"+strings.Repeat("x", i)] = true
	}
	s, _ := openBoth(t)
	for name, tc := range map[string]struct {
		values bmq.PropertyValueDict
		types  bmq.PropertyTypeDict
		is     error
		text   string
	}{
		"float":                      {bmq.PropertyValueDict{"k": 1.5}, nil, bmq.ErrUnsupportedPropertyType, "'float64' are not supported"},
		"nil":                        {bmq.PropertyValueDict{"k": nil}, nil, bmq.ErrUnsupportedPropertyType, "not supported"},
		"slice of ints":              {bmq.PropertyValueDict{"k": []int{1}}, nil, bmq.ErrUnsupportedPropertyType, "not supported"},
		"override without property":  {nil, bmq.PropertyTypeDict{"k": bmq.PropertyBool}, bmq.ErrUnknownOverride, "non-existent property 'k'"},
		"override of another":        {bmq.PropertyValueDict{"a": 1}, bmq.PropertyTypeDict{"k": bmq.PropertyBool}, bmq.ErrUnknownOverride, "'k'"},
		"override of no type":        {bmq.PropertyValueDict{"k": 1}, bmq.PropertyTypeDict{"k": 9}, bmq.ErrType, "no PropertyType"},
		"string as int":              {bmq.PropertyValueDict{"k": "s"}, bmq.PropertyTypeDict{"k": bmq.PropertyInt32}, bmq.ErrType, "'k' value is of the incorrect type, 'string' provided, 'int' expected."},
		"string as binary":           {bmq.PropertyValueDict{"k": "s"}, bmq.PropertyTypeDict{"k": bmq.PropertyBinary}, bmq.ErrType, "'[]byte' expected"},
		"string as char":             {bmq.PropertyValueDict{"k": "s"}, bmq.PropertyTypeDict{"k": bmq.PropertyChar}, bmq.ErrType, "'byte' expected"},
		"int as string":              {bmq.PropertyValueDict{"k": 1}, bmq.PropertyTypeDict{"k": bmq.PropertyString}, bmq.ErrType, "'string' expected"},
		"int as bool":                {bmq.PropertyValueDict{"k": 1}, bmq.PropertyTypeDict{"k": bmq.PropertyBool}, bmq.ErrType, "'bool' expected"},
		"int as char":                {bmq.PropertyValueDict{"k": 1}, bmq.PropertyTypeDict{"k": bmq.PropertyChar}, bmq.ErrType, "'byte' expected"},
		"no char":                    {bmq.PropertyValueDict{"k": []byte{}}, bmq.PropertyTypeDict{"k": bmq.PropertyChar}, bmq.ErrType, "exactly 1 byte, 0 bytes"},
		"two chars":                  {bmq.PropertyValueDict{"k": []byte("ab")}, bmq.PropertyTypeDict{"k": bmq.PropertyChar}, bmq.ErrType, "exactly 1 byte, 2 bytes"},
		"short too large":            {bmq.PropertyValueDict{"k": math.MaxInt16 + 1}, bmq.PropertyTypeDict{"k": bmq.PropertyShort}, bmq.ErrValue, "between [-32768, 32767]"},
		"int32 too small":            {bmq.PropertyValueDict{"k": int64(math.MinInt32) - 1}, bmq.PropertyTypeDict{"k": bmq.PropertyInt32}, bmq.ErrValue, "between [-2147483648, 2147483647]"},
		"uint64 too large":           {bmq.PropertyValueDict{"k": uint64(math.MaxInt64) + 1}, nil, bmq.ErrValue, "between"},
		"empty name":                 {bmq.PropertyValueDict{"": 1}, nil, bmq.ErrValue, "empty"},
		"name starts with _":         {bmq.PropertyValueDict{"_x": 1}, nil, bmq.ErrValue, "letter or a digit"},
		"name starts with é":         {bmq.PropertyValueDict{"é": 1}, nil, bmq.ErrValue, "letter or a digit"},
		"NUL in name":                {bmq.PropertyValueDict{"a\x00b": 1}, nil, bmq.ErrValue, "NUL"},
		"name too long":              {bmq.PropertyValueDict{strings.Repeat("n", 4096): 1}, nil, bmq.ErrValue, "4095"},
		"more than 255":              {many, nil, bmq.ErrValue, "255"},
		"string not UTF-8":           {bmq.PropertyValueDict{"k": "\xff"}, nil, bmq.ErrValue, "UTF-8"},
		"bytes as string, not UTF-8": {bmq.PropertyValueDict{"k": []byte{0xff}}, bmq.PropertyTypeDict{"k": bmq.PropertyString}, bmq.ErrValue, "UTF-8"},
		"value too large":            {bmq.PropertyValueDict{"k": make([]byte, 67104746)}, nil, bmq.ErrValue, "67104745"},
		"all together too large":     {bmq.PropertyValueDict{"k": make([]byte, 40<<20), "l": make([]byte, 40<<20)}, nil, bmq.ErrValue, "together"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Post(t.Context(), memory, []byte("x"), bmq.WithProperties(tc.values), bmq.WithPropertyTypeOverrides(tc.types))
			require.ErrorIs(t, err, tc.is)
			require.ErrorContains(t, err, tc.text)
			b := s.NewBatch()
			require.ErrorIs(t, b.Add(memory, []byte("x"), bmq.WithProperties(tc.values), bmq.WithPropertyTypeOverrides(tc.types)), tc.is)
			require.Zero(t, b.Len())
		})
	}
}

func TestBadPropertiesAreFoundBeforeAStoppedSession(t *testing.T) {
	s, _ := openBoth(t)
	require.NoError(t, s.Stop(t.Context()))
	require.ErrorIs(t, s.Post(t.Context(), memory, nil, bmq.WithProperties(bmq.PropertyValueDict{"k": 1.5})), bmq.ErrUnsupportedPropertyType)
	require.ErrorIs(t, s.Post(t.Context(), memory, nil), bmq.ErrSessionStopped)
}

func TestLongestNameAndManyPropertiesPass(t *testing.T) {
	s, r := openBoth(t)
	name := strings.Repeat("n", 4095)
	values := bmq.PropertyValueDict{name: "x"}
	for i := range 254 {
		values["p"+strings.Repeat("y", i)] = i
	}
	m := roundTrip(t, s, r, bmq.WithProperties(values))
	require.Len(t, m.Properties(), 255)
	require.Equal(t, "x", m.Properties()[name])
}
