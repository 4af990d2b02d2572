package control

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

const (
	// maxList is how many messages are listed in one answer.
	maxList = 1000
	// maxPayload is how much of a payload is shown, in bytes.
	maxPayload = 1 << 20
	// maxInflated is what a compressed one may inflate to.
	maxInflated = 64 << 20
)

func (a *api) queues(r *http.Request) (any, error) {
	if uri := r.URL.Query().Get("uri"); uri != "" {
		q, ok := a.broker.Queue(uri)
		if !ok {
			return nil, notFound("there is no queue %q", uri)
		}
		return q, nil
	}
	list := a.broker.Queues()
	if list == nil {
		list = []broker.QueueInfo{}
	}
	return list, nil
}

// messageView is a message without what is in it.
type messageView struct {
	GUID          string           `json:"guid"`
	Size          int              `json:"size"` // of the application data, in bytes
	HasProperties bool             `json:"hasProperties"`
	Compressed    bool             `json:"compressed"`
	AgeMs         int64            `json:"ageMs"`
	Pending       []broker.Pending `json:"pending"` // who has yet to confirm it
}

func newMessageView(m *broker.MessageInfo) messageView {
	return messageView{
		GUID: m.GUID.String(), Size: m.Size, HasProperties: m.Flags&wire.FlagProperties != 0,
		Compressed: m.Compression != wire.CompressionNone, AgeMs: m.Age.Milliseconds(), Pending: m.Pending,
	}
}

func (a *api) messages(r *http.Request) (any, error) {
	q := r.URL.Query()
	uri := q.Get("uri")
	info, ok := a.broker.Queue(uri)
	if !ok {
		return nil, notFound("there is no queue %q", uri)
	}
	app := q.Get("app")
	if app != "" && !hasApp(&info, app) {
		return nil, notFound("queue %q has no application %q", uri, app)
	}
	offset, err := number(q.Get("offset"), 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	count, err := number(q.Get("count"), 100, maxList)
	if err != nil {
		return nil, err
	}
	list := []messageView{}
	for _, m := range a.broker.Messages(uri, app, offset, count, false) {
		list = append(list, newMessageView(&m))
	}
	return list, nil
}

func hasApp(q *broker.QueueInfo, id string) bool {
	for _, a := range q.Apps {
		if a.ID == id {
			return true
		}
	}
	return false
}

// number reads a number from 0 to most, or d where there is none.
func number(text string, d, most int) (int, error) {
	if text == "" {
		return d, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, bad("%q is no whole number from 0 to %d", text, most)
	}
	return n, nil
}

// contentView is a message with what is in it.
type contentView struct {
	messageView
	Properties []propertyView `json:"properties"`
	Payload    []byte         `json:"payload"`         // inflated; base64 in JSON
	Text       *string        `json:"text,omitempty"`  // the payload, if it is UTF-8
	Truncated  bool           `json:"truncated"`       // there is more payload
	Error      string         `json:"error,omitempty"` // why not all of it can be read
}

// propertyView is a property; its value is a boolean, a number, a text or, for a binary
// one and one of a type that is not known, base64.
type propertyView struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

var propertyTypes = map[wire.PropertyType]string{
	wire.PropertyBool: "BOOL", wire.PropertyChar: "CHAR", wire.PropertyShort: "SHORT", wire.PropertyInt32: "INT32",
	wire.PropertyInt64: "INT64", wire.PropertyString: "STRING", wire.PropertyBinary: "BINARY",
}

func newPropertyView(p *wire.RawProperty) propertyView {
	v := propertyView{Name: string(p.Name), Type: propertyTypes[p.Type]}
	switch {
	case !p.Type.Known():
		v.Type, v.Value = fmt.Sprintf("type %d", p.Type), p.Value
	case p.Type == wire.PropertyBool:
		v.Value = p.Int() != 0
	case p.Type == wire.PropertyString:
		v.Value = string(p.Value)
	case p.Type == wire.PropertyBinary:
		v.Value = p.Value
	default:
		v.Value = p.Int()
	}
	return v
}

func (a *api) message(r *http.Request) (any, error) {
	q := r.URL.Query()
	guid, err := wire.ParseGUID(q.Get("guid"))
	if err != nil {
		return nil, bad("guid: %v", err)
	}
	m, ok := a.broker.Message(q.Get("uri"), guid)
	if !ok {
		return nil, notFound("queue %q has no message %s", q.Get("uri"), guid)
	}
	v := contentView{messageView: newMessageView(&m), Properties: []propertyView{}, Payload: []byte{}}
	properties, payload, err := m.Decode(maxInflated)
	if err != nil {
		v.Error = err.Error()
	}
	for p := range properties.All {
		v.Properties = append(v.Properties, newPropertyView(&p))
	}
	whole := payload
	if v.Truncated = len(payload) > maxPayload; v.Truncated {
		payload = payload[:maxPayload]
	}
	v.Payload = append(v.Payload, payload...)
	if utf8.Valid(whole) {
		text := strings.ToValidUTF8(string(payload), "") // it may end within a character
		v.Text = &text
	}
	return v, nil
}

func (a *api) purge(r *http.Request) (any, error) {
	var what struct{ Queue, App, Domain string }
	if err := decode(r, &what); err != nil {
		return nil, err
	}
	if (what.Queue == "") == (what.Domain == "") || what.App != "" && what.Queue == "" {
		return nil, bad("say either queue, with or without app, or domain")
	}
	queues := []string{what.Queue}
	if what.Domain != "" {
		d, err := a.config(what.Domain)
		if err != nil {
			return nil, err
		}
		queues = nil
		for _, q := range a.broker.Queues() {
			if q.Domain == d.Name {
				queues = append(queues, q.URI)
			}
		}
	}
	var messages, bytes int64
	for _, uri := range queues {
		m, n, err := a.broker.Purge(uri, what.App)
		if err != nil {
			return nil, notFound("%v", err)
		}
		messages, bytes = messages+m, bytes+n
	}
	return map[string]int64{"messages": messages, "bytes": bytes}, nil
}
