package bmq

import (
	"github.com/bmq-go/bmq/internal/wire"
)

// URI is a queue URI in its parts: bmq://domain[.~tier]/queue[?id=appId]. Methods
// of Session take URIs as text; this type is for those who build or inspect them.
type URI struct {
	Domain string // letters, digits, "-", "_" and "."
	Tier   string // empty: none
	Queue  string // up to 64 letters, digits, "-", "_" and "."
	AppID  string // of a consumer of a fanout queue; empty: none
}

// ParseURI reads a queue URI. The error is ErrInvalidURI and says what is wrong.
func ParseURI(uri string) (URI, error) {
	u, err := wire.ParseURI(uri)
	if err != nil {
		return URI{}, &Error{Op: opOpen, QueueURI: uri, Code: -100, CodeName: "INVALID_URI", Desc: err.Error(), Err: ErrInvalidURI}
	}
	return URI(u), nil
}

// String returns the whole URI.
func (u URI) String() string { return wire.URI(u).String() }

// Canonical returns the URI without its application id: what names the queue.
func (u URI) Canonical() string { return wire.URI(u).Canonical() }
