package broker

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The official schema has no word for "no limit" where it has a number that is
// required. These are as good as none, and are read as none again.
const (
	noLimit = math.MaxInt64
	noTTL   = math.MaxInt32
)

// domainSchema is a domain in the schema of the official configuration, the member
// "parameters" of a file in domains/.
type domainSchema struct {
	Name    string         `json:"name"`
	Mode    map[string]any `json:"mode"`
	Storage struct {
		DomainLimits limitsSchema   `json:"domainLimits"`
		QueueLimits  limitsSchema   `json:"queueLimits"`
		Config       map[string]any `json:"config"`
	} `json:"storage"`
	MaxConsumers        int                  `json:"maxConsumers"`
	MaxProducers        int                  `json:"maxProducers"`
	MaxQueues           int                  `json:"maxQueues"`
	MaxIdleTime         int                  `json:"maxIdleTime"`
	MessageTTL          int64                `json:"messageTtl"`
	MaxDeliveryAttempts int                  `json:"maxDeliveryAttempts"`
	DeduplicationTimeMs int64                `json:"deduplicationTimeMs"`
	Consistency         map[string]any       `json:"consistency"`
	Subscriptions       []subscriptionSchema `json:"subscriptions,omitempty"`
}

type limitsSchema struct {
	Messages      int64   `json:"messages"`
	MessagesRatio float64 `json:"messagesWatermarkRatio"`
	Bytes         int64   `json:"bytes"`
	BytesRatio    float64 `json:"bytesWatermarkRatio"`
}

type subscriptionSchema struct {
	AppID      string `json:"appId"`
	Expression struct {
		Version string `json:"version"`
		Text    string `json:"text"`
	} `json:"expression"`
}

// empty is an object without members.
type empty struct{}

func (d *Domain) schema() *domainSchema {
	s := &domainSchema{
		Name: d.Name, Mode: map[string]any{d.Mode.String(): empty{}}, Consistency: map[string]any{"eventual": empty{}},
		MaxConsumers: d.MaxConsumers, MaxProducers: d.MaxProducers, MaxQueues: d.MaxQueues, MaxDeliveryAttempts: d.MaxDeliveryAttempts,
		MessageTTL: noTTL, DeduplicationTimeMs: d.deduplicationTime().Milliseconds(),
	}
	if d.MessageTTL > 0 {
		s.MessageTTL = int64((d.MessageTTL + time.Second - 1) / time.Second)
	}
	if d.Mode == Fanout {
		s.Mode[Fanout.String()] = struct {
			AppIDs  []string `json:"appIDs"`
			Metrics bool     `json:"publishAppIdMetrics"`
		}{d.AppIDs, true}
	}
	s.Storage.DomainLimits = limitsInSchema(d.DomainMessages, d.DomainBytes)
	s.Storage.QueueLimits = limitsInSchema(d.QueueMessages, d.QueueBytes)
	s.Storage.Config = map[string]any{"inMemory": empty{}}
	if d.Persistent {
		s.Storage.Config = map[string]any{"fileBacked": empty{}}
	}
	for id, text := range d.Subscriptions {
		var sub subscriptionSchema
		sub.AppID, sub.Expression.Version, sub.Expression.Text = id, "E_VERSION_1", text
		s.Subscriptions = append(s.Subscriptions, sub)
	}
	slices.SortFunc(s.Subscriptions, func(a, b subscriptionSchema) int { return strings.Compare(a.AppID, b.AppID) })
	return s
}

func limitsInSchema(messages, bytes int64) limitsSchema {
	return limitsSchema{orNone(messages), 0.8, orNone(bytes), 0.8}
}

// orNone returns the number that stands for a limit in the official schema.
func orNone(limit int64) int64 {
	if limit == 0 {
		return noLimit
	}
	return limit
}

// DomainJSON returns a domain in the schema of the official configuration.
func DomainJSON(d *Domain) string { return prettyJSON(d.schema(), 2) }

var emptyObject = regexp.MustCompile(`(?m)^( *)(.*)\{\}(,?)$`)

// prettyJSON prints a value in the manner of the official broker: without escapes
// that are for HTML, and with empty objects over three lines.
func prettyJSON(v any, spaces int) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", strings.Repeat(" ", spaces))
	_ = e.Encode(v) // what is printed can be
	return emptyObject.ReplaceAllString(strings.TrimSpace(b.String()), "$1$2{\n\n$1}$3")
}
