// Package sessionevents has the events by which a bmq.Session tells what happens
// to it: connections made and lost, queues reopened, suspended and resumed, slow
// consumers and errors.
//
// It is a package of its own so that the event Error and the error type bmq.Error
// can both have their name. Events are small comparable values; a handler
// switches on their type:
//
//	func onEvent(ev sessionevents.SessionEvent) {
//		switch ev := ev.(type) {
//		case sessionevents.ConnectionLost:
//			pause()
//		case sessionevents.QueueReopenFailed:
//			alert(ev.QueueURI(), ev.Message())
//		}
//	}
//
// A handler that only wants to log can be LogSessionEvent itself.
package sessionevents

import "fmt"

// SessionEvent is implemented by every event of this package.
type SessionEvent interface {
	// Type tells the kind of the event in upstream's numbering.
	Type() Type
	// StatusCode is upstream's result code; 0 is success.
	StatusCode() int
	// Message is empty for a success, else "description: NAME (code)".
	Message() string
	// String is for logs: "<ConnectionLost>" or "<Error: message>".
	String() string

	name() string
}

// QueueEvent is implemented by the events that concern one queue.
type QueueEvent interface {
	SessionEvent
	// QueueURI is the queue's URI as it was opened.
	QueueURI() string
}

// Type is the kind of an event, with upstream's numbers.
type Type int

// The event types. Those below 0 and 7, 9 and 12 never stand behind an event of
// their own: see New.
const (
	TypeError                Type = -1
	TypeTimeout              Type = -2
	TypeCanceled             Type = -3
	TypeUndefined            Type = 0
	TypeConnected            Type = 1
	TypeDisconnected         Type = 2
	TypeConnectionLost       Type = 3
	TypeReconnected          Type = 4
	TypeStateRestored        Type = 5
	TypeConnectionTimeout    Type = 6
	TypeQueueOpenResult      Type = 7
	TypeQueueReopenResult    Type = 8
	TypeQueueCloseResult     Type = 9
	TypeSlowConsumerNormal   Type = 10
	TypeSlowConsumerHighMark Type = 11
	TypeQueueConfigureResult Type = 12
	TypeHostUnhealthy        Type = 13
	TypeHostHealthRestored   Type = 14
	TypeQueueSuspended       Type = 15
	TypeQueueResumed         Type = 16
	TypeChannelLowWatermark  Type = 17
	TypeChannelHighWatermark Type = 18
	TypeInterfaceError       Type = -1000 // made by this library, unknown to upstream
	TypeHandlerPanicked      Type = -1001 // made by this library, unknown to upstream
)

var typeNames = map[Type]string{
	TypeError: "ERROR", TypeTimeout: "TIMEOUT", TypeCanceled: "CANCELED", TypeUndefined: "UNDEFINED",
	TypeConnected: "CONNECTED", TypeDisconnected: "DISCONNECTED", TypeConnectionLost: "CONNECTION_LOST",
	TypeReconnected: "RECONNECTED", TypeStateRestored: "STATE_RESTORED", TypeConnectionTimeout: "CONNECTION_TIMEOUT",
	TypeQueueOpenResult: "QUEUE_OPEN_RESULT", TypeQueueReopenResult: "QUEUE_REOPEN_RESULT",
	TypeQueueCloseResult: "QUEUE_CLOSE_RESULT", TypeSlowConsumerNormal: "SLOWCONSUMER_NORMAL",
	TypeSlowConsumerHighMark: "SLOWCONSUMER_HIGHWATERMARK", TypeQueueConfigureResult: "QUEUE_CONFIGURE_RESULT",
	TypeHostUnhealthy: "HOST_UNHEALTHY", TypeHostHealthRestored: "HOST_HEALTH_RESTORED",
	TypeQueueSuspended: "QUEUE_SUSPENDED", TypeQueueResumed: "QUEUE_RESUMED",
	TypeChannelLowWatermark: "CHANNEL_LOW_WATERMARK", TypeChannelHighWatermark: "CHANNEL_HIGH_WATERMARK",
	TypeInterfaceError: "INTERFACE_ERROR", TypeHandlerPanicked: "HANDLER_PANICKED",
}

// String returns upstream's name of the type.
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("Type(%d)", int(t))
}

const statusSuccess = 0

// status is what all events have. It is embedded, so that events compare by it.
type status struct {
	typ  Type
	code int
	text string
}

func (s status) Type() Type      { return s.typ }
func (s status) StatusCode() int { return s.code }
func (s status) Message() string { return s.text }

// queueStatus is what all queue events have.
type queueStatus struct {
	status
	uri string
}

func (q queueStatus) QueueURI() string { return q.uri }

func render(e SessionEvent) string {
	text := e.name()
	sep := ": "
	if q, ok := e.(QueueEvent); ok {
		text += sep + q.QueueURI()
		sep = " "
	}
	if m := e.Message(); m != "" {
		text += sep + m
	}
	return "<" + text + ">"
}
