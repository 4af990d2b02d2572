package enginetest

import (
	"slices"
	"sync"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// rule is what a proxy does with some events.
type rule struct {
	p    *proxy
	d    direction
	typ  wire.EventType // EventUndefined: any
	skip int            // that many pass first
	most int            // that many are met; 0: any number
	do   func(frame []byte) (passed []byte, cut bool)

	hits int
	once sync.Once
	hit  chan struct{} // closed by the first event that it meets
}

func (p *proxy) add(r *rule) *rule {
	r.p, r.hit = p, make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, r)
	return r
}

// remove ends the rule.
func (r *rule) remove() {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.p.rules = slices.DeleteFunc(r.p.rules, func(other *rule) bool { return other == r })
}

// count is how many events it met.
func (r *rule) count() int {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	return r.hits
}

// watch has the events of a type counted.
func (p *proxy) watch(d direction, typ wire.EventType) *rule {
	return p.add(&rule{d: d, typ: typ, do: func(frame []byte) ([]byte, bool) { return frame, false }})
}

// drop loses the events of a type.
func (p *proxy) drop(d direction, typ wire.EventType) *rule {
	return p.add(&rule{d: d, typ: typ, do: func([]byte) ([]byte, bool) { return nil, false }})
}

// cutWithin passes skip events of a type, then the first n bytes of the next one and
// closes the connection.
func (p *proxy) cutWithin(d direction, typ wire.EventType, skip, n int) *rule {
	return p.add(&rule{d: d, typ: typ, skip: skip, most: 1, do: func(frame []byte) ([]byte, bool) {
		return frame[:min(n, len(frame)-1)], true
	}})
}

// rewrite changes the events of a type.
func (p *proxy) rewrite(d direction, typ wire.EventType, edit func(frame []byte) []byte) *rule {
	return p.add(&rule{d: d, typ: typ, do: func(frame []byte) ([]byte, bool) { return edit(slices.Clone(frame)), false }})
}

// pass applies the rules to an event.
func (p *proxy) pass(d direction, frame []byte) ([]byte, bool) {
	ev, err := wire.ParseEvent(frame)
	if err != nil {
		return frame, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ev.Type == wire.EventControl {
		p.controls[d] = append(p.controls[d], slices.Clone(frame))
	}
	for _, r := range p.rules {
		if r.d != d || r.typ != wire.EventUndefined && r.typ != ev.Type || r.most > 0 && r.hits == r.most {
			continue
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		r.hits++
		passed, cut := r.do(frame)
		r.once.Do(func() { close(r.hit) })
		if cut || passed == nil {
			return passed, cut
		}
		frame = passed
	}
	return frame, false
}

// requests returns the control messages that clients sent so far, decoded.
func (p *proxy) requests() []ctrl.Choice {
	var list []ctrl.Choice
	for _, frame := range p.sent(up) {
		var msg ctrl.ControlMessage
		if ev, err := wire.ParseEvent(frame); err == nil && ctrl.Decode(ev.Body, ev.Encoding, &msg) == nil {
			list = append(list, msg.Choice)
		}
	}
	return list
}

// identity returns how the first client introduced itself.
func (p *proxy) identity() (ctrl.ClientIdentity, bool) {
	for _, frame := range p.sent(up) {
		var msg ctrl.NegotiationMessage
		if ev, err := wire.ParseEvent(frame); err == nil && ctrl.Decode(ev.Body, ev.Encoding, &msg) == nil && msg.ClientIdentity != nil {
			return *msg.ClientIdentity, true
		}
	}
	return ctrl.ClientIdentity{}, false
}
