package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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

// ask runs a command and fills answer, which json.Unmarshal takes, from a broker that
// has JSON; else parse gets the text. parse returns false for text that tells of a
// failure.
func (c *Client) ask(ctx context.Context, command string, answer any, parse func(text string) bool) error {
	text, err := c.Run(ctx, asJSON+command)
	var refused *CommandError
	switch {
	case err == nil:
		var f failed
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return fmt.Errorf("admin: %s: the answer is no JSON: %w", command, err)
		}
		if f.Error != nil {
			return &CommandError{Command: command, Text: f.Error.Message}
		}
		if err := json.Unmarshal([]byte(text), answer); err != nil {
			return fmt.Errorf("admin: %s: the answer is not what was expected: %w", command, err)
		}
		return nil
	case !errors.As(err, &refused) || !strings.Contains(refused.Text, "ENCODING"):
		return err
	}
	if text, err = c.Run(ctx, command); err != nil {
		return err
	}
	if !parse(text) {
		return &CommandError{Command: command, Text: text}
	}
	return nil
}

// queueCommand begins a command about a queue, whose URI it checks.
func queueCommand(queueURI string) (command string, uri wire.URI, err error) {
	uri, err = wire.ParseURI(queueURI)
	if err != nil {
		return "", uri, fmt.Errorf("admin: %w", err)
	}
	return "DOMAINS DOMAIN " + qualified(uri) + " QUEUE " + uri.Queue, uri, nil
}

// domainCommand begins a command about a domain, whose name it checks.
func domainCommand(domain string) (string, error) {
	uri, err := wire.ParseURI("bmq://" + domain + "/q")
	if err != nil || uri.AppID != "" || uri.Queue != "q" {
		return "", fmt.Errorf("admin: %q is no name of a domain", domain)
	}
	return "DOMAINS DOMAIN " + qualified(uri), nil
}

func qualified(uri wire.URI) string {
	if uri.Tier != "" {
		return uri.Domain + ".~" + uri.Tier
	}
	return uri.Domain
}
