package control

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// maxWait is how long a call may wait for a fault to strike.
const maxWait = time.Minute

// faultView is a fault in JSON. The fields are those of bmqtest.Fault, of which only On
// and Do are required; the names are those of the protocol.
type faultView struct {
	ID      int            `json:"id,omitempty"`   // given by the broker
	Hits    int            `json:"hits,omitempty"` // how often it struck
	On      broker.Point   `json:"on"`
	Do      broker.Action  `json:"do"`
	Event   eventType      `json:"event,omitempty"`
	Request broker.Request `json:"request,omitempty"`
	Queue   string         `json:"queue,omitempty"`
	Client  string         `json:"client,omitempty"`
	Skip    int            `json:"skip,omitempty"`
	Times   int            `json:"times,omitempty"`
	Wait    duration       `json:"wait,omitempty"`
	Bytes   int            `json:"bytes,omitempty"`
	Status  *statusView    `json:"status,omitempty"`
	Ack     ackStatus      `json:"ack,omitempty"`
}

type statusView struct {
	Category category `json:"category"`
	Code     int32    `json:"code"`
	Message  string   `json:"message"`
}

type (
	eventType wire.EventType
	category  ctrl.StatusCategory
	ackStatus wire.AckStatus
)

// What can be named, and how.
var (
	events = []wire.EventType{
		wire.EventControl, wire.EventPut, wire.EventConfirm, wire.EventPush, wire.EventAck, wire.EventHeartbeatReq, wire.EventHeartbeatRsp,
	}
	categories = []ctrl.StatusCategory{
		ctrl.StatusUnknown, ctrl.StatusTimeout, ctrl.StatusNotConnected, ctrl.StatusCanceled, ctrl.StatusNotSupported, ctrl.StatusRefused,
		ctrl.StatusInvalidArgument, ctrl.StatusNotReady,
	}
	acks     = []wire.AckStatus{wire.AckLimitMessages, wire.AckLimitBytes, wire.AckUnknown, wire.AckStorageFailure, wire.AckNotReady}
	ackNames = map[wire.AckStatus]string{
		wire.AckLimitMessages: "LIMIT_MESSAGES", wire.AckLimitBytes: "LIMIT_BYTES", wire.AckUnknown: "UNKNOWN",
		wire.AckStorageFailure: "STORAGE_FAILURE", wire.AckNotReady: "NOT_READY",
	}
)

func ackName(s wire.AckStatus) string { return ackNames[s] }

// named returns the one of known that has a name.
func named[T any](known []T, name func(T) string, text []byte) (T, error) {
	names := make([]string, 0, len(known))
	for _, v := range known {
		if name(v) == string(text) {
			return v, nil
		}
		names = append(names, name(v))
	}
	var none T
	return none, fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
}

// MarshalText returns the name in the protocol.
func (e eventType) MarshalText() ([]byte, error) { return []byte(wire.EventType(e).String()), nil }

// UnmarshalText reads a name.
func (e *eventType) UnmarshalText(text []byte) error {
	v, err := named(events, wire.EventType.String, text)
	*e = eventType(v)
	return err
}

// MarshalText returns the name in the protocol.
func (c category) MarshalText() ([]byte, error) {
	return []byte(ctrl.StatusCategory(c).String()), nil
}

// UnmarshalText reads a name.
func (c *category) UnmarshalText(text []byte) error {
	v, err := named(categories, ctrl.StatusCategory.String, text)
	*c = category(v)
	return err
}

// MarshalText returns the name that SDKs have for it.
func (s ackStatus) MarshalText() ([]byte, error) { return []byte(ackName(wire.AckStatus(s))), nil }

// UnmarshalText reads a name.
func (s *ackStatus) UnmarshalText(text []byte) error {
	v, err := named(acks, ackName, text)
	*s = ackStatus(v)
	return err
}

func (v *faultView) fault() broker.Fault {
	f := broker.Fault{
		On: v.On, Do: v.Do, Event: wire.EventType(v.Event), Request: v.Request, Queue: v.Queue, Client: v.Client,
		Skip: v.Skip, Times: v.Times, Wait: time.Duration(v.Wait), Bytes: v.Bytes, Ack: wire.AckStatus(v.Ack),
	}
	if s := v.Status; s != nil {
		f.Status = ctrl.Status{Category: ctrl.StatusCategory(s.Category), Code: s.Code, Message: s.Message}
	}
	return f
}

func newFaultView(i *broker.Injection) faultView {
	f := i.Fault()
	v := faultView{
		ID: i.ID(), Hits: i.Hits(), On: f.On, Do: f.Do, Event: eventType(f.Event), Request: f.Request, Queue: f.Queue, Client: f.Client,
		Skip: f.Skip, Times: f.Times, Wait: duration(f.Wait), Bytes: f.Bytes,
	}
	if f.Do == broker.Refuse && f.On == broker.Posting {
		v.Ack = ackStatus(f.Ack)
	} else if f.Do == broker.Refuse {
		v.Status = &statusView{category(f.Status.Category), f.Status.Code, f.Status.Message}
	}
	return v
}

func (a *api) faults(*http.Request) (any, error) {
	list := []faultView{}
	for _, i := range a.broker.Faults() {
		list = append(list, newFaultView(i))
	}
	return list, nil
}

func (a *api) inject(r *http.Request) (any, error) {
	var v faultView
	if err := decode(r, &v); err != nil {
		return nil, err
	}
	f := v.fault()
	if v.ID != 0 || v.Hits != 0 {
		return nil, bad("id and hits are what the broker says, they can't be set")
	}
	if err := f.Validate(); err != nil {
		return nil, bad("%v", err)
	}
	return newFaultView(a.broker.Inject(f)), nil
}

func (a *api) find(r *http.Request) (*broker.Injection, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, bad("a fault has a number, not %q", r.PathValue("id"))
	}
	for _, i := range a.broker.Faults() {
		if i.ID() == id {
			return i, nil
		}
	}
	return nil, notFound("there is no fault %d", id)
}

func (a *api) fault(r *http.Request) (any, error) {
	i, err := a.find(r)
	if err != nil {
		return nil, err
	}
	if text := r.URL.Query().Get("wait"); text != "" {
		wait, err := time.ParseDuration(text)
		if err != nil || wait < 0 || wait > maxWait {
			return nil, bad("wait has to be a duration of up to %v, as 10s", maxWait)
		}
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		_ = i.Await(ctx) // the answer tells whether it has
	}
	return newFaultView(i), nil
}

func (a *api) removeFault(r *http.Request) (any, error) {
	i, err := a.find(r)
	if err != nil {
		return nil, err
	}
	i.Remove()
	return newFaultView(i), nil
}

func (a *api) removeFaults(*http.Request) (any, error) {
	list := a.broker.Faults()
	for _, i := range list {
		i.Remove()
	}
	return map[string]int{"removed": len(list)}, nil
}
