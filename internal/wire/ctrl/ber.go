package ctrl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

const (
	berUniversal   = 0x00
	berContext     = 0x80
	berConstructed = 0x20
	berSequence    = 16
	berIndefinite  = 0x80
	berClassMask   = 0xc0
	berNumberMask  = 0x1f
	berUnknown     = -1 // in place of a tag number above 30
	berMaxDepth    = 64 // of nested elements; the schema needs 9
)

// appendBER writes v as upstream does: constructed elements with indefinite
// length, all attributes in the order of the schema, defaults included.
func appendBER(dst []byte, v reflect.Value) []byte {
	return berValue(dst, v, berUniversal, berSequence)
}

func berValue(dst []byte, v reflect.Value, class byte, num int) []byte {
	tag := class | byte(num)
	k := kindOf(v.Type())
	switch k {
	case kindSequence, kindChoice, kindArray:
		dst = append(dst, tag|berConstructed, berIndefinite)
		dst = berContents(dst, v, k)
		return append(dst, 0, 0)
	case kindString:
		return append(berLength(append(dst, tag), v.Len()), v.String()...)
	case kindBytes:
		return append(berLength(append(dst, tag), v.Len()), v.Bytes()...)
	case kindBool:
		b := byte(0)
		if v.Bool() {
			b = 1
		}
		return append(dst, tag, 1, b)
	case kindUint:
		return berInteger(append(dst, tag), v.Uint(), false)
	default:
		return berInteger(append(dst, tag), uint64(v.Int()), v.Int() < 0)
	}
}

func berContents(dst []byte, v reflect.Value, k kind) []byte {
	switch k {
	case kindArray:
		for i := range v.Len() {
			dst = berValue(dst, v.Index(i), berUniversal, berSequence)
		}
	case kindChoice:
		dst = append(dst, berContext|berConstructed, berIndefinite)
		dst = berSelection(dst, v)
		dst = append(dst, 0, 0)
	default:
		s := schemaOf(v.Type())
		for i := range s.fields {
			f := &s.fields[i]
			fv := v.Field(f.index)
			switch {
			case f.anonymous:
				dst = append(dst, berContext|berConstructed|byte(f.id), berIndefinite)
				dst = berSelection(dst, fv)
				dst = append(dst, 0, 0)
			case f.optional && fv.IsNil():
			case f.optional:
				dst = berValue(dst, fv.Elem(), berContext, f.id)
			default:
				dst = berValue(dst, fv, berContext, f.id)
			}
		}
	}
	return dst
}

func berSelection(dst []byte, v reflect.Value) []byte {
	if f := schemaOf(v.Type()).selection(v); f != nil {
		return berValue(dst, v.Field(f.index).Elem(), berContext, f.id)
	}
	return dst
}

func berLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	i := 0
	for b[i] == 0 {
		i++
	}
	dst = append(dst, 0x80|byte(len(b)-i))
	return append(dst, b[i:]...)
}

// berInteger writes the fewest octets whose sign bit is right.
func berInteger(dst []byte, n uint64, negative bool) []byte {
	var b [9]byte
	binary.BigEndian.PutUint64(b[1:], n)
	fill := byte(0)
	if negative {
		fill, b[0] = 0xff, 0xff
	}
	i := 0
	for i < len(b)-1 && b[i] == fill && b[i+1]&0x80 == fill&0x80 {
		i++
	}
	dst = append(dst, byte(len(b)-i))
	return append(dst, b[i:]...)
}

var (
	errBERTruncated = errors.New("BER: the data ends within an element")
	errBERDepth     = errors.New("BER: elements are nested too deep")
)

// berReader walks over the elements of an area.
type berReader struct {
	b        []byte
	depth    int
	open     bool // closed by end-of-contents, not by the end of b
	elements *int // that arrays may still have
}

// element is one tag with its contents. For indefinite length the contents reach
// to the end of the data and end with an end-of-contents.
type element struct {
	class       byte
	constructed bool
	num         int
	contents    berReader
}

func decodeBER(body []byte, v reflect.Value) error {
	elements := maxElements
	r := berReader{b: body, depth: berMaxDepth, elements: &elements}
	e, ok, err := r.next()
	switch {
	case err != nil:
		return err
	case !ok || e.class != berUniversal || e.num != berSequence || !e.constructed:
		return errors.New("BER: no sequence at the top")
	}
	_, err = e.decode(v)
	return err
}

// next reads the head of the next element and answers whether there was one. The
// caller has to consume its contents and go on with what that leaves.
func (r *berReader) next() (element, bool, error) {
	if r.open {
		if len(r.b) < 2 {
			return element{}, false, errBERTruncated
		}
		if r.b[0] == 0 {
			if r.b[1] != 0 {
				return element{}, false, errors.New("BER: end of contents that has contents")
			}
			r.b = r.b[2:]
			return element{}, false, nil
		}
	} else if len(r.b) == 0 {
		return element{}, false, nil
	}
	if r.depth == 0 {
		return element{}, false, errBERDepth
	}
	if len(r.b) < 2 {
		return element{}, false, errBERTruncated
	}
	tag, rest := r.b[0], r.b[1:]
	e := element{class: tag & berClassMask, constructed: tag&berConstructed != 0, num: int(tag & berNumberMask)}
	if e.num == berNumberMask {
		// A number that the schema does not have.
		e.num = berUnknown
		for rest[0]&0x80 != 0 {
			if rest = rest[1:]; len(rest) < 2 {
				return element{}, false, errBERTruncated
			}
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return element{}, false, errBERTruncated
	}
	length := rest[0]
	rest = rest[1:]
	if length == berIndefinite {
		if !e.constructed {
			return element{}, false, errors.New("BER: primitive element of indefinite length")
		}
		e.contents = berReader{b: rest, depth: r.depth - 1, open: true, elements: r.elements}
		return e, true, nil
	}
	n := uint64(length)
	if length > 0x80 {
		octets := int(length & 0x7f)
		if octets > 4 || octets > len(rest) {
			return element{}, false, fmt.Errorf("BER: length of %d octets", octets)
		}
		n = 0
		for _, o := range rest[:octets] {
			n = n<<8 | uint64(o)
		}
		rest = rest[octets:]
	}
	if n > uint64(len(rest)) {
		return element{}, false, errBERTruncated
	}
	e.contents = berReader{b: rest[:n], depth: r.depth - 1, elements: r.elements}
	r.b = rest[n:]
	return e, true, nil
}

// done goes on behind e, whose contents were read up to inner.
func (r *berReader) done(e *element, inner berReader) {
	if e.contents.open {
		r.b = inner.b
	}
}

// skip consumes the contents of an element that nobody knows. Where the length is
// known they may be anything.
func (e *element) skip() (berReader, error) {
	r := e.contents
	if !r.open {
		return r, nil
	}
	for {
		child, ok, err := r.next()
		if err != nil || !ok {
			return r, err
		}
		inner, err := child.skip()
		if err != nil {
			return r, err
		}
		r.done(&child, inner)
	}
}

// decode reads the contents of e into v and returns the reader behind them.
func (e *element) decode(v reflect.Value) (berReader, error) {
	k := kindOf(v.Type())
	switch constructed := k <= kindArray; {
	case constructed && !e.constructed:
		return e.contents, fmt.Errorf("BER: %s as a primitive element", v.Type().Name())
	case !constructed && e.constructed:
		return e.contents, fmt.Errorf("BER: %s as a constructed element", v.Type().Name())
	}
	switch k {
	case kindSequence:
		applyDefaults(v)
		return e.members(v, schemaOf(v.Type()).byID)
	case kindChoice:
		return e.choice(v)
	case kindArray:
		return e.elements(v)
	case kindString:
		v.SetString(string(e.contents.b))
	case kindBytes:
		v.SetBytes(append([]byte{}, e.contents.b...))
	case kindBool:
		if len(e.contents.b) != 1 {
			return e.contents, errors.New("BER: a boolean is one octet")
		}
		v.SetBool(e.contents.b[0] != 0)
	default:
		return e.contents, e.integer(v, k)
	}
	return e.contents, nil
}

// members reads the attributes of a sequence in any order; unknown ones are skipped.
func (e *element) members(v reflect.Value, find func(int) *field) (berReader, error) {
	r := e.contents
	for {
		child, ok, err := r.next()
		if err != nil || !ok {
			return r, err
		}
		if child.class != berContext {
			return r, fmt.Errorf("BER: element of class %#x in a sequence", child.class)
		}
		var inner berReader
		switch f := find(child.num); {
		case f == nil:
			inner, err = child.skip()
		case f.anonymous:
			inner, err = child.selection(v.Field(f.index))
		default:
			inner, err = child.decode(f.target(v))
		}
		if err != nil {
			return r, err
		}
		r.done(&child, inner)
	}
}

// wrapped reads the single element inside e, if there is one, then the end of e.
func (e *element) wrapped(read func(*element) (berReader, error)) (berReader, error) {
	r := e.contents
	child, ok, err := r.next()
	if err != nil || !ok {
		return r, err
	}
	if child.class != berContext {
		return r, fmt.Errorf("BER: element of class %#x in a choice", child.class)
	}
	inner, err := read(&child)
	if err != nil {
		return r, err
	}
	r.done(&child, inner)
	if _, more, err := r.next(); err != nil || more {
		return r, errors.Join(err, errors.New("BER: more than one selection in a choice"))
	}
	return r, nil
}

// choice reads a choice that has a tag of its own: one more element, with number 0,
// stands around the selection.
func (e *element) choice(v reflect.Value) (berReader, error) {
	found := false
	r, err := e.wrapped(func(inner *element) (berReader, error) {
		found = inner.num == 0
		return inner.selection(v)
	})
	if err == nil && !found {
		err = errors.New("BER: no choice inside its tag")
	}
	return r, err
}

// selection reads the member of a choice; none, or an unknown one, leaves the choice
// unset.
func (e *element) selection(v reflect.Value) (berReader, error) {
	if !e.constructed {
		return e.contents, errors.New("BER: primitive element in place of a choice")
	}
	v.SetZero()
	return e.wrapped(func(child *element) (berReader, error) {
		f := schemaOf(v.Type()).byID(child.num)
		if f == nil {
			return child.skip()
		}
		return child.decode(f.target(v))
	})
}

// elements appends to an array.
func (e *element) elements(v reflect.Value) (berReader, error) {
	r := e.contents
	for {
		child, ok, err := r.next()
		if err != nil || !ok {
			return r, err
		}
		if child.class != berUniversal || child.num != berSequence {
			return r, errors.New("BER: array element that is no sequence")
		}
		if *r.elements--; *r.elements < 0 {
			return r, errTooManyElements
		}
		item := reflect.New(v.Type().Elem()).Elem()
		inner, err := child.decode(item)
		if err != nil {
			return r, err
		}
		v.Set(reflect.Append(v, item))
		r.done(&child, inner)
	}
}

func (e *element) integer(v reflect.Value, k kind) error {
	b := e.contents.b
	size := int(v.Type().Size())
	if k == kindUint && len(b) == size+1 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > size {
		return fmt.Errorf("BER: integer of %d octets for %s", len(b), v.Type())
	}
	n := uint64(0)
	if b[0]&0x80 != 0 {
		n = ^uint64(0) // for an unsigned integer, too, the first bit is the sign
	}
	for _, o := range b {
		n = n<<8 | uint64(o)
	}
	switch k {
	case kindUint:
		v.SetUint(n)
	case kindEnum:
		return setEnum(v, int64(n))
	default:
		v.SetInt(int64(n))
	}
	return nil
}
