package broker

import (
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// admin is the session of an administrator: it takes commands and nothing else.
type admin struct {
	broker   *Broker
	out      *output
	encoding wire.Encoding
	name     string
}

// event handles an event. Like the official broker, it answers commands only, not
// even disconnect: an administrator just closes the connection.
func (a *admin) event(ev wire.Event) {
	var m ctrl.ControlMessage
	if ev.Type != wire.EventControl || ctrl.Decode(ev.Body, ev.Encoding, &m) != nil {
		return
	}
	if m.RID == nil || *m.RID < 0 || m.Choice.AdminCommand == nil {
		return
	}
	text := a.broker.Admin(m.Choice.AdminCommand.Command)
	a.out.control(a.encoding, &ctrl.ControlMessage{
		RID: m.RID, Choice: ctrl.Choice{AdminCommandResponse: &ctrl.AdminCommandResponse{Text: text}},
	})
}
