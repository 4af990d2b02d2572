package interop_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// command is a line that a peer reads.
type command struct {
	Do         string     `json:"do"`
	Broker     string     `json:"broker,omitempty"`
	Compress   bool       `json:"compress,omitempty"` // what is posted
	Confirm    bool       `json:"confirm,omitempty"`  // each message as it comes
	Monitor    bool       `json:"monitor,omitempty"`  // have one for the host's health
	URI        string     `json:"uri,omitempty"`
	Read       bool       `json:"read,omitempty"`
	Write      bool       `json:"write,omitempty"`
	Priority   int        `json:"priority,omitempty"`
	Suspends   bool       `json:"suspends,omitempty"`
	Data       *[]byte    `json:"data,omitempty"`
	Tag        *int       `json:"tag,omitempty"` // comes back with the ack
	Properties []property `json:"properties,omitempty"`
	First      *int       `json:"first,omitempty"`
	Count      int        `json:"count,omitempty"`
	GUID       string     `json:"guid,omitempty"`
	Healthy    *bool      `json:"healthy,omitempty"`
}

// output is a line that a peer writes.
type output struct {
	Is         string     `json:"is"` // reply, message, ack or event
	Error      string     `json:"error,omitempty"`
	Name       string     `json:"name,omitempty"` // of an event
	URI        string     `json:"uri,omitempty"`
	GUID       string     `json:"guid,omitempty"`
	Data       []byte     `json:"data,omitempty"`
	Properties []property `json:"properties,omitempty"`
	Tag        int        `json:"tag"`
	Status     string     `json:"status,omitempty"`
}

// property is a message property, its value as text whatever its type.
type property struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// operationTimeout is how long a peer waits for a broker.
const operationTimeout = 60 * time.Second

// goPeer is the program that testdata/peer.py is in Python.
func goPeer() {
	p := &goClient{handles: make(map[string]*bmq.MessageHandle), out: json.NewEncoder(os.Stdout)}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c command
		err := json.Unmarshal(lines.Bytes(), &c)
		if err == nil {
			err = p.run(&c)
		}
		reply := output{Is: "reply"}
		if err != nil {
			reply.Error = err.Error()
		}
		p.say(reply)
	}
}

type goClient struct {
	session    *bmq.Session
	monitor    *bmq.BasicHealthMonitor
	confirming bool

	mu      sync.Mutex
	out     *json.Encoder
	handles map[string]*bmq.MessageHandle
}

func (p *goClient) say(o output) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.out.Encode(o); err != nil {
		panic(err)
	}
}

func (p *goClient) run(c *command) error {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	switch c.Do {
	case "start":
		return p.start(ctx, c)
	case "open":
		return p.open(ctx, c)
	case "pause":
		return p.session.ConfigureQueue(ctx, c.URI, bmq.Paused())
	case "close":
		return p.session.CloseQueue(ctx, c.URI)
	case "post":
		return p.post(ctx, c)
	case "flood":
		for tag := *c.First; tag < *c.First+c.Count; tag++ {
			if err := p.session.Post(ctx, c.URI, strconv.AppendInt(nil, int64(tag), 10), p.onAck(tag)); err != nil {
				return err
			}
		}
		return nil
	case "confirm":
		p.mu.Lock()
		handle := p.handles[c.GUID]
		delete(p.handles, c.GUID)
		p.mu.Unlock()
		return handle.Confirm()
	case "health":
		if *c.Healthy {
			p.monitor.SetHealthy()
		} else {
			p.monitor.SetUnhealthy()
		}
		return nil
	case "stop":
		return errors.Join(p.session.Stop(ctx), goleak.Find())
	}
	return fmt.Errorf("there is no command %q", c.Do)
}

func (p *goClient) start(ctx context.Context, c *command) error {
	p.confirming = c.Confirm
	opts := []bmq.Option{bmq.WithBroker(c.Broker), bmq.WithOnMessage(p.onMessage), bmq.WithTimeout(operationTimeout)}
	if c.Compress {
		opts = append(opts, bmq.WithMessageCompressionAlgorithm(bmq.CompressionZLIB))
	}
	if c.Monitor {
		p.monitor = bmq.NewBasicHealthMonitor()
		opts = append(opts, bmq.WithHostHealthMonitor(p.monitor))
	}
	var err error
	p.session, err = bmq.NewSession(ctx, p.onEvent, opts...)
	return err
}

func (p *goClient) open(ctx context.Context, c *command) error {
	opts := []bmq.OpenOption{bmq.WithQueueOptions(bmq.QueueOptions{
		ConsumerPriority: bmq.Some(c.Priority), SuspendsOnBadHostHealth: bmq.Some(c.Suspends),
	})}
	if c.Read {
		opts = append(opts, bmq.WithRead())
	}
	if c.Write {
		opts = append(opts, bmq.WithWrite())
	}
	return p.session.OpenQueue(ctx, c.URI, opts...)
}

func (p *goClient) post(ctx context.Context, c *command) error {
	values, types := bmq.PropertyValueDict{}, bmq.PropertyTypeDict{}
	for _, prop := range c.Properties {
		values[prop.Name], types[prop.Name] = prop.decode()
	}
	return p.session.Post(ctx, c.URI, *c.Data, p.onAck(*c.Tag),
		bmq.WithProperties(values), bmq.WithPropertyTypeOverrides(types))
}

func (p *goClient) onEvent(event sessionevents.SessionEvent) {
	o := output{Is: "event", Name: fmt.Sprintf("%T", event)}
	o.Name = o.Name[strings.LastIndexByte(o.Name, '.')+1:]
	if q, ok := event.(sessionevents.QueueEvent); ok {
		o.URI = q.QueueURI()
	}
	p.say(o)
}

func (p *goClient) onMessage(m *bmq.Message, h *bmq.MessageHandle) {
	o := output{Is: "message", URI: m.QueueURI, GUID: m.GUID.String(), Data: m.Data}
	for name, value := range m.Properties() {
		o.Properties = append(o.Properties, encodeProperty(name, value, m.PropertyTypes()[name]))
	}
	if p.confirming {
		_ = h.Confirm() // without a connection the message comes again
	} else {
		p.mu.Lock()
		p.handles[o.GUID] = h
		p.mu.Unlock()
	}
	p.say(o)
}

func (p *goClient) onAck(tag int) bmq.PostOption {
	return bmq.WithOnAck(func(a *bmq.Ack) {
		o := output{Is: "ack", Tag: tag, Status: a.Status.String(), URI: a.QueueURI}
		if a.GUID != nil {
			o.GUID = a.GUID.String()
		}
		p.say(o)
	})
}

var propertyTypes = map[string]bmq.PropertyType{
	"BOOL": bmq.PropertyBool, "CHAR": bmq.PropertyChar, "SHORT": bmq.PropertyShort, "INT32": bmq.PropertyInt32,
	"INT64": bmq.PropertyInt64, "STRING": bmq.PropertyString, "BINARY": bmq.PropertyBinary,
}

func encodeProperty(name string, value any, typ bmq.PropertyType) property {
	p := property{Name: name, Type: typ.String(), Value: fmt.Sprint(value)}
	if b, ok := value.([]byte); ok {
		p.Value = base64.StdEncoding.EncodeToString(b)
	}
	return p
}

func (p property) decode() (any, bmq.PropertyType) {
	typ := propertyTypes[p.Type]
	switch typ {
	case bmq.PropertyBool:
		return p.Value == "true", typ
	case bmq.PropertyString:
		return p.Value, typ
	case bmq.PropertyBinary:
		b, err := base64.StdEncoding.DecodeString(p.Value)
		if err != nil {
			panic(err)
		}
		return b, typ
	case bmq.PropertyChar:
		n, err := strconv.ParseUint(p.Value, 10, 8)
		if err != nil {
			panic(err)
		}
		return byte(n), typ
	}
	n, err := strconv.ParseInt(p.Value, 10, 64)
	if err != nil {
		panic(err)
	}
	return n, typ
}
