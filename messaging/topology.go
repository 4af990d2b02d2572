package messaging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/bmq-go/bmq"
)

// Topology has queues and exchanges by name, for producers and consumers that should
// agree on them. A Topology must not be changed while clients use it; its exchanges may.
type Topology struct {
	Queues    map[string]Queue
	Exchanges map[string]*Exchange
}

func (t *Topology) queue(name string) (Queue, bool) {
	if t == nil {
		return Queue{}, false
	}
	q, ok := t.Queues[name]
	return q, ok
}

// Exchange returns the exchange of a name.
func (t *Topology) Exchange(name string) (*Exchange, error) {
	if t != nil {
		if e := t.Exchanges[name]; e != nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("messaging: the topology has no exchange %q", name)
}

// Consumer returns the configuration of a consumer of the queues of the given names, or
// of all if there are none.
func (t *Topology) Consumer(names ...string) ConsumerConfig {
	if len(names) == 0 && t != nil {
		names = slices.Sorted(maps.Keys(t.Queues))
	}
	var c ConsumerConfig
	for _, name := range names {
		c.Queues = append(c.Queues, Queue{URI: name})
	}
	return c
}

// The form of a topology in JSON.
type (
	topologyFile struct {
		Queues    map[string]json.RawMessage `json:"queues"`
		Exchanges map[string]json.RawMessage `json:"exchanges"`
	}
	queueFile struct {
		URI              string             `json:"uri"`
		QoS              qosFile            `json:"qos"`
		Priority         int                `json:"priority"`
		Subscriptions    []subscriptionFile `json:"subscriptions"`
		SuspendOnBadHost bool               `json:"suspend_on_bad_host"`
		DeadLetter       string             `json:"dead_letter"`
		Write            bool               `json:"write"`
		Broadcast        bool               `json:"broadcast"`
	}
	qosFile struct {
		Messages int `json:"messages"`
		Bytes    int `json:"bytes"`
	}
	subscriptionFile struct {
		Expression string   `json:"expression"`
		Priority   *int     `json:"priority"`
		QoS        *qosFile `json:"qos"`
	}
	exchangeFile struct {
		Kind     Kind          `json:"kind"`
		Bindings []bindingFile `json:"bindings"`
	}
	bindingFile struct {
		Queue    string         `json:"queue"`
		Exchange string         `json:"exchange"`
		Key      string         `json:"key"`
		Match    map[string]any `json:"match"`
		MatchAny bool           `json:"match_any"`
	}
)

// LoadTopology reads a topology in JSON, such as
//
//	{"queues": {"orders": {"uri": "bmq://bmq.test.mem.priority/orders", "qos": {"messages": 10}, "dead_letter": "dead"},
//	            "dead": {"uri": "bmq://bmq.test.mem.priority/dead"}},
//	 "exchanges": {"events": {"kind": "topic", "bindings": [{"queue": "orders", "key": "order.#"}]}}}
//
// All of it is checked: URIs, names and kinds. Fields that AMQP has for what a broker's
// operator decides here, such as durable, are refused with an UnsupportedError.
func LoadTopology(r io.Reader) (*Topology, error) {
	if r == nil {
		return nil, errors.New("messaging: topology: there is nothing to read it from")
	}
	var file topologyFile
	if err := strictly(r, &file); err != nil {
		return nil, fmt.Errorf("messaging: topology: %w", err)
	}
	t := &Topology{Queues: make(map[string]Queue), Exchanges: make(map[string]*Exchange)}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(file.Queues)) {
		q, err := loadQueue(file.Queues[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("messaging: topology: queue %q: %w", name, err))
		}
		t.Queues[name] = q
	}
	files := make(map[string]exchangeFile)
	for _, name := range slices.Sorted(maps.Keys(file.Exchanges)) {
		var f exchangeFile
		err := fields(file.Exchanges[name], &f)
		if err == nil {
			t.Exchanges[name], err = NewExchange(name, f.Kind)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("messaging: topology: exchange %q: %w", name, err))
		}
		files[name] = f
	}
	for _, q := range t.Queues {
		if q.DeadLetter != "" {
			if _, err := t.resolveURI(q.DeadLetter); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := t.bind(t.Exchanges[name], files[name].Bindings); err != nil {
			errs = append(errs, fmt.Errorf("messaging: topology: exchange %q: %w", name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Topology) bind(e *Exchange, bindings []bindingFile) error {
	for i, f := range bindings {
		b := Binding{Queue: f.Queue, Key: f.Key, MatchAny: f.MatchAny}
		for name, value := range f.Match {
			if b.Match == nil {
				b.Match = make(Header)
			}
			if n, ok := value.(float64); ok {
				if n != float64(int64(n)) {
					return fmt.Errorf("binding %d: %q: %w", i, name, errPropertyType)
				}
				value = int64(n)
			}
			b.Match[name] = value
		}
		var err error
		switch {
		case (f.Queue == "") == (f.Exchange == ""):
			err = errors.New("either queue or exchange has to be given")
		case f.Exchange != "":
			b.Exchange, err = t.Exchange(f.Exchange)
		default:
			_, err = t.resolveURI(f.Queue)
		}
		if err != nil {
			return fmt.Errorf("binding %d: %w", i, err)
		}
		e.Bind(b)
	}
	return nil
}

func loadQueue(data json.RawMessage) (Queue, error) {
	var f queueFile
	if err := fields(data, &f); err != nil {
		return Queue{}, err
	}
	q := Queue{
		URI: f.URI, QoS: QoS(f.QoS), Priority: f.Priority, SuspendOnBadHost: f.SuspendOnBadHost,
		DeadLetter: f.DeadLetter, Write: f.Write, Broadcast: f.Broadcast,
	}
	for _, s := range f.Subscriptions {
		sub := bmq.Subscription{Expression: s.Expression}
		if s.Priority != nil {
			sub.ConsumerPriority = bmq.Some(*s.Priority)
		}
		if s.QoS != nil && s.QoS.Messages > 0 {
			sub.MaxUnconfirmedMessages = bmq.Some(s.QoS.Messages)
		}
		if s.QoS != nil && s.QoS.Bytes > 0 {
			sub.MaxUnconfirmedBytes = bmq.Some(s.QoS.Bytes)
		}
		q.Subscriptions = append(q.Subscriptions, sub)
	}
	return q, q.check()
}

// fields reads an object. Fields that are of the peers get their answer.
func fields(data json.RawMessage, v any) error {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(data, &names); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if _, known := answers[name]; known && name != "priority" {
			return unsupported(name)
		}
	}
	return strictly(bytes.NewReader(data), v)
}

// strictly reads one value of JSON, and nothing that v has no place for.
func strictly(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end of the object")
	}
	return nil
}
