package messaging

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Content types that this package knows by itself. They are those of kombu.
const (
	ContentJSON = "application/json"
	ContentText = "text/plain"
	ContentRaw  = "application/data"
	ContentGob  = "application/x-gob"
)

// Codec turns values into bytes and back. Implementations may be used by several
// goroutines at once.
type Codec interface {
	// Name is what producers choose the codec by.
	Name() string
	// ContentType is what receivers choose it by.
	ContentType() string
	// ContentEncoding is the character set of what Encode returns; empty or "binary" for
	// bytes.
	ContentEncoding() string
	Encode(v any) ([]byte, error)
	// Decode fills v, a pointer. data may be hostile; it belongs to the message and must
	// not be changed, though v may refer to it.
	Decode(data []byte, v any) error
}

type jsonCodec struct{}

func (jsonCodec) Name() string                    { return "json" }
func (jsonCodec) ContentType() string             { return ContentJSON }
func (jsonCodec) ContentEncoding() string         { return "utf-8" }
func (jsonCodec) Encode(v any) ([]byte, error)    { return json.Marshal(v) }
func (jsonCodec) Decode(data []byte, v any) error { return json.Unmarshal(data, v) }

type textCodec struct{}

func (textCodec) Name() string            { return "text" }
func (textCodec) ContentType() string     { return ContentText }
func (textCodec) ContentEncoding() string { return "utf-8" }

func (textCodec) Encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	case fmt.Stringer:
		return []byte(v.String()), nil
	}
	return nil, fmt.Errorf("%T is no text", v)
}

func (textCodec) Decode(data []byte, v any) error {
	switch v := v.(type) {
	case *string:
		*v = string(data)
	case *[]byte:
		*v = data
	case *any:
		*v = string(data)
	default:
		return fmt.Errorf("text does not go into a %T", v)
	}
	return nil
}

type rawCodec struct{}

func (rawCodec) Name() string            { return "raw" }
func (rawCodec) ContentType() string     { return ContentRaw }
func (rawCodec) ContentEncoding() string { return "binary" }

func (rawCodec) Encode(v any) ([]byte, error) {
	if data, ok := v.([]byte); ok {
		return data, nil
	}
	return nil, fmt.Errorf("%T is no []byte", v)
}

func (rawCodec) Decode(data []byte, v any) error {
	switch v := v.(type) {
	case *[]byte:
		*v = data
	case *any:
		*v = data
	default:
		return fmt.Errorf("raw bytes do not go into a %T", v)
	}
	return nil
}

type gobCodec struct{}

func (gobCodec) Name() string            { return "gob" }
func (gobCodec) ContentType() string     { return ContentGob }
func (gobCodec) ContentEncoding() string { return "binary" }

func (gobCodec) Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func (gobCodec) Decode(data []byte, v any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}

// checkCharset refuses text in a character set that it is not in, or that nobody here
// can read.
func checkCharset(data []byte, encoding string) error {
	switch strings.ToLower(encoding) {
	case "", "binary":
		return nil
	case "utf-8", "utf8":
		if !utf8.Valid(data) {
			return fmt.Errorf("it is not valid UTF-8")
		}
		return nil
	case "us-ascii", "ascii":
		for _, b := range data {
			if b >= utf8.RuneSelf {
				return fmt.Errorf("it is not ASCII")
			}
		}
		return nil
	}
	return fmt.Errorf("character set %q is not known; register a codec for it", encoding)
}
