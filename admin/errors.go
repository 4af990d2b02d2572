package admin

import (
	"errors"
	"strings"
)

// ErrNotFound says that the domain, the queue or the application of a command does not
// exist, as far as the broker knows: it learns of them when clients use them.
var ErrNotFound = errors.New("admin: not found")

// CommandError is what a command fails with that the broker could not or would not run.
type CommandError struct {
	Command string
	Text    string // the broker's words
}

// Error returns the command and the broker's words.
func (e *CommandError) Error() string { return "admin: " + e.Command + ": " + e.Text }

// Is reports a CommandError about something that does not exist as ErrNotFound.
func (e *CommandError) Is(target error) bool {
	return target == ErrNotFound &&
		(strings.Contains(e.Text, "doesn't exist") || strings.Contains(e.Text, "not found"))
}

// undecodable is how brokers begin the answer to a command that they can't read.
const undecodable = "Unable to decode command"
