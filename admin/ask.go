package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bmq-go/bmq/internal/wire"
)

// asJSON in front of a command asks for an answer in JSON.
const asJSON = "ENCODING JSON_COMPACT "

// failed is the part of an answer in JSON that tells of a failure.
type failed struct {
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// ask runs a command and fills answer, which json.Unmarshal takes. An answer without
// the member that is named is an error.
func (c *Client) ask(ctx context.Context, command, member string, answer any) error {
	text, err := c.Run(ctx, asJSON+command)
	if err != nil {
		return err
	}
	var f failed
	var members map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(text), &members), json.Unmarshal([]byte(text), &f)); err != nil {
		return fmt.Errorf("admin: %s: the answer is no JSON object: %w", command, err)
	}
	if f.Error != nil {
		return &CommandError{Command: command, Text: f.Error.Message}
	}
	if members[member] == nil {
		return fmt.Errorf("admin: %s: the answer has no %s", command, member)
	}
	if err := json.Unmarshal(members[member], answer); err != nil {
		return fmt.Errorf("admin: %s: the answer is not what was expected: %w", command, err)
	}
	return nil
}

// queueCommand begins a command about a queue, whose URI it checks.
func queueCommand(queueURI string) (command string, uri wire.URI, err error) {
	uri, err = wire.ParseURI(queueURI)
	if err != nil {
		return "", uri, fmt.Errorf("admin: %w", err)
	}
	return "DOMAINS DOMAIN " + uri.QualifiedDomain() + " QUEUE " + uri.Queue, uri, nil
}

// domainCommand begins a command about a domain, whose name it checks.
func domainCommand(domain string) (string, error) {
	uri, err := wire.ParseURI("bmq://" + domain + "/q")
	if err != nil || uri.AppID != "" || uri.Queue != "q" {
		return "", fmt.Errorf("admin: %q is no name of a domain", domain)
	}
	return "DOMAINS DOMAIN " + uri.QualifiedDomain(), nil
}
