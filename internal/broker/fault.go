package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Point is a place where something can go wrong.
type Point uint8

const (
	// Connecting is when a client has connected and nothing was read.
	Connecting Point = iota + 1
	// Negotiating is when a client has introduced itself.
	Negotiating
	// Receiving is when an event has come and nothing was done about it.
	Receiving
	// Requesting is when a request is about to be handled.
	Requesting
	// Posting is when a message is about to be stored.
	Posting
	// Sending is when an event is about to be written.
	Sending
)

// Action is what goes wrong.
type Action uint8

const (
	// Drop loses what is at hand: it is not handled, or not sent.
	Drop Action = iota + 1
	// Refuse answers with a failure: Status for Negotiating and Requesting, Ack for
	// Posting.
	Refuse
	// Delay lets it wait for a time, and all that comes behind it on the connection.
	// When Sending, the first Bytes bytes of the event are sent before.
	Delay
	// Stall does the same until the fault is removed.
	Stall
	// Cut closes the connection: when Sending after the first Bytes bytes of the event,
	// when Receiving as soon as Bytes bytes of it have come, or all if Bytes is 0.
	Cut
	// Truncate leaves out all but the first Bytes bytes of the event.
	Truncate
	// Corrupt inverts the byte at offset Bytes of the event.
	Corrupt
)

// Request is a kind of request.
type Request uint8

// The requests of clients.
const (
	AnyRequest Request = iota
	OpenQueue
	ConfigureQueue
	CloseQueue
	Disconnect
)

// Fault says what goes wrong where, and how often.
type Fault struct {
	// On is the place, Do what goes wrong.
	On Point
	Do Action
	// Event narrows Receiving and Sending down to one type of event.
	Event wire.EventType
	// Request narrows Requesting down to one kind of request.
	Request Request
	// Queue narrows Requesting and Posting down to one queue, by its URI without
	// application id.
	Queue string
	// Client narrows everything but Connecting down to clients with this process name.
	Client string
	// Skip lets that many cases pass first.
	Skip int
	// Times is how often it goes wrong, always if 0.
	Times int
	// Wait is for Delay, by the broker's clock.
	Wait time.Duration
	// Bytes is for Cut, Truncate and Corrupt, and for Delay and Stall when Sending.
	Bytes int
	// Status is for Refuse when Negotiating and Requesting; success stands for Unknown.
	Status ctrl.Status
	// Ack is for Refuse when Posting; success stands for Unknown.
	Ack wire.AckStatus
}

// possible says what can go wrong where.
var possible = map[Point][]Action{
	Connecting:  {Delay, Stall, Cut},
	Negotiating: {Refuse, Delay, Stall, Cut},
	Receiving:   {Drop, Delay, Stall, Cut, Truncate, Corrupt},
	Requesting:  {Drop, Refuse, Delay, Stall, Cut},
	Posting:     {Drop, Refuse},
	Sending:     {Drop, Delay, Stall, Cut, Truncate, Corrupt},
}

// Validate says what is wrong with a fault that could not do what it says.
func (f *Fault) Validate() error {
	actions := possible[f.On]
	events := f.On == Receiving || f.On == Sending
	switch {
	case len(actions) == 0:
		return fmt.Errorf("broker: On has to be one of %s", strings.Join(pointNames[1:], ", "))
	case !slices.Contains(actions, f.Do):
		return fmt.Errorf("broker: Do has to be one of %v for %s, not %q", actions, f.On, f.Do)
	case f.Event != wire.EventUndefined && !events:
		return errors.New("broker: Event is for receiving and sending only")
	case f.Request != AnyRequest && f.On != Requesting:
		return errors.New("broker: Request is for requesting only")
	case f.Queue != "" && f.On != Requesting && f.On != Posting:
		return errors.New("broker: Queue is for requesting and posting only")
	case f.Client != "" && f.On == Connecting:
		return errors.New("broker: Client is not for connecting: nobody has introduced himself yet")
	case (f.Wait > 0) != (f.Do == Delay) || f.Wait < 0:
		return errors.New("broker: Wait is for delay, which needs it")
	case f.Skip < 0 || f.Times < 0 || f.Bytes < 0:
		return errors.New("broker: Skip, Times and Bytes can't be negative")
	case f.Bytes > 0 && !f.counts():
		return errors.New("broker: Bytes is for cut, truncate and corrupt of events, and for delay and stall when sending only")
	case f.Status != (ctrl.Status{}) && !(f.Do == Refuse && f.On != Posting):
		return errors.New("broker: Status is for refuse when negotiating and requesting only")
	case f.Ack != wire.AckSuccess && !(f.Do == Refuse && f.On == Posting):
		return errors.New("broker: Ack is for refuse when posting only")
	}
	return nil
}

// counts tells whether Bytes means something.
func (f *Fault) counts() bool {
	switch f.Do {
	case Cut, Truncate, Corrupt:
		return f.On == Receiving || f.On == Sending
	case Delay, Stall:
		return f.On == Sending
	default:
		return false
	}
}

// Injection is a fault at work.
type Injection struct {
	id      int
	fault   Fault
	owner   *faults
	seen    int
	hits    int
	first   chan struct{} // closed by the first hit
	removed chan struct{}
	once    sync.Once
}

// faults are those of a broker.
type faults struct {
	mu     sync.Mutex
	list   []*Injection
	last   int // id
	active atomic.Int32
}

// Inject puts a valid fault to work until it is removed.
func (b *Broker) Inject(f Fault) *Injection {
	if f.Status.Category == ctrl.StatusSuccess {
		f.Status.Category = ctrl.StatusUnknown
	}
	if f.Ack == wire.AckSuccess {
		f.Ack = wire.AckUnknown
	}
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.last++
	i := &Injection{id: b.faults.last, fault: f, owner: &b.faults, first: make(chan struct{}), removed: make(chan struct{})}
	b.faults.list = append(b.faults.list, i)
	b.faults.active.Store(int32(len(b.faults.list)))
	return i
}

// Faults returns the faults at work, in the order in which they were injected.
func (b *Broker) Faults() []*Injection {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	return slices.Clone(b.faults.list)
}

// ID is the number of the fault, from 1 on, by which it is known over HTTP.
func (i *Injection) ID() int { return i.id }

// Fault returns what was injected.
func (i *Injection) Fault() Fault { return i.fault }

// Remove ends the fault. What it stalls goes on.
func (i *Injection) Remove() {
	i.once.Do(func() { close(i.removed) })
	f := i.owner
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(other *Injection) bool { return other == i })
	f.active.Store(int32(len(f.list)))
}

// Hits is how often the fault has struck.
func (i *Injection) Hits() int {
	i.owner.mu.Lock()
	defer i.owner.mu.Unlock()
	return i.hits
}

// Await waits until the fault has struck once.
func (i *Injection) Await(ctx context.Context) error {
	select {
	case <-i.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// occasion is when something could go wrong.
type occasion struct {
	point   Point
	event   wire.EventType
	request Request
	queue   string
	client  string
	partial bool // an event of which only a part has come
}

func (f *Fault) matches(o *occasion) bool {
	return f.On == o.point &&
		(f.Event == 0 || f.Event == o.event) &&
		(f.Request == AnyRequest || f.Request == o.request) &&
		(f.Queue == "" || f.Queue == o.queue) &&
		(f.Client == "" || f.Client == o.client) &&
		o.partial == (f.On == Receiving && f.Do == Cut && f.Bytes > 0)
}

// any tells whether there are faults at all. It is all that a broker without any
// pays for.
func (f *faults) any() bool { return f.active.Load() > 0 }

// strike returns the fault that strikes on an occasion, nil if none does.
func (f *faults) strike(o occasion) *Injection {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.list {
		if !i.fault.matches(&o) {
			continue
		}
		if i.seen++; i.seen <= i.fault.Skip || i.fault.Times > 0 && i.hits >= i.fault.Times {
			continue
		}
		if i.hits++; i.hits == 1 {
			close(i.first)
		}
		return i
	}
	return nil
}
