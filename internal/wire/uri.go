package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
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
	u, err := parseURI(s)
	if err != nil {
		err.URI = s
		return URI{}, err
	}
	return u, nil
}

// parseURI reads from left to right, so that of several faults it finds the one
// that upstream finds; only the length of the queue name is looked at last.
func parseURI(s string) (u URI, err *URIError) {
	rest, ok := strings.CutPrefix(s, uriScheme)
	if !ok {
		return u, &URIError{Code: URIInvalidScheme, Reason: "it does not start with " + uriScheme}
	}
	domain, rest := span(rest, "-_.")
	// The tier is the only thing for which a domain may be followed by "~".
	whole, hasTier := domain, false
	if strings.HasPrefix(rest, "~") {
		domain, hasTier = strings.CutSuffix(domain, ".")
	}
	switch {
	case domain == "" && (rest == "" || hasTier || rest[0] == '/'):
		return u, &URIError{Code: URIMissingDomain, Reason: "the domain is missing"}
	case rest == "":
		return u, errMissingQueue()
	case !hasTier && rest[0] != '/':
		return u, errUnsupported("domain", whole, rest)
	}
	u.Domain, rest = domain, rest[1:]
	if hasTier {
		u.Tier, rest = span(rest, "-")
		switch {
		case u.Tier == "" && (rest == "" || rest[0] == '/'):
			return u, &URIError{Code: URIEmptyTier, Reason: "the tier is empty"}
		case rest == "":
			return u, errMissingQueue()
		case rest[0] != '/':
			return u, errUnsupported("tier", u.Tier, rest)
		}
		rest = rest[1:]
	}
	u.Queue, rest = span(rest, "-_.")
	switch {
	case u.Queue == "" && (rest == "" || rest[0] == '?'):
		return u, errMissingQueue()
	case rest != "" && rest[0] != '?':
		return u, errUnsupported("queue name", u.Queue, rest)
	case rest != "":
		if u.AppID, ok = strings.CutPrefix(rest, uriQuery); !ok || u.AppID == "" {
			return u, &URIError{Code: URIBadQuery, Reason: "the query is not of the form " + uriQuery + "appId"}
		}
		if id, bad := span(u.AppID, "-_."); bad != "" {
			return u, errUnsupported("application id", id, bad)
		}
	}
	if len(u.Queue) > MaxQueueNameLength {
		return u, &URIError{Code: URIQueueTooLong, Reason: fmt.Sprintf("the queue name is longer than %d bytes", MaxQueueNameLength)}
	}
	return u, nil
}

// span cuts s behind its leading letters, digits and characters of extra.
func span(s, extra string) (part, rest string) {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(extra, c) >= 0 {
			continue
		}
		return s[:i], s[i:]
	}
	return s, ""
}

func errMissingQueue() *URIError {
	return &URIError{Code: URIMissingQueue, Reason: "the queue name is missing"}
}

func errUnsupported(part, good, bad string) *URIError {
	r, _ := utf8.DecodeRuneInString(bad)
	return &URIError{Code: URIUnsupportedChar, Reason: fmt.Sprintf("the %s may not have %q behind %q", part, r, good)}
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
