package sessionevents

import "fmt"

// resultNames are upstream's generic result codes.
var resultNames = map[int]string{
	0: "SUCCESS", -1: "UNKNOWN", -2: "TIMEOUT", -3: "NOT_CONNECTED", -4: "CANCELED",
	-5: "NOT_SUPPORTED", -6: "REFUSED", -7: "INVALID_ARGUMENT", -8: "NOT_READY",
}

func statusText(code int, description string) string {
	if code == statusSuccess {
		return ""
	}
	name, ok := resultNames[code]
	if !ok {
		name = "UNKNOWN"
	}
	if description != "" {
		description += ": "
	}
	return fmt.Sprintf("%s%s (%d)", description, name, code)
}

// New makes the event for one of upstream's event types with its status. A queue
// URI is used by queue events only. A type that has no event of its own gives an
// InterfaceError. The session makes its events with it; applications need it in
// tests of their handlers.
func New(t Type, queueURI string, code int, description string) SessionEvent {
	s := status{typ: t, code: code, text: statusText(code, description)}
	q := queueStatus{status: s, uri: queueURI}
	failed := code != statusSuccess
	switch t {
	case TypeConnected:
		return Connected{s}
	case TypeDisconnected:
		return Disconnected{s}
	case TypeConnectionLost:
		return ConnectionLost{s}
	case TypeReconnected:
		return Reconnected{s}
	case TypeStateRestored:
		return StateRestored{s}
	case TypeConnectionTimeout:
		return ConnectionTimeout{s}
	case TypeQueueReopenResult:
		if failed {
			return QueueReopenFailed{q}
		}
		return QueueReopened{q}
	case TypeSlowConsumerNormal:
		return SlowConsumerNormal{s}
	case TypeSlowConsumerHighMark:
		return SlowConsumerHighWaterMark{s}
	case TypeHostUnhealthy:
		return HostUnhealthy{s}
	case TypeHostHealthRestored:
		return HostHealthRestored{s}
	case TypeQueueSuspended:
		if failed {
			return QueueSuspendFailed{q}
		}
		return QueueSuspended{q}
	case TypeQueueResumed:
		if failed {
			return QueueResumeFailed{q}
		}
		return QueueResumed{q}
	case TypeChannelLowWatermark:
		return ChannelLowWatermark{s}
	case TypeChannelHighWatermark:
		return ChannelHighWatermark{s}
	case TypeError:
		return Error{s}
	case TypeInterfaceError:
		return NewInterfaceError(description)
	case TypeHandlerPanicked:
		return HandlerPanicked{status{typ: t, code: code, text: description}}
	}
	return NewInterfaceError(fmt.Sprintf("Unexpected event type: %v", t))
}

// NewInterfaceError makes an InterfaceError with the given message.
func NewInterfaceError(message string) InterfaceError {
	return InterfaceError{status{typ: TypeInterfaceError, code: -1, text: message}}
}
