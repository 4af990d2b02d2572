package portable

import "github.com/bmq-go/bmq/internal/engine"

type sessionState uint8

const (
	stateStopped sessionState = iota
	stateStarting
	stateStarted
	stateReconnecting
	stateClosing // Stop was called, or the start given up
)

func (s sessionState) String() string {
	return [...]string{"STOPPED", "STARTING", "STARTED", "RECONNECTING", "CLOSING"}[s]
}

type sessionInput uint8

const (
	inStart       sessionInput = iota
	inChannelUp                // a connection was negotiated
	inChannelDown              // that connection is gone
	inStop                     // Stop was called, or the start was given up
	inEnded                    // no connection is made any more
)

func (i sessionInput) String() string {
	return [...]string{"START", "CHANNEL_UP", "CHANNEL_DOWN", "STOP", "ENDED"}[i]
}

// sessionMachine is filled by init: its actions refer to it.
var sessionMachine machine[sessionState, sessionInput, *Session]

func init() { sessionMachine = newMachine(sessionTable()) }

func sessionTable() []edge[sessionState, sessionInput, *Session] {
	return []edge[sessionState, sessionInput, *Session]{
		{stateStopped, inStart, stateStarting, (*Session).beginConnecting},

		{stateStarting, inChannelUp, stateStarted, (*Session).connected},
		{stateStarting, inStop, stateClosing, (*Session).cutShort},

		{stateStarted, inChannelDown, stateReconnecting, (*Session).connectionLost},
		{stateStarted, inStop, stateClosing, (*Session).disconnect},

		{stateReconnecting, inChannelUp, stateStarted, (*Session).reconnected},
		{stateReconnecting, inStop, stateClosing, (*Session).abandon},

		{stateClosing, inChannelUp, stateClosing, (*Session).cutShort},
		{stateClosing, inChannelDown, stateClosing, (*Session).cutShort},
		{stateClosing, inEnded, stateStopped, (*Session).ended},
	}
}

func (s *Session) step(on sessionInput, st engine.Status) {
	from := s.state
	if sessionMachine.step(s, &s.state, on, st) {
		s.log.Debug("session state", "from", from, "on", on, "to", s.state)
		return
	}
	s.log.Debug("session: nothing to do", "state", from, "on", on)
}
