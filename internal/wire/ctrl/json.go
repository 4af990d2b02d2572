package ctrl

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// appendJSON writes v as upstream does: compact, in the order of the schema, absent
// optionals and empty arrays left out, "/" escaped.
func appendJSON(dst []byte, v reflect.Value) []byte {
	switch kindOf(v.Type()) {
	case kindSequence:
		dst = jsonMembers(append(dst, '{'), v)
		return append(dst, '}')
	case kindChoice:
		dst = jsonSelection(append(dst, '{'), v)
		return append(dst, '}')
	case kindArray:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, v.Index(i))
		}
		return append(dst, ']')
	case kindString:
		return jsonString(dst, v.String())
	case kindBytes:
		return jsonString(dst, base64.StdEncoding.EncodeToString(v.Bytes()))
	case kindBool:
		return strconv.AppendBool(dst, v.Bool())
	case kindEnum:
		return jsonString(dst, v.Interface().(fmt.Stringer).String())
	case kindUint:
		return strconv.AppendUint(dst, v.Uint(), 10)
	default:
		return strconv.AppendInt(dst, v.Int(), 10)
	}
}

func jsonMembers(dst []byte, v reflect.Value) []byte {
	s := schemaOf(v.Type())
	for i := range s.fields {
		f := &s.fields[i]
		fv := v.Field(f.index)
		if f.anonymous {
			dst = jsonSelection(dst, fv)
			continue
		}
		if f.optional {
			if fv.IsNil() {
				continue
			}
			fv = fv.Elem()
		}
		if kindOf(fv.Type()) == kindArray && fv.Len() == 0 {
			continue
		}
		dst = jsonMember(dst, f.name, fv)
	}
	return dst
}

// jsonSelection writes the member of a choice that is set, if one is.
func jsonSelection(dst []byte, v reflect.Value) []byte {
	if f := schemaOf(v.Type()).selection(v); f != nil {
		return jsonMember(dst, f.name, v.Field(f.index).Elem())
	}
	return dst
}

func jsonMember(dst []byte, name string, v reflect.Value) []byte {
	dst = jsonString(jsonComma(dst), name)
	return appendJSON(append(dst, ':'), v)
}

// jsonComma separates a member from the one before it.
func jsonComma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

func jsonString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch r {
		case '"', '\\', '/':
			dst = append(dst, '\\', byte(r))
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if r < 0x20 {
				dst = fmt.Appendf(dst, `\u%04x`, r)
				continue
			}
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// decodeJSON reads the first value in body; what follows it is padding.
func decodeJSON(body []byte, v reflect.Value) error {
	var raw json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&raw); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	r := jsonReader{elements: maxElements}
	return r.value(raw, v)
}

// jsonReader reads values; elements is how many array elements it may still make.
type jsonReader struct{ elements int }

var jsonNull = []byte("null")

func (r *jsonReader) value(raw json.RawMessage, v reflect.Value) error {
	switch kindOf(v.Type()) {
	case kindSequence:
		applyDefaults(v)
		return r.sequence(raw, v)
	case kindChoice:
		return r.choice(raw, v)
	case kindArray:
		return r.array(raw, v)
	case kindEnum:
		return jsonEnum(raw, v)
	default:
		if bytes.Equal(raw, jsonNull) {
			return fmt.Errorf("JSON: null for %s", v.Type())
		}
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		return nil
	}
}

func (r *jsonReader) sequence(raw json.RawMessage, v reflect.Value) error {
	s := schemaOf(v.Type())
	return jsonObject(raw, func(name string, value json.RawMessage) error {
		holder, f := v, s.byName(name)
		if f == nil && s.choice != nil {
			holder = v.Field(s.choice.index)
			f = schemaOf(holder.Type()).byName(name)
		}
		switch {
		case f == nil || f.optional && bytes.Equal(value, jsonNull):
			return nil
		case kindOf(holder.Type()) == kindChoice && schemaOf(holder.Type()).selection(holder) != nil:
			return errors.New("JSON: more than one selection in a choice")
		}
		return r.value(value, f.target(holder))
	})
}

// choice reads an object that has the selection as its only member; none, or an
// unknown one, leaves the choice unset.
func (r *jsonReader) choice(raw json.RawMessage, v reflect.Value) error {
	members := 0
	err := jsonObject(raw, func(name string, value json.RawMessage) error {
		members++
		if f := schemaOf(v.Type()).byName(name); f != nil && members == 1 {
			return r.value(value, f.target(v))
		}
		return nil
	})
	if err == nil && members > 1 {
		return fmt.Errorf("JSON: a choice with %d members", members)
	}
	return err
}

// jsonObject calls read for each member of an object, in order.
func jsonObject(raw json.RawMessage, read func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("JSON: %.20s is no object", raw)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		if err := read(name.(string), value); err != nil {
			return err
		}
	}
	return nil
}

func (r *jsonReader) array(raw json.RawMessage, v reflect.Value) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return fmt.Errorf("JSON: %.20s is no array", raw)
	}
	for d.More() {
		if r.elements--; r.elements < 0 {
			return errTooManyElements
		}
		var item json.RawMessage
		if err := d.Decode(&item); err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		e := reflect.New(v.Type().Elem()).Elem()
		if err := r.value(item, e); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	return nil
}

// jsonEnum reads the name of an enumerator, or its number.
func jsonEnum(raw json.RawMessage, v reflect.Value) error {
	if n, err := strconv.ParseInt(string(raw), 10, 32); err == nil {
		return setEnum(v, n)
	}
	var name string
	if err := json.Unmarshal(raw, &name); err == nil {
		for n, text := range v.Interface().(enum).names() {
			if text == name {
				v.SetInt(int64(n))
				return nil
			}
		}
	}
	return fmt.Errorf("JSON: %.40s is no %s", raw, v.Type().Name())
}
