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
		e := failure(opOpen, uri, ErrInvalidURI, "%v", err)
		e.Code, e.CodeName = -100, "INVALID_URI"
		return URI{}, e
	}
	return URI(u), nil
}

// String returns the whole URI.
func (u URI) String() string { return wire.URI(u).String() }

// Canonical returns the URI without its application id: what names the queue.
func (u URI) Canonical() string { return wire.URI(u).Canonical() }
