package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func TestPropertiesExamples(t *testing.T) {
	for name, c := range map[string]struct {
		props    []wire.Property
		oldStyle bool
		data     string
		payload  string
	}{
		"new style": {
			[]wire.Property{
				{Name: "a", Type: wire.PropertyString, Str: "x"},
				{Name: "b", Type: wire.PropertyInt64, Num: 2},
				{Name: "bin", Type: wire.PropertyBinary, Bin: []byte{1, 2}},
				{Name: "flag", Type: wire.PropertyBool, Num: 1},
			},
			false,
			`1b00000d 0004 1800 0000 0001 1400 0002 0001 1c00 000b 0003 0400 0010 0004
			 6178 620000000000000002 62696e0102 666c616701 01 776f726c64`,
			"world",
		},
		"old style": {
			[]wire.Property{
				{Name: "a", Type: wire.PropertyString, Str: "x"},
				{Name: "b", Type: wire.PropertyInt64, Num: 2},
			},
			true,
			"1b000008 0002 1800 0001 0001 1400 0008 0001 6178 620000000000000002 030303 68656c6c6f",
			"hello",
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := wiretest.Hex(t, c.data)
			area := data[:len(data)-len(c.payload)]
			require.Equal(t, area, wire.AppendProperties(nil, c.props, c.oldStyle))
			require.Len(t, area, wire.PropertiesSize(c.props))
			size, err := wire.PropertiesAreaSize(data)
			require.NoError(t, err)
			require.Len(t, area, size)
			p, payload, err := wire.ParseProperties(data, c.oldStyle)
			require.NoError(t, err)
			require.Equal(t, c.payload, string(payload))
			require.Equal(t, c.props, propertyList(&p))
		})
	}
}

func TestNoPropertiesAreNothing(t *testing.T) {
	require.Zero(t, wire.PropertiesSize(nil))
	require.Empty(t, wire.AppendProperties(nil, nil, false))
	require.Empty(t, wire.AppendProperties(nil, nil, true))
	var p wire.Properties
	require.Zero(t, p.Len())
	require.Empty(t, propertyList(&p))
	require.Empty(t, p.AppendOldStyle(nil))
}

// allTypes has the values at the ends of every type.
func allTypes() []wire.Property {
	props := []wire.Property{
		{Name: "true", Type: wire.PropertyBool, Num: 1},
		{Name: "false", Type: wire.PropertyBool},
		{Name: "empty", Type: wire.PropertyString},
		{Name: "none", Type: wire.PropertyBinary, Bin: []byte{}},
		{Name: "text", Type: wire.PropertyString, Str: "\x00\xffä"},
		{Name: strings.Repeat("n", wire.MaxPropertyName), Type: wire.PropertyBinary, Bin: bytes.Repeat([]byte{7}, 70000)},
	}
	for typ, limits := range map[wire.PropertyType][2]int64{
		wire.PropertyChar: {math.MaxInt8, math.MaxUint8}, wire.PropertyShort: {math.MinInt16, math.MaxInt16},
		wire.PropertyInt32: {math.MinInt32, math.MaxInt32}, wire.PropertyInt64: {math.MinInt64, math.MaxInt64},
	} {
		for _, n := range append(limits[:], 0, 1) {
			props = append(props, wire.Property{Name: fmt.Sprintf("t%d/%d", typ, n), Type: typ, Num: n})
		}
	}
	wire.SortProperties(props)
	return props
}

func TestPropertiesOfAllTypesAreReadAsTheyWereWritten(t *testing.T) {
	props := allTypes()
	for _, oldStyle := range []bool{false, true} {
		data := append(wire.AppendProperties([]byte("before"), props, oldStyle), "payload"...)
		p, payload, err := wire.ParseProperties(data[len("before"):], oldStyle)
		require.NoError(t, err)
		require.Equal(t, "payload", string(payload))
		require.Equal(t, len(props), p.Len())
		require.Equal(t, props, propertyList(&p))
		require.Equal(t, wire.AppendProperties(nil, props, true), p.AppendOldStyle(nil))
		for r := range p.All {
			require.Equal(t, len(r.Name), cap(r.Name), "a name can be appended to")
			require.Equal(t, len(r.Value), cap(r.Value), "a value can be appended to")
			break
		}
	}
}

func TestPropertiesAreSortedByTheBytesOfTheirNames(t *testing.T) {
	props := []wire.Property{{Name: "b"}, {Name: "ä"}, {Name: "a.b"}, {Name: "B"}, {Name: "a"}, {Name: "ab"}}
	wire.SortProperties(props)
	var names []string
	for _, p := range props {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"B", "a", "a.b", "ab", "b", "ä"}, names)
}

func TestMostPropertiesFit(t *testing.T) {
	props := make([]wire.Property, wire.MaxProperties)
	for i := range props {
		props[i] = wire.Property{Name: fmt.Sprintf("n%03d", i), Type: wire.PropertyString, Str: "value"}
	}
	for _, oldStyle := range []bool{false, true} {
		data := wire.AppendProperties(nil, props, oldStyle)
		p, _, err := wire.ParseProperties(data, oldStyle)
		require.NoError(t, err)
		require.Equal(t, props, propertyList(&p))
		// The last name in place of another one.
		for _, name := range []string{"n000", "n011", "n012", "n253"} {
			twice := bytes.Replace(data, []byte(name), []byte("n254"), 1)
			_, _, err = wire.ParseProperties(twice, oldStyle)
			require.ErrorContains(t, err, `"n254" is there twice`)
		}
	}
}

func TestLargestValueFits(t *testing.T) {
	props := []wire.Property{{Name: "n", Type: wire.PropertyBinary, Bin: make([]byte, wire.MaxPropertyValue)}}
	require.LessOrEqual(t, wire.PropertiesSize(props), wire.MaxPropertiesArea)
	p, _, err := wire.ParseProperties(wire.AppendProperties(nil, props, false), false)
	require.NoError(t, err)
	for r := range p.All {
		require.Len(t, r.Value, wire.MaxPropertyValue)
	}
}

func TestPropertiesOfOtherSizesAreReadAsFarAsKnown(t *testing.T) {
	// Header of 8 bytes, property headers of 8, reserved bits set, a type that nobody knows.
	data := wiretest.Hex(t, "e4000009 ff02 eeee  9800 0000 f001 eeee  fc00 0002 f002 eeee  6178 6262 00ff ff01 04040404 70")
	p, payload, err := wire.ParseProperties(data, false)
	require.NoError(t, err)
	require.Equal(t, "p", string(payload))
	require.Equal(t, []wire.Property{
		{Name: "a", Type: wire.PropertyString, Str: "x"},
		{Name: "bb", Type: 31, Bin: []byte{0, 0xff, 0xff, 1}},
	}, propertyList(&p))
	require.Equal(t, wiretest.Hex(t, "1b000007 0002 1800 0001 0001 7c00 0004 0002 6178 6262 00ff ff01 0202"), p.AppendOldStyle(nil))
	for r := range p.All {
		if r.Type == 31 {
			require.Panics(t, func() { r.Int() }, "a number is made of what is none")
		}
	}
}

func TestHostilePropertiesAreRefused(t *testing.T) {
	const two = "1800 0000 0001 1400 0002 0001 6178 620000000000000002 030303"
	for name, c := range map[string]struct {
		data     string
		oldStyle bool
		whole    bool // the area can't even be skipped
	}{
		"nothing":                         {data: "", whole: true},
		"half a header":                   {data: "1b00000800", whole: true},
		"area larger than the data":       {data: "1b000009 0002" + two, whole: true},
		"area of 64 MiB":                  {data: "1bffffff 0002" + two, whole: true},
		"area of no word":                 {data: "1b000000 0002" + two, whole: true},
		"area smaller than its header":    {data: "1b000001 0002" + two, whole: true},
		"header of 4 bytes":               {data: "1a000008 0002" + two, whole: true},
		"property headers of 4 bytes":     {data: "13000008 0002" + two},
		"property headers of 0 bytes":     {data: "03000008 0002" + two},
		"no property":                     {data: "1b000008 0000" + two},
		"more headers than the area":      {data: "1b000008 00ff" + two},
		"no padding":                      {data: "1b000008 0002 1800 0000 0001 1400 0002 0001 6178 620000000000000002 030300"},
		"first offset not 0":              {data: "1b000008 0002 1800 0001 0001 1400 0002 0001 6178 620000000000000002 030303"},
		"offset not increasing":           {data: "1b000008 0002 1800 0000 0001 1400 0000 0001 6178 620000000000000002 030303"},
		"offset within the name":          {data: "1b000008 0002 1800 0000 0003 1400 0002 0001 6178 620000000000000002 030303"},
		"offset behind the data":          {data: "1b000008 0002 1800 0000 0001 1400 0020 0001 6178 620000000000000002 030303"},
		"largest offset":                  {data: "1b000008 0002 1800 0000 0001 17ff ffff 0001 6178 620000000000000002 030303"},
		"name behind the data":            {data: "1b000008 0002 1800 0000 0001 1800 0002 0fff 6178 620000000000000002 030303"},
		"no name":                         {data: "1b000008 0002 1800 0000 0000 1400 0002 0001 6178 620000000000000002 030303"},
		"no name, old style":              {data: "1b000008 0002 1800 0002 0000 1400 0008 0001 6178 620000000000000002 030303", oldStyle: true},
		"INT64 of 7 bytes":                {data: "1b000008 0002 1800 0000 0001 1400 0002 0001 6178 6200000000000002 04040404"},
		"INT64 of 9 bytes":                {data: "1b000008 0002 1800 0000 0001 1400 0002 0001 6178 62000000000000000002 0202"},
		"INT64 of no byte":                {data: "1b000008 0002 1400 0000 0001 1800 0001 0001 6178 620000000000000002 030303"},
		"BOOL of 8 bytes":                 {data: "1b000008 0002 1800 0000 0001 0400 0002 0001 6178 620000000000000002 030303"},
		"CHAR of 8 bytes":                 {data: "1b000008 0002 1800 0000 0001 0800 0002 0001 6178 620000000000000002 030303"},
		"SHORT of 8 bytes":                {data: "1b000008 0002 1800 0000 0001 0c00 0002 0001 6178 620000000000000002 030303"},
		"INT32 of 8 bytes":                {data: "1b000008 0002 1800 0000 0001 1000 0002 0001 6178 620000000000000002 030303"},
		"one name twice":                  {data: "1b000008 0002 1800 0000 0001 1400 0002 0001 6178 610000000000000002 030303"},
		"one name twice, old style":       {data: "1b000008 0002 1800 0001 0001 1400 0008 0001 6178 610000000000000002 030303", oldStyle: true},
		"values shorter than the data":    {data: "1b000008 0002 1800 0001 0001 1800 0007 0001 6178 620000000000000002 030303", oldStyle: true},
		"values longer than the data":     {data: "1b000008 0002 1800 0001 0001 1800 0009 0001 6178 620000000000000002 030303", oldStyle: true},
		"largest length":                  {data: "1b000008 0002 1800 0001 0001 1bff ffff 0001 6178 620000000000000002 030303", oldStyle: true},
		"new style taken for the old one": {data: "1b000008 0002" + two, oldStyle: true},
	} {
		t.Run(name, func(t *testing.T) {
			data := append(wiretest.Hex(t, c.data), "payload"...)
			if c.whole {
				data = data[:len(data)-len("payload")]
			}
			p, payload, err := wire.ParseProperties(data, c.oldStyle)
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.Equal(t, wire.Properties{}, p)
			if c.whole {
				require.Nil(t, payload)
				return
			}
			require.Equal(t, "payload", string(payload), "the payload is lost")
		})
	}
	// What the cases vary is in order.
	_, _, err := wire.ParseProperties(wiretest.Hex(t, "1b000008 0002"+two), false)
	require.NoError(t, err)
}
