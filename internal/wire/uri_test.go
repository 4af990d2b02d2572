package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
)

func TestURIHasItsParts(t *testing.T) {
	longest := strings.Repeat("q", wire.MaxQueueNameLength)
	for _, c := range []struct {
		text      string
		want      wire.URI
		domain    string
		canonical string
	}{
		{"bmq://d/q", wire.URI{Domain: "d", Queue: "q"}, "d", "bmq://d/q"},
		{
			"bmq://my.domain/queue-foo-bar", wire.URI{Domain: "my.domain", Queue: "queue-foo-bar"},
			"my.domain", "bmq://my.domain/queue-foo-bar",
		},
		{
			"bmq://ts.trades.myapp/my.queue?id=my.app", wire.URI{Domain: "ts.trades.myapp", Queue: "my.queue", AppID: "my.app"},
			"ts.trades.myapp", "bmq://ts.trades.myapp/my.queue",
		},
		{
			"bmq://ts.trades.myapp.~lcl-fooBar/my.queue", wire.URI{Domain: "ts.trades.myapp", Tier: "lcl-fooBar", Queue: "my.queue"},
			"ts.trades.myapp.~lcl-fooBar", "bmq://ts.trades.myapp.~lcl-fooBar/my.queue",
		},
		{
			"bmq://-A_z.0.~-9/-_.Q?id=_-.A", wire.URI{Domain: "-A_z.0", Tier: "-9", Queue: "-_.Q", AppID: "_-.A"},
			"-A_z.0.~-9", "bmq://-A_z.0.~-9/-_.Q",
		},
		{"bmq://./.?id=.", wire.URI{Domain: ".", Queue: ".", AppID: "."}, ".", "bmq://./."},
		{"bmq://...~t/q", wire.URI{Domain: "..", Tier: "t", Queue: "q"}, "...~t", "bmq://...~t/q"},
		{"bmq://d/" + longest, wire.URI{Domain: "d", Queue: longest}, "d", "bmq://d/" + longest},
	} {
		t.Run(c.text, func(t *testing.T) {
			u, err := wire.ParseURI(c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, u)
			require.Equal(t, c.text, u.String())
			require.Equal(t, c.canonical, u.Canonical())
			require.Equal(t, c.domain, u.QualifiedDomain())
		})
	}
}

func TestURIIsRefusedForTheReasonThatUpstreamGives(t *testing.T) {
	tooLong := strings.Repeat("q", wire.MaxQueueNameLength+1)
	for _, c := range []struct {
		text string
		code wire.URIErrorCode
	}{
		{"", wire.URIInvalidScheme},
		{"foobar", wire.URIInvalidScheme},
		{"bmq:/d/q", wire.URIInvalidScheme},
		{"bmq:", wire.URIInvalidScheme},
		{"bb://d/q", wire.URIInvalidScheme},
		{"BMQ://d/q", wire.URIInvalidScheme},
		{" bmq://d/q", wire.URIInvalidScheme},
		{"bmqs://d/q", wire.URIInvalidScheme},

		{"bmq://", wire.URIMissingDomain},
		{"bmq:///", wire.URIMissingDomain},
		{"bmq:///q", wire.URIMissingDomain},
		{"bmq:///@", wire.URIMissingDomain},
		{"bmq://.~", wire.URIMissingDomain},
		{"bmq://.~t/q", wire.URIMissingDomain},
		{"bmq://.~@", wire.URIMissingDomain},

		{"bmq://$%@/q", wire.URIUnsupportedChar},
		{"bmq://d@", wire.URIUnsupportedChar},
		{"bmq://d?id=a", wire.URIUnsupportedChar},
		{"bmq://~t/q", wire.URIUnsupportedChar},
		{"bmq://d~t/q", wire.URIUnsupportedChar},
		{"bmq://d. ~t/q", wire.URIUnsupportedChar},
		{"bmq://ä/q", wire.URIUnsupportedChar},
		{"bmq://d\x00/q", wire.URIUnsupportedChar},
		{"bmq://d\xff/q", wire.URIUnsupportedChar},
		{"bmq://d /q", wire.URIUnsupportedChar},

		{"bmq://d", wire.URIMissingQueue},
		{"bmq://d.", wire.URIMissingQueue},
		{"bmq://d/", wire.URIMissingQueue},
		{"bmq://d/?", wire.URIMissingQueue},
		{"bmq://d/?id=a", wire.URIMissingQueue},
		{"bmq://d/?x", wire.URIMissingQueue},
		{"bmq://d.~t", wire.URIMissingQueue},
		{"bmq://d.~t/", wire.URIMissingQueue},

		{"bmq://d.~", wire.URIEmptyTier},
		{"bmq://d.~/", wire.URIEmptyTier},
		{"bmq://d.~/q", wire.URIEmptyTier},
		{"bmq://d.~a_b/q", wire.URIUnsupportedChar},
		{"bmq://d.~a.b/q", wire.URIUnsupportedChar},
		{"bmq://d.~a.~b/q", wire.URIUnsupportedChar},
		{"bmq://d.~?id=a", wire.URIUnsupportedChar},
		{"bmq://d.~ä/q", wire.URIUnsupportedChar},

		{"bmq://d/q/", wire.URIUnsupportedChar},
		{"bmq://d//q", wire.URIUnsupportedChar},
		{"bmq://d/@?x", wire.URIUnsupportedChar},
		{"bmq://d/q&id=a", wire.URIUnsupportedChar},
		{"bmq://d/q#f", wire.URIUnsupportedChar},
		{"bmq://d/q~t", wire.URIUnsupportedChar},
		{"bmq://d/q ", wire.URIUnsupportedChar},
		{"bmq://d/q\n", wire.URIUnsupportedChar},
		{"bmq://d/" + tooLong + "@", wire.URIUnsupportedChar},

		{"bmq://d/q?", wire.URIBadQuery},
		{"bmq://d/q?id", wire.URIBadQuery},
		{"bmq://d/q?id=", wire.URIBadQuery},
		{"bmq://d/q?=a", wire.URIBadQuery},
		{"bmq://d/q?ID=a", wire.URIBadQuery},
		{"bmq://d/q?pid=a", wire.URIBadQuery},
		{"bmq://d/q?id@=a", wire.URIBadQuery},
		{"bmq://d/q?@", wire.URIBadQuery},
		{"bmq://d/q?id==", wire.URIUnsupportedChar},
		{"bmq://d/q?id=a&", wire.URIUnsupportedChar},
		{"bmq://d/q?id=a&id=b", wire.URIUnsupportedChar},
		{"bmq://d/q?id=a?id=b", wire.URIUnsupportedChar},
		{"bmq://d/q?id=a/b", wire.URIUnsupportedChar},
		{"bmq://d/" + tooLong + "?", wire.URIBadQuery},
		{"bmq://d/" + tooLong + "?id=@", wire.URIUnsupportedChar},

		{"bmq://d/" + tooLong, wire.URIQueueTooLong},
		{"bmq://d/" + tooLong + "?id=a", wire.URIQueueTooLong},
	} {
		t.Run(c.text, func(t *testing.T) {
			u, err := wire.ParseURI(c.text)
			var e *wire.URIError
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.code, e.Code, err.Error())
			require.Equal(t, c.text, e.URI)
			require.Zero(t, u)
		})
	}
}

func TestURIErrorsSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"bmq://my domain/q": `queue URI "bmq://my domain/q": the domain may not have ' ' behind "my" (the form is bmq://domain[.~tier]/queue[?id=appId])`,
		"bmq://d.~t_/q":     `queue URI "bmq://d.~t_/q": the tier may not have '_' behind "t" (the form is bmq://domain[.~tier]/queue[?id=appId])`,
		"bmq://d/q?x=y":     `queue URI "bmq://d/q?x=y": the query is not of the form ?id=appId (the form is bmq://domain[.~tier]/queue[?id=appId])`,
	} {
		_, err := wire.ParseURI(text)
		require.EqualError(t, err, want)
	}
}
