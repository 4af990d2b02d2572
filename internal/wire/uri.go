package wire

import (
	"fmt"
	"strings"
)

// URIErrorCode is the reason why a queue URI was refused, with upstream's numbers.
type URIErrorCode int

// Upstream's URI error codes.
const (
	URIInvalidScheme   URIErrorCode = -1
	URIUnsupportedChar URIErrorCode = -2
	URIBadQuery        URIErrorCode = -3
	URIMissingDomain   URIErrorCode = -4
	URIMissingQueue    URIErrorCode = -5
	URIEmptyTier       URIErrorCode = -6
	URIQueueTooLong    URIErrorCode = -7
)

// URIError says why a queue URI was refused.
type URIError struct {
	URI    string
	Code   URIErrorCode
	Reason string
}

// Error implements error.
func (e *URIError) Error() string {
	return fmt.Sprintf("queue URI %q: %s (the form is bmq://domain[.~tier]/queue[?id=appId])", e.URI, e.Reason)
}

const (
	uriScheme = "bmq://"
	uriTier   = ".~"
	uriQuery  = "?id="
	// MaxQueueNameLength is the longest queue name in bytes.
	MaxQueueNameLength = 64
)

// URI is a queue URI in its parts. The zero value is no URI.
type URI struct {
	Domain string // without tier
	Tier   string // empty: none
	Queue  string
	AppID  string // empty: none
}

// ParseURI reads bmq://domain[.~tier]/queue[?id=appId]. The error is a *URIError.
func ParseURI(s string) (URI, error) {
	fail := func(code URIErrorCode, format string, args ...any) (URI, error) {
		return URI{}, &URIError{URI: s, Code: code, Reason: fmt.Sprintf(format, args...)}
	}
	rest, ok := strings.CutPrefix(s, uriScheme)
	if !ok {
		return fail(URIInvalidScheme, "it does not start with %s", uriScheme)
	}
	authority, path, ok := strings.Cut(rest, "/")
	if authority == "" {
		return fail(URIMissingDomain, "the domain is missing")
	}
	if !ok {
		return fail(URIMissingQueue, "the queue name is missing")
	}
	var u URI
	var query string
	var hasTier, hasQuery bool
	u.Domain, u.Tier, hasTier = strings.Cut(authority, uriTier)
	u.Queue, query, hasQuery = strings.Cut(path, "?")
	switch {
	case u.Domain == "":
		return fail(URIMissingDomain, "the domain is missing")
	case hasTier && u.Tier == "":
		return fail(URIEmptyTier, "the tier is empty")
	case u.Queue == "":
		return fail(URIMissingQueue, "the queue name is missing")
	case len(u.Queue) > MaxQueueNameLength:
		return fail(URIQueueTooLong, "the queue name is longer than %d bytes", MaxQueueNameLength)
	}
	if hasQuery {
		u.AppID, ok = strings.CutPrefix("?"+query, uriQuery)
		if !ok || u.AppID == "" {
			return fail(URIBadQuery, "the query is not of the form %sappId", uriQuery)
		}
	}
	for _, part := range []struct{ name, text, extra string }{
		{"domain", u.Domain, "-._"}, {"tier", u.Tier, "-"}, {"queue name", u.Queue, "-_."}, {"application id", u.AppID, "-_."},
	} {
		if i := strings.IndexFunc(part.text, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune(part.extra, r) }); i >= 0 {
			return fail(URIUnsupportedChar, "the %s has an unsupported character at %q", part.name, part.text[i:])
		}
	}
	return u, nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// Canonical returns the URI without its application id: what names the queue.
func (u URI) Canonical() string {
	return uriScheme + u.QualifiedDomain() + "/" + u.Queue
}

// QualifiedDomain returns the domain with its tier.
func (u URI) QualifiedDomain() string {
	if u.Tier == "" {
		return u.Domain
	}
	return u.Domain + uriTier + u.Tier
}

// String returns the whole URI.
func (u URI) String() string {
	if u.AppID == "" {
		return u.Canonical()
	}
	return u.Canonical() + uriQuery + u.AppID
}
