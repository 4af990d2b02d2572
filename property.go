package bmq

import "fmt"

// PropertyType is the type of a message property on the wire, with upstream's
// numbers.
type PropertyType int

// The property types, and the Go types by which their values come and go.
const (
	PropertyBool   PropertyType = 1 // bool
	PropertyChar   PropertyType = 2 // byte; also a []byte of length 1 when posting
	PropertyShort  PropertyType = 3 // int16; any integer in range when posting
	PropertyInt32  PropertyType = 4 // int32; any integer in range when posting
	PropertyInt64  PropertyType = 5 // int64; any integer in range when posting
	PropertyString PropertyType = 6 // string, valid UTF-8
	PropertyBinary PropertyType = 7 // []byte
)

// String returns upstream's name of the type.
func (t PropertyType) String() string {
	names := [...]string{"UNDEFINED", "BOOL", "CHAR", "SHORT", "INT32", "INT64", "STRING", "BINARY"}
	if t >= 0 && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("PropertyType(%d)", int(t))
}

// PropertyTypeDict gives the types of properties by name.
type PropertyTypeDict map[string]PropertyType

// PropertyValueDict has the properties of a message by name.
//
// When posting, the type of a property follows from its value: bool is BOOL, any
// integer INT64, string STRING and []byte BINARY; WithPropertyTypeOverrides can
// say otherwise. There are at most 255 properties; a name has 1 to 4095 bytes and
// starts with a letter or a digit.
//
// In a received message a value has the Go type that PropertyType lists.
type PropertyValueDict map[string]any

// Bool returns the value of a BOOL property, and whether there is one.
func (d PropertyValueDict) Bool(name string) (value, ok bool) {
	value, ok = d[name].(bool)
	return value, ok
}

// Int64 returns the value of a property of any integer type, CHAR included, and
// whether there is one.
func (d PropertyValueDict) Int64(name string) (int64, bool) {
	n, ok := integerValue(d[name])
	return n, ok
}

// Str returns the value of a STRING property, and whether there is one.
func (d PropertyValueDict) Str(name string) (string, bool) {
	s, ok := d[name].(string)
	return s, ok
}

// Bytes returns the value of a BINARY property, and whether there is one.
func (d PropertyValueDict) Bytes(name string) ([]byte, bool) {
	b, ok := d[name].([]byte)
	return b, ok
}
