package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/bmq-go/bmq/internal/broker"
)

// domainView is a domain as it was at one moment.
type domainView struct {
	Name     string          `json:"name"`
	Mode     broker.Mode     `json:"mode"`
	Queues   int             `json:"queues"`
	Messages int64           `json:"messages"`
	Bytes    int64           `json:"bytes"`
	Config   json.RawMessage `json:"config"` // in the schema of the official configuration
}

func (a *api) domains(*http.Request) (any, error) {
	list := []domainView{}
	for _, d := range a.broker.Domains() {
		list = append(list, domainView{
			d.Config.Name, d.Config.Mode, d.Queues, d.Messages, d.Bytes, json.RawMessage(broker.DomainJSON(&d.Config)),
		})
	}
	return list, nil
}

func (a *api) config(name string) (broker.Domain, error) {
	d, ok := a.broker.Config(name)
	if !ok {
		return d, notFound("there is no domain %q", name)
	}
	return d, nil
}

func (a *api) domain(r *http.Request) (any, error) {
	d, err := a.config(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return json.RawMessage(broker.DomainJSON(&d)), nil
}

func (a *api) putDomain(r *http.Request) (any, error) {
	data, err := body(r)
	if err != nil {
		return nil, err
	}
	a.configuring.Lock()
	defer a.configuring.Unlock()
	return a.reconfigure(r.PathValue("name"), data)
}

// reconfigure is called with configuring held.
func (a *api) reconfigure(name string, parameters []byte) (any, error) {
	d, err := broker.ParseDomain(name, parameters)
	if err == nil {
		err = a.broker.Reconfigure(d)
	}
	if err != nil {
		return nil, bad("%v", err)
	}
	return json.RawMessage(broker.DomainJSON(&d)), nil
}

func (a *api) patchDomain(r *http.Request) (any, error) {
	patch, err := body(r)
	if err != nil {
		return nil, err
	}
	a.configuring.Lock()
	defer a.configuring.Unlock()
	d, err := a.config(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	config, err := object([]byte(broker.DomainJSON(&d)))
	if err != nil {
		return nil, err
	}
	change, err := object(patch)
	if err != nil {
		return nil, bad("the patch is no JSON object: %v", err)
	}
	data, err := json.Marshal(merge(config, change))
	if err != nil {
		return nil, err
	}
	return a.reconfigure(d.Name, data)
}

// object reads a JSON object; its numbers stay as they are written.
func object(data []byte) (m map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err = d.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errors.New("it is null")
	}
	if _, err = d.Token(); err != io.EOF {
		return nil, errors.New("something follows its end")
	}
	return m, nil
}

// merge applies a JSON merge patch: members that are null go, objects are merged,
// everything else takes the place of what was there.
func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = make(map[string]any)
	}
	for name, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			old, _ := target[name].(map[string]any)
			target[name] = merge(old, v)
		default:
			target[name] = v
		}
	}
	return target
}
