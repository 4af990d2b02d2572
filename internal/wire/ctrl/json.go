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
	case kindSequence, kindChoice:
		dst = append(dst, '{')
		dst = jsonMembers(dst, v)
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
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"')
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
			if schemaOf(fv.Type()).selection(fv) != nil {
				dst = jsonMembers(jsonComma(dst), fv)
			}
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
		dst = jsonString(jsonComma(dst), f.name)
		dst = appendJSON(append(dst, ':'), fv)
	}
	return dst
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
	d := json.NewDecoder(bytes.NewReader(body))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	return jsonValue(raw, v)
}

func jsonValue(raw json.RawMessage, v reflect.Value) error {
	switch kindOf(v.Type()) {
	case kindSequence:
		applyDefaults(v)
		return jsonObject(raw, v)
	case kindChoice:
		return jsonChoice(raw, v)
	case kindArray:
		return jsonArray(raw, v)
	case kindBytes:
		return jsonBytes(raw, v)
	case kindEnum:
		return jsonEnum(raw, v)
	default:
		if bytes.Equal(raw, []byte("null")) {
			return fmt.Errorf("JSON: null for %s", v.Type())
		}
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		return nil
	}
}

func jsonObject(raw json.RawMessage, v reflect.Value) error {
	members, err := jsonMap(raw)
	if err != nil {
		return err
	}
	s := schemaOf(v.Type())
	for name, value := range members {
		holder, f := v, s.byName(name)
		if f == nil && s.choice != nil {
			holder = v.Field(s.choice.index)
			hs := schemaOf(holder.Type())
			if f = hs.byName(name); f != nil && hs.selection(holder) != nil {
				return errors.New("JSON: more than one selection in a choice")
			}
		}
		if f == nil || f.optional && bytes.Equal(value, []byte("null")) {
			continue
		}
		if err := jsonValue(value, f.target(holder)); err != nil {
			return err
		}
	}
	return nil
}

func jsonChoice(raw json.RawMessage, v reflect.Value) error {
	members, err := jsonMap(raw)
	if err != nil {
		return err
	}
	if len(members) != 1 {
		return fmt.Errorf("JSON: a choice with %d members", len(members))
	}
	for name, value := range members {
		if f := schemaOf(v.Type()).byName(name); f != nil {
			return jsonValue(value, f.target(v))
		}
	}
	return nil
}

func jsonMap(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return nil, errors.Join(errors.New("JSON: no object"), err)
	}
	return members, nil
}

func jsonArray(raw json.RawMessage, v reflect.Value) error {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	for _, item := range items {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := jsonValue(item, e); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	return nil
}

func jsonBytes(raw json.RawMessage, v reflect.Value) error {
	var data []byte
	if err := json.Unmarshal(raw, &data); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	v.SetBytes(data)
	return nil
}

func jsonEnum(raw json.RawMessage, v reflect.Value) error {
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		n, err := strconv.ParseInt(string(raw), 10, 32)
		if err != nil {
			return fmt.Errorf("JSON: %s is no %s", raw, v.Type().Name())
		}
		return setEnum(v, n)
	}
	for n, text := range v.Interface().(enum).names() {
		if text == name {
			v.SetInt(int64(n))
			return nil
		}
	}
	return fmt.Errorf("JSON: %q is no %s", name, v.Type().Name())
}
