package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// PropertyType is the type of a message property.
type PropertyType uint8

// The property types, with upstream's numbers.
const (
	PropertyBool   PropertyType = 1
	PropertyChar   PropertyType = 2
	PropertyShort  PropertyType = 3
	PropertyInt32  PropertyType = 4
	PropertyInt64  PropertyType = 5
	PropertyString PropertyType = 6
	PropertyBinary PropertyType = 7
)

// Known tells whether the type is one of those that there are: others may come from peers.
func (t PropertyType) Known() bool { return PropertyBool <= t && t <= PropertyBinary }

// fixedSize is the size in bytes of a value of the type, 0 where it may vary.
func (t PropertyType) fixedSize() int {
	switch t {
	case PropertyBool, PropertyChar:
		return 1
	case PropertyShort:
		return 2
	case PropertyInt32:
		return 4
	case PropertyInt64:
		return 8
	}
	return 0
}

// Limits of upstream's property builder, in bytes where not said otherwise.
const (
	MaxProperties        = 255 // properties of one message
	MaxPropertyName      = 4095
	MaxPropertyValue     = 67104745
	MaxPropertiesArea    = 64<<20 - 8
	propertiesHeaderSize = 6
	propertyHeaderSize   = 6
	propertiesHeaderByte = propertyHeaderSize/2<<3 | propertiesHeaderSize/2
)

// Property is one property to be encoded. The value stands in Num (BOOL, CHAR,
// SHORT, INT32, INT64), Str (STRING) or Bin (BINARY).
type Property struct {
	Name string
	Type PropertyType
	Num  int64
	Str  string
	Bin  []byte
}

func (p *Property) valueSize() int {
	switch p.Type {
	case PropertyString:
		return len(p.Str)
	case PropertyBinary:
		return len(p.Bin)
	}
	return p.Type.fixedSize()
}

func (p *Property) appendValue(dst []byte) []byte {
	switch p.Type {
	case PropertyString:
		return append(dst, p.Str...)
	case PropertyBinary:
		return append(dst, p.Bin...)
	case PropertyBool, PropertyChar:
		return append(dst, byte(p.Num))
	case PropertyShort:
		return binary.BigEndian.AppendUint16(dst, uint16(p.Num))
	case PropertyInt32:
		return binary.BigEndian.AppendUint32(dst, uint32(p.Num))
	default:
		return binary.BigEndian.AppendUint64(dst, uint64(p.Num))
	}
}

// SortProperties puts properties into the order of their names, in which upstream
// writes them.
func SortProperties(props []Property) {
	slices.SortFunc(props, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
}

// PropertiesSize is the size in bytes of the encoded area of props, padding
// included; 0 for none.
func PropertiesSize(props []Property) int {
	if len(props) == 0 {
		return 0
	}
	n := propertiesHeaderSize + len(props)*propertyHeaderSize
	for i := range props {
		n += len(props[i].Name) + props[i].valueSize()
	}
	return PaddedSize(n)
}

// AppendProperties appends the encoded area of props, in their order, and nothing
// for none. Old style, for peers without the feature MPS:MESSAGE_PROPERTIES_EX,
// differs in one field. The caller keeps the limits.
func AppendProperties(dst []byte, props []Property, oldStyle bool) []byte {
	if len(props) == 0 {
		return dst
	}
	start, size := len(dst), PropertiesSize(props)
	dst = appendPropertiesHeader(slices.Grow(dst, size), size, len(props))
	offset := 0
	for i := range props {
		p := &props[i]
		field := offset
		if oldStyle {
			field = p.valueSize()
		}
		dst = appendPropertyHeader(dst, p.Type, field, len(p.Name))
		offset += len(p.Name) + p.valueSize()
	}
	for i := range props {
		dst = append(dst, props[i].Name...)
		dst = props[i].appendValue(dst)
	}
	return AppendPadding(dst, len(dst)-start)
}

func appendPropertiesHeader(dst []byte, size, n int) []byte {
	words := size / wordSize
	return append(dst, propertiesHeaderByte, byte(words>>16), byte(words>>8), byte(words), 0, byte(n))
}

func appendPropertyHeader(dst []byte, t PropertyType, field, name int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(t)<<10|uint16(field>>16)&0x3ff)
	dst = binary.BigEndian.AppendUint16(dst, uint16(field))
	return binary.BigEndian.AppendUint16(dst, uint16(name))
}

// Properties is a checked view of an encoded area. The zero value holds none.
type Properties struct {
	heads    []byte // n property headers of stride bytes
	data     []byte // names and values, without padding
	n        int
	stride   int
	oldStyle bool
}

// RawProperty is one property as it stands in an area.
type RawProperty struct {
	Name  []byte
	Type  PropertyType
	Value []byte
}

// Len returns the number of properties.
func (p *Properties) Len() int { return p.n }

// Size returns how many bytes they take: headers, names and values.
func (p *Properties) Size() int { return len(p.heads) + len(p.data) }

// PropertiesAreaSize reads the size in bytes of the area at the start of
// application data, padding included.
func PropertiesAreaSize(data []byte) (int, error) {
	if len(data) < propertiesHeaderSize {
		return 0, malformed("%d bytes are no properties", len(data))
	}
	size := (int(data[1])<<16 | int(data[2])<<8 | int(data[3])) * wordSize
	header := int(data[0]&7) * 2
	if header < propertiesHeaderSize || size < header || size > len(data) {
		return 0, malformed("properties of %d bytes with a header of %d in %d bytes", size, header, len(data))
	}
	return size, nil
}

// ParseProperties checks the area at the start of application data and returns a
// view of it, and the payload behind it. If only the area is bad, the payload is
// returned with the error.
func ParseProperties(data []byte, oldStyle bool) (Properties, []byte, error) {
	size, err := PropertiesAreaSize(data)
	if err != nil {
		return Properties{}, nil, err
	}
	area, payload := data[:size], data[size:]
	header, stride, n := int(area[0]&7)*2, int(area[0]>>3&7)*2, int(area[5])
	body, ok := Unpad(area)
	heads := header + n*stride
	if !ok || n == 0 || stride < propertyHeaderSize || heads > len(body) {
		return Properties{}, payload, malformed("%d properties with headers of %d bytes in %d", n, stride, size)
	}
	p := Properties{heads: body[header:heads], data: body[heads:], n: n, stride: stride, oldStyle: oldStyle}
	if err := p.check(); err != nil {
		return Properties{}, payload, err
	}
	return p, payload, nil
}

// check walks over all properties once, so that All need not.
func (p *Properties) check() error {
	var names nameSet
	end := 0
	for i := range p.n {
		typ, field, nameLen := p.head(i)
		start, valueLen := end, field
		if !p.oldStyle {
			start, valueLen = field, p.offset(i+1)-field-nameLen
		}
		if start != end || nameLen == 0 || valueLen < 0 || start+nameLen+valueLen > len(p.data) {
			return malformed("property %d of %d does not fit", i+1, p.n)
		}
		end = start + nameLen + valueLen
		if size := typ.fixedSize(); size != 0 && size != valueLen {
			return malformed("property %d of %d has type %d and %d bytes", i+1, p.n, typ, valueLen)
		}
		if name := p.data[start : start+nameLen]; !names.add(name) {
			return malformed("property %q is there twice", name)
		}
	}
	if end != len(p.data) {
		return malformed("%d bytes behind the properties", len(p.data)-end)
	}
	return nil
}

// nameSet finds a name that comes twice. The usual few names are compared with each
// other, which costs no memory.
type nameSet struct {
	few  [12][]byte
	n    int
	many map[string]struct{}
}

// add answers false if name was added before.
func (s *nameSet) add(name []byte) bool {
	for _, other := range s.few[:s.n] {
		if string(other) == string(name) {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if _, twice := s.many[string(name)]; twice {
		return false
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	s.many[string(name)] = struct{}{}
	return true
}

func (p *Properties) head(i int) (t PropertyType, field, nameLen int) {
	h := p.heads[i*p.stride:]
	return PropertyType(h[0] >> 2 & 0x1f), int(be16(h)&0x3ff)<<16 | int(be16(h[2:])), int(be16(h[4:]) & 0xfff)
}

// offset is where property i starts in a new style area.
func (p *Properties) offset(i int) int {
	if i == p.n {
		return len(p.data)
	}
	_, field, _ := p.head(i)
	return field
}

// All calls yield for each property in order, until it answers false.
func (p *Properties) All(yield func(RawProperty) bool) {
	start := 0
	for i := range p.n {
		typ, field, nameLen := p.head(i)
		end := start + nameLen + field
		if !p.oldStyle {
			end = p.offset(i + 1)
		}
		value := start + nameLen
		if !yield(RawProperty{Name: p.data[start:value:value], Type: typ, Value: p.data[value:end:end]}) {
			return
		}
		start = end
	}
}

// Int returns the value of a BOOL, CHAR, SHORT, INT32 or INT64 property.
func (r *RawProperty) Int() int64 {
	switch r.Type {
	case PropertyBool:
		if r.Value[0] == 1 {
			return 1
		}
		return 0
	case PropertyChar:
		return int64(r.Value[0])
	case PropertyShort:
		return int64(int16(be16(r.Value)))
	case PropertyInt32:
		return int64(int32(be32(r.Value)))
	case PropertyInt64:
		return int64(binary.BigEndian.Uint64(r.Value))
	}
	panic(fmt.Sprintf("wire: property of type %d has no number", r.Type))
}

// AppendOldStyle appends the area again in old style.
func (p *Properties) AppendOldStyle(dst []byte) []byte {
	if p.n == 0 {
		return dst
	}
	start := len(dst)
	size := PaddedSize(propertiesHeaderSize + p.n*propertyHeaderSize + len(p.data))
	dst = appendPropertiesHeader(slices.Grow(dst, size), size, p.n)
	for r := range p.All {
		dst = appendPropertyHeader(dst, r.Type, len(r.Value), len(r.Name))
	}
	dst = append(dst, p.data...)
	return AppendPadding(dst, len(dst)-start)
}
