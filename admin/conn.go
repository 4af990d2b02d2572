package admin

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const features = ctrl.FeatureEncoding + ":BER,JSON"

// converse introduces itself, runs one command and returns its answer.
func (c *Client) converse(conn net.Conn, command string) (string, error) {
	in := framing.NewReader(conn, wire.MaxEventSize)
	if err := c.authenticate(conn, in); err != nil {
		return "", err
	}
	err := send(conn, &ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{
		ProtocolVersion: ctrl.ProtocolVersion,
		SDKVersion:      ctrl.UnreleasedVersion,
		ClientType:      ctrl.ClientTCPAdmin,
		ProcessName:     c.name,
		PID:             int32(os.Getpid()),
		SessionID:       1,
		Features:        features,
		ClusterNodeID:   -1,
		SDKLanguage:     ctrl.LanguageCPP,
	}})
	if err != nil {
		return "", err
	}
	var welcome ctrl.NegotiationMessage
	if err := receive(conn, in, wire.EventControl, &welcome); err != nil {
		return "", err
	}
	if welcome.BrokerResponse == nil {
		return "", errors.New("the broker's answer is no brokerResponse")
	}
	if err := refusal(welcome.BrokerResponse.Result, "session"); err != nil {
		return "", err
	}

	id := int32(1)
	err = send(conn, &ctrl.ControlMessage{RID: &id, Choice: ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: command}}})
	if err != nil {
		return "", err
	}
	for {
		var answer ctrl.ControlMessage
		if err := receive(conn, in, wire.EventControl, &answer); err != nil {
			return "", err
		}
		if r := answer.Choice.AdminCommandResponse; r != nil && answer.RID != nil && *answer.RID == id {
			return r.Text, nil
		}
	}
}

func (c *Client) authenticate(conn net.Conn, in *framing.Reader) error {
	if c.credential == nil {
		return nil
	}
	request := &ctrl.AuthenticationRequest{Mechanism: c.credential.mechanism, Data: &c.credential.data}
	if err := send(conn, &ctrl.AuthenticationMessage{Request: request}); err != nil {
		return err
	}
	var answer ctrl.AuthenticationMessage
	if err := receive(conn, in, wire.EventAuthentication, &answer); err != nil {
		return err
	}
	if answer.Response == nil {
		return errors.New("the broker's answer is no authenticationResponse")
	}
	return refusal(answer.Response.Status, "credential")
}

func refusal(st ctrl.Status, what string) error {
	if st.Category == ctrl.StatusSuccess {
		return nil
	}
	return fmt.Errorf("the broker refused the %s: %v (%d): %s", what, st.Category, st.Code, st.Message)
}

func send(conn net.Conn, m ctrl.Message) error {
	_, err := conn.Write(ctrl.AppendEvent(nil, wire.EncodingBER, m))
	return err
}

// receive reads up to the next event of the given type. The broker may ask for a sign of
// life meanwhile.
func receive(conn net.Conn, in *framing.Reader, typ wire.EventType, m ctrl.Message) error {
	for {
		frame, err := in.Next()
		if err != nil {
			return fmt.Errorf("the broker closed the connection: %w", err)
		}
		ev, err := wire.ParseEvent(frame)
		if err != nil {
			return err
		}
		switch ev.Type {
		case typ:
			return ctrl.Decode(ev.Body, ev.Encoding, m)
		case wire.EventHeartbeatReq:
			if _, err := conn.Write(wire.HeartbeatRsp); err != nil {
				return err
			}
		default:
			// Nothing else concerns an administrator.
		}
	}
}
