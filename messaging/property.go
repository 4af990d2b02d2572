package messaging

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmq-go/bmq"
)

// Names of properties; see the package's comment.
const (
	propContentType     = "content_type"
	propContentEncoding = "content_encoding"
	propCompression     = "compression"
	propKey             = "routing_key"
	propExchange        = "exchange"
	propMessageID       = "message_id"
	propCorrelationID   = "correlation_id"
	propReplyTo         = "reply_to"
	propType            = "type"
	propAppID           = "app_id"
	propUserID          = "user_id"
	propTimestamp       = "timestamp"
	propExpiresAt       = "expires_at"
	propAttempts        = "attempts"

	propDeadReason   = "dead_letter_reason"
	propDeadQueue    = "dead_letter_queue"
	propDeadGUID     = "dead_letter_guid"
	propDeadAttempts = "dead_letter_attempts"
	propDeadAt       = "dead_letter_at"
)

// reserved are the names that no header may have.
var reserved = map[string]bool{
	propContentType: true, propContentEncoding: true, propCompression: true, propKey: true, propExchange: true,
	propMessageID: true, propCorrelationID: true, propReplyTo: true, propType: true, propAppID: true, propUserID: true,
	propTimestamp: true, propExpiresAt: true, propAttempts: true,
}

// properties are what is sent with a message.
type properties struct {
	values bmq.PropertyValueDict
	types  bmq.PropertyTypeDict // of values that would not come out as what they are
}

func (p *properties) set(name string, value any) {
	if p.values == nil {
		p.values = make(bmq.PropertyValueDict, 8)
	}
	p.values[name] = value
}

// str sets a string, unless it is empty.
func (p *properties) str(name, value string) {
	if value != "" {
		p.set(name, value)
	}
}

func (p *properties) typed(name string, value any, typ bmq.PropertyType) {
	p.set(name, value)
	if p.types == nil {
		p.types = make(bmq.PropertyTypeDict)
	}
	p.types[name] = typ
}

// header sets the properties of an application.
func (p *properties) header(h Header) error {
	for name, value := range h {
		if reserved[name] {
			return fmt.Errorf("%w: %q is a name of this package: there is a field of Message for it", ErrHeader, name)
		}
		if err := p.add(name, value); err != nil {
			return fmt.Errorf("%w: %q is a %T: %w", ErrHeader, name, value, err)
		}
	}
	return nil
}

var (
	errPropertyType = errors.New("message properties are bool, integers, string or bytes; put it into the body, or make a string of it")
	errIntegerRange = errors.New("it is larger than an INT64")
)

// maxName is how long the name of a property may be, in bytes; maxProperties how many of them
// a message may have.
const (
	maxName       = 4095
	maxProperties = 255
)

func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a name has 1 to %d bytes", maxName)
	}
	if c := name[0] | 0x20; (c < 'a' || c > 'z') && (name[0] < '0' || name[0] > '9') {
		return errors.New("a name starts with a letter or a digit")
	}
	return nil
}

// check refuses more than a message may have.
func (p *properties) check() error {
	if len(p.values) > maxProperties {
		return fmt.Errorf("%w: %d properties, of which a message has at most %d", ErrHeader, len(p.values), maxProperties)
	}
	return nil
}

// add sets a property of the type that its value has in received messages.
func (p *properties) add(name string, value any) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch v := value.(type) {
	case string:
		if !utf8.ValidString(v) {
			return errors.New("it is not valid UTF-8; send []byte")
		}
		p.set(name, value)
	case bool, []byte, int, int8, int64, uint16, uint32:
		p.set(name, value)
	case int16:
		p.typed(name, v, bmq.PropertyShort)
	case int32:
		p.typed(name, v, bmq.PropertyInt32)
	case uint8:
		p.typed(name, v, bmq.PropertyChar)
	case uint64:
		if v > math.MaxInt64 {
			return errIntegerRange
		}
		p.set(name, value)
	case uint:
		if uint64(v) > math.MaxInt64 {
			return errIntegerRange
		}
		p.set(name, value)
	default:
		return errPropertyType
	}
	return nil
}

// received sets the properties of a received message.
func (p *properties) received(m *bmq.Message) {
	types := m.PropertyTypes()
	for name, value := range m.Properties() {
		p.typed(name, value, types[name])
	}
}

func (p *properties) time(name string, t time.Time) { p.set(name, t.UnixMilli()) }

// options are what a post needs for the properties.
func (p *properties) options() (values, types bmq.PostOption) {
	if p.values == nil {
		return bmq.PostOption{}, bmq.PostOption{}
	}
	return bmq.WithProperties(p.values), bmq.WithPropertyTypeOverrides(p.types)
}

// text returns a STRING property of a received message, empty if there is none. What others
// have under that name of another type, a number say, is none.
func text(m *bmq.Message, name string) string {
	value, _ := m.Property(name)
	s, _ := value.(string)
	return s
}

// integer returns an integer property of a received message, of any width. What others have
// under that name of another type, a text say, is none.
func integer(m *bmq.Message, name string) (int64, bool) {
	value, ok := m.Property(name)
	if !ok {
		return 0, false
	}
	return bmq.PropertyValueDict{name: value}.Int64(name)
}

func moment(m *bmq.Message, name string) (time.Time, bool) {
	n, ok := integer(m, name)
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(n), true
}

// valid returns text as a STRING property may have it: UTF-8, and at most limit bytes.
func valid(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return text
}
