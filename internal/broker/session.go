package broker

import (
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// session is what a client may do after negotiation. The goroutine that reads the
// connection calls all of its methods.
type session struct {
	broker       *Broker
	conn         *conn
	out          *output
	name         string // for logs
	identity     ctrl.ClientIdentity
	encoding     wire.Encoding // of control messages to the client
	ownGUIDs     bool          // the client makes the GUIDs of its messages
	propertiesEx bool          // the client reads new style properties

	mu           sync.Mutex // for those who look at handles from outside
	handles      map[uint32]*handle
	acks         []wire.Ack // of the PUT event at hand
	disconnected bool
}

// The codes of the official broker for refusals that concern a cluster.
const (
	codeUnknown int32 = -1
	codeRemoved int32 = -10
	codeLimit   int32 = -205
)

func status(category ctrl.StatusCategory, code int32, message string) *ctrl.Status {
	return &ctrl.Status{Category: category, Code: code, Message: message}
}

// control handles a control event. One that is not a request is ignored, and its
// sender gets no answer.
func (s *session) control(body []byte, e wire.Encoding) {
	var m ctrl.ControlMessage
	if err := ctrl.Decode(body, e, &m); err != nil {
		s.warn("a control event was dropped", err)
		return
	}
	if m.RID == nil || *m.RID < 0 || s.disconnected {
		s.log(slog.LevelWarn, "a control message was dropped: it has no valid id or comes after disconnect")
		return
	}
	id := *m.RID
	if s.broker.faults.any() && s.requestFault(id, &m.Choice) {
		return
	}
	switch c := &m.Choice; {
	case c.OpenQueue != nil:
		s.openQueue(id, c.OpenQueue)
	case c.ConfigureStream != nil:
		s.configureStream(id, c.ConfigureStream)
	case c.ConfigureQueueStream != nil:
		s.configureQueueStream(id, c.ConfigureQueueStream)
	case c.CloseQueue != nil:
		s.closeQueue(id, c.CloseQueue)
	case c.Disconnect != nil:
		s.drop(false)
		s.reply(id, ctrl.Choice{DisconnectResponse: &ctrl.Empty{}})
		s.disconnected = true
	default:
		s.log(slog.LevelWarn, "a control message was dropped: it is no request that a client may send")
	}
}

// reply answers the request with the given id.
func (s *session) reply(id int32, c ctrl.Choice) {
	s.out.control(s.encoding, &ctrl.ControlMessage{RID: &id, Choice: c})
}

// refuse answers a request with a failure.
func (s *session) refuse(id int32, st *ctrl.Status) {
	s.log(slog.LevelInfo, "a request was refused", slog.String("reason", st.Message))
	s.reply(id, ctrl.Choice{Status: st})
}

// drop gives up all queues. Lost says that the client went away without a word,
// which counts as a delivery attempt for what it held.
func (s *session) drop(lost bool) {
	s.mu.Lock()
	handles := s.handles
	s.handles = make(map[uint32]*handle)
	s.mu.Unlock()
	for _, h := range handles {
		h.queue.lock()
		h.queue.releaseAll(h, lost)
		h.queue.unlock()
	}
}

func (s *session) warn(msg string, err error) {
	s.log(slog.LevelWarn, msg, slog.Any("reason", err))
}

func (s *session) log(level slog.Level, msg string, args ...any) {
	s.broker.logFor(level, s.name, msg, args...)
}

// list returns the handles, for those who do not read the connection.
func (s *session) list() []*handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.handles))
}
