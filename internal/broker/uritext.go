package broker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmq-go/bmq/internal/wire"
)

// uriText says why a URI was refused, in the words of the official broker.
func uriText(err error) string {
	var e *wire.URIError
	if !errors.As(err, &e) {
		return err.Error()
	}
	switch e.Code {
	case wire.URIInvalidScheme:
		return `Invalid scheme: uri must start with "bmq://"`
	case wire.URIMissingDomain:
		return "Missing domain"
	case wire.URIMissingQueue:
		return "Missing queue"
	case wire.URIEmptyTier:
		return "Empty tier"
	case wire.URIQueueTooLong:
		return fmt.Sprintf("Queue name exceeds %d characters", wire.MaxQueueNameLength)
	case wire.URIUnsupportedChar:
		return unsupportedChar(strings.TrimPrefix(e.URI, "bmq://"))
	}
	_, query, _ := strings.Cut(e.URI, "?")
	switch name, value, found := strings.Cut(query, "="); {
	case !found:
		return "Query parsing failed: no separator found"
	case value == "":
		return `Query parsing failed: missing value after "="`
	default:
		return fmt.Sprintf("Query parsing failed: unsupported query %q", name)
	}
}

// unsupportedChar names the first part of a URI that has a character it may not
// have, and that character.
func unsupportedChar(uri string) string {
	authority, rest, _ := strings.Cut(uri, "/")
	domain, tier, _ := strings.Cut(authority, ".~")
	path, query, _ := strings.Cut(rest, "?")
	_, id, _ := strings.Cut(query, "=")
	for _, part := range []struct{ name, text, more string }{
		{"Domain", domain, "-._"}, {"Tier", tier, "-"}, {"Path", path, "-_."}, {"Query", id, "-_."},
	} {
		for i := range len(part.text) {
			c := part.text[i]
			alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
			if !alphanumeric && strings.IndexByte(part.more, c) < 0 {
				return fmt.Sprintf("%s parsing failed: unsupported char (int)%d", part.name, int8(c))
			}
		}
	}
	return "Path parsing failed: unsupported char"
}
