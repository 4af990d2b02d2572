package bmq

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bmq-go/bmq/internal/wire"
)

// receivedProperties are the properties of a received message. They are decoded
// when somebody asks for them.
type receivedProperties struct {
	area   wire.Properties
	once   sync.Once
	values PropertyValueDict
	types  PropertyTypeDict
}

func (r *receivedProperties) decode() {
	r.once.Do(func() {
		r.values = make(PropertyValueDict, r.area.Len())
		r.types = make(PropertyTypeDict, r.area.Len())
		for p := range r.area.All {
			if value, ok := propertyValue(&p); ok {
				r.values[string(p.Name)] = value
				r.types[string(p.Name)] = PropertyType(p.Type)
			}
		}
	})
}

// find returns a property as it came.
func (r *receivedProperties) find(name string) (found wire.RawProperty, ok bool) {
	for p := range r.area.All {
		if string(p.Name) == name {
			return p, true
		}
	}
	return found, false
}

// check returns one line for each property that has to be left out.
func (r *receivedProperties) check() string {
	var text strings.Builder
	for p := range r.area.All {
		switch {
		case p.Type == wire.PropertyString && !utf8.Valid(p.Value):
			fmt.Fprintf(&text, "STRING property '%s' has non-UTF-8 data\n", p.Name)
		case !p.Type.Known():
			fmt.Fprintf(&text, "'%s' property type is unrecognized, type %d received.\n", p.Name, p.Type)
		}
	}
	return text.String()
}

// propertyValue decodes one property; it answers false if that can't be done.
func propertyValue(p *wire.RawProperty) (any, bool) {
	switch p.Type {
	case wire.PropertyBool:
		return p.Int() == 1, true
	case wire.PropertyChar:
		return byte(p.Int()), true
	case wire.PropertyShort:
		return int16(p.Int()), true
	case wire.PropertyInt32:
		return int32(p.Int()), true
	case wire.PropertyInt64:
		return p.Int(), true
	case wire.PropertyString:
		return string(p.Value), utf8.Valid(p.Value)
	case wire.PropertyBinary:
		return append([]byte{}, p.Value...), true
	}
	return nil, false
}
