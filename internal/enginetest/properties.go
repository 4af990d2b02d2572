package enginetest

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var properties = chapter("properties",
	Behaviour{Name: "types-follow-from-values", Ref: "4/39", Run: propertyDefaults},
	Behaviour{Name: "types-can-be-overridden", Ref: "4/40 4/44", Run: propertyOverrides},
	Behaviour{Name: "an-override-needs-its-property", Ref: "4/41 1.14/property", Run: overrideMissing},
	Behaviour{Name: "values-of-other-types-are-refused", Ref: "4/42 1.14/property", Run: unsupportedValues},
	Behaviour{Name: "a-value-that-fits-no-override-is-refused", Ref: "4/43 4/44 1.14/type", Run: wrongOverrides},
	Behaviour{Name: "a-char-is-one-byte", Ref: "4/45", Run: charLength},
	Behaviour{Name: "integers-are-checked-against-their-type", Ref: "4/46", Run: integerRanges},
	Behaviour{Name: "all-types-arrive", Ref: "4/47", Run: allTypes},
	Behaviour{Name: "text-that-is-not-utf-8-is-left-out", Ref: "4/48", Run: badText},
	Behaviour{Name: "properties-that-can-not-be-read-spare-their-neighbours", Run: unreadableProperties},
	Behaviour{Name: "limits-are-checked", Ref: "4/43 1.14/value", Run: propertyLimits},
	Behaviour{Name: "none-is-none", Run: noProperties},
	Behaviour{Name: "many-travel", Run: manyProperties},
)

// propertyPair is a session that posts to itself.
func (e *Env) propertyPair() (c *client, uri string) {
	e.t.Helper()
	uri = e.queue(memoryPriority)
	c = e.client()
	c.open(uri, bmq.WithRead(), bmq.WithWrite())
	return c, uri
}

// roundTrip posts a message with properties and returns it as it is received.
func (c *client) roundTrip(uri string, opts ...bmq.PostOption) *received {
	c.e.t.Helper()
	n := len(c.messages())
	_, err := c.PostAndWait(c.e.soon(), uri, []byte("x"), opts...)
	c.e.NoError(err)
	return c.awaitMessages(n + 1)[n]
}

type (
	namedInt   int16
	namedText  string
	namedBytes []byte
)

func propertyDefaults(e *Env) {
	c, uri := e.propertyPair()
	m := c.roundTrip(uri, bmq.WithProperties(bmq.PropertyValueDict{
		"bool": true, "int": -1, "uint8": uint8(2), "uint64": uint64(3), "named": namedInt(4),
		"text": "schön", "named text": namedText("t"), "bytes": []byte{0, 1}, "named bytes": namedBytes{2},
	}))
	e.Equal(bmq.PropertyTypeDict{
		"bool": bmq.PropertyBool, "int": bmq.PropertyInt64, "uint8": bmq.PropertyInt64, "uint64": bmq.PropertyInt64,
		"named": bmq.PropertyInt64, "text": bmq.PropertyString, "named text": bmq.PropertyString,
		"bytes": bmq.PropertyBinary, "named bytes": bmq.PropertyBinary,
	}, m.PropertyTypes())
	e.Equal(bmq.PropertyValueDict{
		"bool": true, "int": int64(-1), "uint8": int64(2), "uint64": int64(3), "named": int64(4),
		"text": "schön", "named text": "t", "bytes": []byte{0, 1}, "named bytes": []byte{2},
	}, m.Properties())
}

func propertyOverrides(e *Env) {
	c, uri := e.propertyPair()
	m := c.roundTrip(uri,
		bmq.WithProperties(bmq.PropertyValueDict{"char": []byte("c"), "byte": byte('b'), "short": 1, "int": 2, "long": true, "text": []byte("t"), "as it is": "s"}),
		bmq.WithPropertyTypeOverrides(bmq.PropertyTypeDict{
			"char": bmq.PropertyChar, "byte": bmq.PropertyChar, "short": bmq.PropertyShort, "int": bmq.PropertyInt32,
			"long": bmq.PropertyInt64, "text": bmq.PropertyString, "as it is": bmq.PropertyString,
		}))
	e.Equal(bmq.PropertyValueDict{
		"char": byte('c'), "byte": byte('b'), "short": int16(1), "int": int32(2), "long": int64(1), "text": "t", "as it is": "s",
	}, m.Properties())
}

// refusesProperties checks that a post is refused for its properties.
func (c *client) refusesProperties(uri string, p bmq.PropertyValueDict, o bmq.PropertyTypeDict, cause error, text string) {
	c.e.t.Helper()
	err := c.Post(c.e.soon(), uri, []byte("x"), bmq.WithProperties(p), bmq.WithPropertyTypeOverrides(o))
	c.e.ErrorIs(err, cause)
	c.e.ErrorContains(err, text)
}

func overrideMissing(e *Env) {
	c, uri := e.propertyPair()
	o := bmq.PropertyTypeDict{"q": bmq.PropertyBool}
	for _, p := range []bmq.PropertyValueDict{nil, {}, {"p": true}} {
		c.refusesProperties(uri, p, o, bmq.ErrUnknownOverride, "Received override for non-existent property 'q'")
	}
}

func unsupportedValues(e *Env) {
	c, uri := e.propertyPair()
	for name, v := range map[string]any{"float64": 1.5, "<nil>": nil, "[]string": []string{"x"}, "struct {}": struct{}{}} {
		c.refusesProperties(uri, bmq.PropertyValueDict{"p": v}, nil, bmq.ErrUnsupportedPropertyType,
			"Property values of type '"+name+"' are not supported")
	}
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": uint64(math.MaxUint64)}, nil, bmq.ErrValue, "must be between")
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": "\xff"}, nil, bmq.ErrValue, "UTF-8")
}

func wrongOverrides(e *Env) {
	c, uri := e.propertyPair()
	fits := map[bmq.PropertyType][]any{
		bmq.PropertyBool:   {true},
		bmq.PropertyChar:   {[]byte("c"), byte('c')},
		bmq.PropertyShort:  {1, true},
		bmq.PropertyInt32:  {1, true},
		bmq.PropertyInt64:  {1, true},
		bmq.PropertyString: {"s", []byte("s")},
		bmq.PropertyBinary: {[]byte("b")},
	}
	candidates := []any{true, 1, "s", []byte("s")}
	for typ, good := range fits {
		for _, v := range candidates {
			o := bmq.PropertyTypeDict{"p": typ}
			ok := false
			for _, g := range good {
				ok = ok || fmt.Sprintf("%T", g) == fmt.Sprintf("%T", v)
			}
			if ok {
				continue
			}
			c.refusesProperties(uri, bmq.PropertyValueDict{"p": v}, o, bmq.ErrType, fmt.Sprintf("'p' value is of the incorrect type, '%T' provided", v))
		}
		for _, v := range good {
			m := c.roundTrip(uri, bmq.WithProperties(bmq.PropertyValueDict{"p": v}), bmq.WithPropertyTypeOverrides(bmq.PropertyTypeDict{"p": typ}))
			e.Equal(typ, m.PropertyTypes()["p"])
		}
	}
	for _, typ := range []bmq.PropertyType{0, 8, -1} {
		c.refusesProperties(uri, bmq.PropertyValueDict{"p": 1}, bmq.PropertyTypeDict{"p": typ}, bmq.ErrType, "no PropertyType")
	}
}

func charLength(e *Env) {
	c, uri := e.propertyPair()
	o := bmq.PropertyTypeDict{"p": bmq.PropertyChar}
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": []byte{}}, o, bmq.ErrType, "does not have exactly 1 byte, 0 bytes provided")
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": []byte("ab")}, o, bmq.ErrType, "does not have exactly 1 byte, 2 bytes provided")
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": "c"}, o, bmq.ErrType, "incorrect type")
}

func integerRanges(e *Env) {
	c, uri := e.propertyPair()
	for typ, r := range map[bmq.PropertyType][2]int64{
		bmq.PropertyShort: {math.MinInt16, math.MaxInt16},
		bmq.PropertyInt32: {math.MinInt32, math.MaxInt32},
		bmq.PropertyInt64: {math.MinInt64, math.MaxInt64},
	} {
		o := bmq.PropertyTypeDict{"low": typ, "high": typ}
		m := c.roundTrip(uri, bmq.WithProperties(bmq.PropertyValueDict{"low": r[0], "high": r[1]}), bmq.WithPropertyTypeOverrides(o))
		low, ok := m.Properties().Int64("low")
		e.True(ok)
		e.Equal(r[0], low)
		high, _ := m.Properties().Int64("high")
		e.Equal(r[1], high)
		if typ == bmq.PropertyInt64 {
			continue // nothing is beyond
		}
		for _, v := range []int64{r[0] - 1, r[1] + 1} {
			c.refusesProperties(uri, bmq.PropertyValueDict{"p": v}, bmq.PropertyTypeDict{"p": typ}, bmq.ErrValue,
				fmt.Sprintf("value must be between [%d, %d], inclusive", r[0], r[1]))
		}
	}
}

func allTypes(e *Env) {
	c, uri := e.propertyPair()
	want := bmq.PropertyValueDict{
		"bool": true, "false": false, "char": byte(0xff), "short": int16(-2), "int32": int32(-3), "int64": int64(-4),
		"string": "s\x00t", "empty string": "", "binary": []byte{0, 255}, "empty binary": []byte{},
	}
	types := bmq.PropertyTypeDict{
		"bool": bmq.PropertyBool, "false": bmq.PropertyBool, "char": bmq.PropertyChar, "short": bmq.PropertyShort,
		"int32": bmq.PropertyInt32, "int64": bmq.PropertyInt64, "string": bmq.PropertyString,
		"empty string": bmq.PropertyString, "binary": bmq.PropertyBinary, "empty binary": bmq.PropertyBinary,
	}
	m := c.roundTrip(uri, bmq.WithProperties(want), bmq.WithPropertyTypeOverrides(types))
	e.Equal(want, m.Properties())
	e.Equal(types, m.PropertyTypes())
	raw, ok := m.RawProperty("short")
	e.True(ok)
	e.Equal([]byte{0xff, 0xfe}, raw)
	_, ok = m.RawProperty("no such")
	e.False(ok)
	e.Equal("x", m.payload())
}

// badText: the broker passes on what it got; the text is spoilt on the way.
func badText(e *Env) {
	c, uri := e.propertyPair()
	spoil := e.proxy.rewrite(down, wire.EventPush, func(frame []byte) []byte {
		return bytes.Replace(frame, []byte("spoil me"), []byte("\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc"), 1)
	})
	m := c.roundTrip(uri, bmq.WithProperties(bmq.PropertyValueDict{"bad": "spoil me", "good": "g"}))
	spoil.remove()
	e.Equal(bmq.PropertyValueDict{"good": "g"}, m.Properties())
	e.Equal(bmq.PropertyTypeDict{"good": bmq.PropertyString}, m.PropertyTypes())
	_, ok := m.Property("bad")
	e.False(ok)
	raw, ok := m.RawProperty("bad")
	e.True(ok)
	e.Equal("\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc", string(raw))
	entries := c.log.all()
	for i, entry := range entries {
		if entry.received != nil {
			e.Equal("<InterfaceError: STRING property 'bad' has non-UTF-8 data\n>", entries[i-1].event.String(), "ahead of its message")
		}
	}
}

// unreadableProperties: the header of the properties is spoilt on the way.
func unreadableProperties(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	w.deliver(uri, "before")
	_, err := w.PostAndWait(e.soon(), uri, []byte("payload"), bmq.WithProperties(bmq.PropertyValueDict{"name of it": "v"}))
	e.NoError(err)
	w.deliver(uri, "after")
	spoil := e.proxy.rewrite(down, wire.EventPush, func(frame []byte) []byte {
		// The property header before the name: type and lengths.
		if i := bytes.Index(frame, []byte("name of it")); i >= 0 {
			copy(frame[i-6:i], bytes.Repeat([]byte{0xff}, 6))
		}
		return frame
	})
	c := e.reader(uri)
	list := c.awaitMessages(3)
	spoil.remove()
	e.Equal("before", list[0].payload())
	e.Equal("after", list[2].payload())
	e.Empty(list[1].Properties())
	c.awaitEvent("InterfaceError", 1)
}

func propertyLimits(e *Env) {
	c, uri := e.propertyPair()
	long := strings.Repeat("n", wire.MaxPropertyName)
	e.Equal(bmq.PropertyValueDict{long: true}, c.roundTrip(uri, bmq.WithProperties(bmq.PropertyValueDict{long: true})).Properties())
	many := make(bmq.PropertyValueDict)
	for i := range wire.MaxProperties {
		many[fmt.Sprintf("p%d", i)] = int64(i)
	}
	e.Equal(many, c.roundTrip(uri, bmq.WithProperties(many)).Properties())

	many["one more"] = 1
	c.refusesProperties(uri, many, nil, bmq.ErrValue, "at most 255 properties")
	for _, name := range []string{"", "_x", "é", " x", long + "n", "a\x00b"} {
		c.refusesProperties(uri, bmq.PropertyValueDict{name: 1}, nil, bmq.ErrValue, "name of")
	}
	value := make([]byte, wire.MaxPropertyValue+1)
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": value}, nil, bmq.ErrValue, "Failed to set key 'p'")
	half := value[:len(value)/2+8192]
	c.refusesProperties(uri, bmq.PropertyValueDict{"p": half, "q": half}, nil, bmq.ErrValue, "together")
}

func noProperties(e *Env) {
	c, uri := e.propertyPair()
	for _, p := range []bmq.PropertyValueDict{nil, {}} {
		m := c.roundTrip(uri, bmq.WithProperties(p))
		e.NotNil(m.Properties())
		e.Empty(m.Properties())
	}
}

// manyProperties: messages with the same and with other names, one after the other.
func manyProperties(e *Env) {
	const n = 50
	c, uri := e.propertyPair()
	for i := range n {
		e.NoError(c.tryPost(e.soon(), uri, "x", bmq.WithProperties(bmq.PropertyValueDict{"i": i, fmt.Sprintf("name%d", i%3): "v"})))
	}
	for i, m := range c.awaitMessages(n) {
		e.Equal(bmq.PropertyValueDict{"i": int64(i), fmt.Sprintf("name%d", i%3): "v"}, m.Properties())
	}
}
