package bmq

import (
	"fmt"
	"sync"
)

// HostHealth is what a monitor thinks of the host, with upstream's numbers.
type HostHealth int

// The states of a host. Anything but HostHealthy counts as bad.
const (
	HostHealthUnknown HostHealth = 0
	HostHealthy       HostHealth = 1
	HostUnhealthy     HostHealth = 2
)

// String returns upstream's name of the state.
func (h HostHealth) String() string {
	switch h {
	case HostHealthUnknown:
		return "UNKNOWN"
	case HostHealthy:
		return "HEALTHY"
	case HostUnhealthy:
		return "UNHEALTHY"
	}
	return fmt.Sprintf("HostHealth(%d)", int(h))
}

// HostHealthMonitor tells sessions about the health of their host. Implementations
// must be comparable, which pointers are.
type HostHealthMonitor interface {
	// State returns the present state.
	State() HostHealth
	// Observe calls fn with the present state before it returns, and then with each
	// new one, one call at a time and in order, until cancel is called. After cancel
	// has returned there are no more calls.
	Observe(fn func(HostHealth)) (cancel func())
}

// BasicHealthMonitor is a monitor that the application sets by hand. It starts
// healthy; its zero value is ready to use. One monitor may serve several sessions. A
// nil *BasicHealthMonitor is no monitor.
type BasicHealthMonitor struct {
	mu        sync.Mutex
	unhealthy bool
	observers map[*healthObserver]struct{}
}

type healthObserver struct{ fn func(HostHealth) }

// NewBasicHealthMonitor returns a monitor in the state HostHealthy.
func NewBasicHealthMonitor() *BasicHealthMonitor { return new(BasicHealthMonitor) }

// SetHealthy says that the host is healthy. It may be called from any goroutine,
// also from a handler, and has no effect if the host was healthy already.
func (m *BasicHealthMonitor) SetHealthy() { m.set(false) }

// SetUnhealthy says that the host is unhealthy. It may be called from any goroutine,
// also from a handler, and has no effect if the host was unhealthy already.
func (m *BasicHealthMonitor) SetUnhealthy() { m.set(true) }

func (m *BasicHealthMonitor) set(unhealthy bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unhealthy == unhealthy {
		return
	}
	m.unhealthy = unhealthy
	for o := range m.observers {
		o.fn(m.state())
	}
}

func (m *BasicHealthMonitor) state() HostHealth {
	if m.unhealthy {
		return HostUnhealthy
	}
	return HostHealthy
}

// State implements HostHealthMonitor.
func (m *BasicHealthMonitor) State() HostHealth {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state()
}

// Observe implements HostHealthMonitor. fn must return quickly and must not call
// the monitor. Nil observes nothing.
func (m *BasicHealthMonitor) Observe(fn func(HostHealth)) (cancel func()) {
	if fn == nil {
		return func() {}
	}
	o := &healthObserver{fn}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.observers == nil {
		m.observers = make(map[*healthObserver]struct{})
	}
	m.observers[o] = struct{}{}
	fn(m.state())
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.observers, o)
	}
}

// String returns "BasicHealthMonitor()", as Python does.
func (m *BasicHealthMonitor) String() string { return "BasicHealthMonitor()" }
