package bmq

import (
	"math"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bmq-go/bmq/internal/wire"
)

// propertyLists are scratch lists for posts with properties.
var propertyLists = sync.Pool{New: func() any { return new([]wire.Property) }}

// encodeProperties checks properties and appends them to list in the order of their
// names.
func encodeProperties(list []wire.Property, values PropertyValueDict, types PropertyTypeDict) ([]wire.Property, error) {
	for name, t := range types {
		if _, ok := values[name]; !ok {
			return list, failure(opPost, "", ErrUnknownOverride, "Received override for non-existent property '%s'", name)
		}
		if t < PropertyBool || t > PropertyBinary {
			return list, typeError("type override %d of property '%s' is no PropertyType", int(t), name)
		}
	}
	if len(values) > wire.MaxProperties {
		return list, valueError("a message has at most %d properties, not %d", wire.MaxProperties, len(values))
	}
	for name, value := range values {
		if err := checkPropertyName(name); err != nil {
			return list, err
		}
		p, err := encodeProperty(name, value, types[name])
		if err != nil {
			return list, err
		}
		if n := len(p.Str) + len(p.Bin); n > wire.MaxPropertyValue {
			return list, valueError("Failed to set key '%s': its value has %d bytes, at most %d are allowed", name, n, wire.MaxPropertyValue)
		}
		list = append(list, p)
	}
	wire.SortProperties(list)
	if n := wire.PropertiesSize(list); n > wire.MaxPropertiesArea {
		return list, valueError("the properties of a message have at most %d bytes together, not %d", wire.MaxPropertiesArea, n)
	}
	return list, nil
}

func checkPropertyName(name string) error {
	switch {
	case name == "":
		return valueError("the name of a property is empty")
	case len(name) > wire.MaxPropertyName:
		return valueError("the name of a property has at most %d bytes, not %d: '%.32s...'", wire.MaxPropertyName, len(name), name)
	case !alphanumeric(name[0]):
		return valueError("the name of a property starts with a letter or a digit, not as '%s'", name)
	case strings.IndexByte(name, 0) >= 0:
		return valueError("the name of property %q contains a NUL byte", name)
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// encodeProperty makes the wire form of one property. t is its type override, 0
// for none.
func encodeProperty(name string, value any, t PropertyType) (wire.Property, error) {
	p := wire.Property{Name: name}
	if n, ok := value.(int); ok {
		p.Type, p.Num = wire.PropertyInt64, int64(n) // not by plainValue, whose result takes memory
	} else if err := inferProperty(&p, value); err != nil {
		return p, err
	}
	if t != 0 && wire.PropertyType(t) != p.Type {
		if err := convertProperty(&p, value, wire.PropertyType(t)); err != nil {
			return p, err
		}
	}
	if p.Type == wire.PropertyString && !utf8.ValidString(p.Str) {
		return p, valueError("the value of STRING property '%s' is not valid UTF-8; post it as BINARY", name)
	}
	return p, nil
}

// inferProperty gives p the value, and the type that it has where nothing else is said.
func inferProperty(p *wire.Property, value any) error {
	switch v := plainValue(value).(type) {
	case bool:
		p.Type, p.Num = wire.PropertyBool, btoi(v)
	case int64:
		p.Type, p.Num = wire.PropertyInt64, v
	case uint64:
		return rangeError(p.Name, wire.PropertyInt64)
	case string:
		p.Type, p.Str = wire.PropertyString, v
	case []byte:
		p.Type, p.Bin = wire.PropertyBinary, v
	default:
		return failure(opPost, "", ErrUnsupportedPropertyType,
			"Property values of type '%T' are not supported; '%s' must be a bool, an integer, a string or a []byte", value, p.Name)
	}
	return nil
}

// plainValue brings the types that are allowed down to bool, int64, string and
// []byte, named types included. A uint64 comes back only if it is too large.
func plainValue(value any) any {
	switch v := value.(type) {
	case bool, string, []byte, int64:
		return v
	case int:
		return int64(v)
	case nil:
		return nil
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if u := v.Uint(); u > math.MaxInt64 {
			return u
		}
		return int64(v.Uint())
	case reflect.String:
		return v.String()
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes()
		}
	}
	return nil
}

func integerValue(value any) (int64, bool) {
	if _, isBool := value.(bool); isBool {
		return 0, false
	}
	n, ok := plainValue(value).(int64)
	return n, ok
}

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// convertProperty gives p, whose type was inferred from value, the type t.
func convertProperty(p *wire.Property, value any, t wire.PropertyType) error {
	wrong := func(expected string) error {
		return typeError("'%s' value is of the incorrect type, '%T' provided, '%s' expected.", p.Name, value, expected)
	}
	inferred := p.Type
	p.Type = t
	switch t {
	case wire.PropertyBool:
		return wrong("bool")
	case wire.PropertyChar:
		if reflect.ValueOf(value).Kind() == reflect.Uint8 {
			return nil // a byte, inferred as an integer
		}
		if inferred != wire.PropertyBinary {
			return wrong("byte")
		}
		if len(p.Bin) != 1 {
			return typeError("'%s' value does not have exactly 1 byte, %d bytes provided.", p.Name, len(p.Bin))
		}
		p.Num, p.Bin = int64(p.Bin[0]), nil
	case wire.PropertyShort, wire.PropertyInt32, wire.PropertyInt64:
		if inferred != wire.PropertyInt64 && inferred != wire.PropertyBool {
			return wrong("int")
		}
		if low, high := integerRange(t); p.Num < low || p.Num > high {
			return rangeError(p.Name, t)
		}
	case wire.PropertyString:
		if inferred != wire.PropertyBinary {
			return wrong("string")
		}
		p.Str, p.Bin = string(p.Bin), nil
	case wire.PropertyBinary:
		return wrong("[]byte")
	}
	return nil
}

func integerRange(t wire.PropertyType) (low, high int64) {
	switch t {
	case wire.PropertyShort:
		return math.MinInt16, math.MaxInt16
	case wire.PropertyInt32:
		return math.MinInt32, math.MaxInt32
	}
	return math.MinInt64, math.MaxInt64
}

func rangeError(name string, t wire.PropertyType) error {
	low, high := integerRange(t)
	return valueError("Property '%s' value must be between [%d, %d], inclusive", name, low, high)
}

// freePropertyList gives a scratch list back without what it referred to.
func freePropertyList(list *[]wire.Property) {
	clear((*list)[:cap(*list)])
	*list = (*list)[:0]
	propertyLists.Put(list)
}
