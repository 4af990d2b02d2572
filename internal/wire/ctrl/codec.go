package ctrl

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/bmq-go/bmq/internal/wire"
)

// Message is one of the three kinds of control message: *ControlMessage,
// *NegotiationMessage or *AuthenticationMessage.
type Message interface{ message() }

func (*ControlMessage) message()        {}
func (*NegotiationMessage) message()    {}
func (*AuthenticationMessage) message() {}

// AppendEvent appends a whole event: header, m and padding. The event type follows
// from the kind of m.
func AppendEvent(dst []byte, e wire.Encoding, m Message) []byte {
	typ := wire.EventControl
	if _, ok := m.(*AuthenticationMessage); ok {
		typ = wire.EventAuthentication
	}
	start := len(dst)
	dst = wire.AppendEventHeader(dst, typ, e)
	v := reflect.ValueOf(m).Elem()
	if e == wire.EncodingJSON {
		dst = appendJSON(dst, v)
	} else {
		dst = appendBER(dst, v)
	}
	dst = wire.AppendPadding(dst, len(dst)-start)
	wire.FinishEvent(dst, start)
	return dst
}

// Decode reads the body of a CONTROL or AUTHENTICATION event into m. What m held
// before is gone, also after an error; errors are wire.ErrMalformed.
func Decode(body []byte, e wire.Encoding, m Message) error {
	v := reflect.ValueOf(m).Elem()
	v.SetZero()
	var err error
	switch e {
	case wire.EncodingBER:
		err = decodeBER(body, v)
	case wire.EncodingJSON:
		err = decodeJSON(body, v)
	default:
		err = fmt.Errorf("unknown encoding %d", e)
	}
	if err != nil {
		return fmt.Errorf("%w: control message: %w", wire.ErrMalformed, err)
	}
	return nil
}

// maxElements is how many elements all arrays of one message may have together:
// many small ones in little data would take much memory.
const maxElements = 1 << 16

var errTooManyElements = fmt.Errorf("more than %d array elements", maxElements)

// kind is how a value is written.
type kind uint8

const (
	kindSequence kind = iota
	kindChoice        // exactly one member
	kindArray
	kindString
	kindBytes
	kindBool
	kindInt
	kindUint
	kindEnum
)

// field is one attribute of a sequence, or one selection of a choice.
type field struct {
	index     int
	id        int
	name      string // in JSON; empty for the anonymous choice
	optional  bool   // a pointer: nil where absent
	anonymous bool
}

// schema is what the tags of a struct type say.
type schema struct {
	kind   kind
	fields []field
	choice *field // the anonymous choice among fields, if there is one
}

type choice interface{ isChoice() }

type defaulter interface{ setDefaults() }

var (
	choiceType = reflect.TypeFor[choice]()
	enumType   = reflect.TypeFor[enum]()
	schemas    sync.Map // reflect.Type → *schema
)

func kindOf(t reflect.Type) kind {
	switch {
	case t.Implements(enumType):
		return kindEnum
	case t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(choiceType):
		return kindChoice
	}
	switch t.Kind() {
	case reflect.Struct:
		return kindSequence
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return kindBytes
		}
		return kindArray
	case reflect.String:
		return kindString
	case reflect.Bool:
		return kindBool
	case reflect.Int32, reflect.Int64:
		return kindInt
	case reflect.Uint32, reflect.Uint64:
		return kindUint
	}
	panic("ctrl: no encoding for " + t.String())
}

func schemaOf(t reflect.Type) *schema {
	if s, ok := schemas.Load(t); ok {
		return s.(*schema)
	}
	s := &schema{kind: kindOf(t)}
	for i := range t.NumField() {
		parts := strings.Split(t.Field(i).Tag.Get("bmq"), ",")
		id, err := strconv.Atoi(parts[0])
		if err != nil {
			panic(fmt.Sprintf("ctrl: tag of %s.%s: %v", t, t.Field(i).Name, err))
		}
		s.fields = append(s.fields, field{
			index: i, id: id, name: parts[1],
			optional:  t.Field(i).Type.Kind() == reflect.Pointer,
			anonymous: len(parts) > 2 && parts[2] == "choice",
		})
	}
	for i := range s.fields {
		if s.fields[i].anonymous {
			s.choice = &s.fields[i]
		}
	}
	got, _ := schemas.LoadOrStore(t, s)
	return got.(*schema)
}

func (s *schema) byID(id int) *field {
	for i := range s.fields {
		if s.fields[i].id == id {
			return &s.fields[i]
		}
	}
	return nil
}

func (s *schema) byName(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name && name != "" {
			return &s.fields[i]
		}
	}
	return nil
}

// selection returns the member of a choice that is set, nil if there is none.
func (s *schema) selection(v reflect.Value) *field {
	for i := range s.fields {
		if !v.Field(s.fields[i].index).IsNil() {
			return &s.fields[i]
		}
	}
	return nil
}

// applyDefaults sets the defaults of a sequence and of those inside it.
func applyDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(defaulter); ok {
		d.setDefaults()
	}
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct {
			applyDefaults(f)
		}
	}
}

// target returns the value that a field is decoded into, made new where the field
// is optional.
func (f *field) target(v reflect.Value) reflect.Value {
	fv := v.Field(f.index)
	if !f.optional {
		return fv
	}
	fv.Set(reflect.New(fv.Type().Elem()))
	if e := fv.Elem(); e.Kind() == reflect.Struct {
		applyDefaults(e)
	}
	return fv.Elem()
}

func setEnum(v reflect.Value, n int64) error {
	if _, ok := v.Interface().(enum).names()[int32(n)]; !ok || int64(int32(n)) != n {
		return fmt.Errorf("%d is no %s", n, v.Type().Name())
	}
	v.SetInt(n)
	return nil
}
