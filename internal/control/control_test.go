package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/control"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/sessionevents"
)

func TestMain(m *testing.M) {
	proctest.Main(nil)
	goleak.VerifyTestMain(m)
}

const queue = "bmq://bmq.test.mem.priority/q"

// world is a broker with its endpoint.
type world struct {
	t      *testing.T
	broker *broker.Broker
	url    string
	client http.Client
}

func start(t *testing.T) *world {
	t.Helper()
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	require.NoError(t, b.Listen("127.0.0.1:0"))
	s, err := control.Start(b, "127.0.0.1:0")
	require.NoError(t, err)
	w := &world{t: t, broker: b, url: s.URL()}
	w.client.Transport = &http.Transport{}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), proctest.Timeout)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
		b.Kill()
	})
	return w
}

// do calls the endpoint as a program does and returns status and body.
func (w *world) do(method, path, body string, header ...string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	resp, err := w.client.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(text)
}

// call makes a call that has to succeed, and fills answer unless it is nil.
func (w *world) call(method, path, body string, answer any) {
	w.t.Helper()
	status, text := w.do(method, path, body)
	require.Equal(w.t, http.StatusOK, status, text)
	if answer != nil {
		d := json.NewDecoder(strings.NewReader(text))
		require.NoError(w.t, d.Decode(answer), text)
	}
}

// session returns a client's session with the queue open; messages go to received.
func (w *world) session(received chan<- *bmq.Message, opts ...bmq.Option) *bmq.Session {
	w.t.Helper()
	opts = append([]bmq.Option{bmq.WithBroker(w.broker.URI()), bmq.WithProcessName("tester"),
		bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { received <- m })}, opts...)
	s, err := bmq.NewSession(w.t.Context(), func(sessionevents.SessionEvent) {}, opts...)
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), proctest.Timeout)
		defer cancel()
		_ = s.Stop(ctx) // a test may have stopped it
	})
	return s
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.com:80"} {
		_, err := control.Start(nil, address)
		require.ErrorContains(t, err, "is not an address of loopback: whoever reaches this endpoint controls the broker; use 127.0.0.1:PORT", address)
	}
	_, err := control.Start(nil, "here")
	require.ErrorContains(t, err, "use 127.0.0.1:PORT")
	w := start(t)
	_, err = control.Start(w.broker, strings.TrimPrefix(w.url, "http://"))
	require.ErrorContains(t, err, "address already in use")
}

func TestOtherSitesAreKeptOut(t *testing.T) {
	w := start(t)
	w.call("POST", "/api/faults", `{"on":"posting","do":"drop"}`, nil)
	host := strings.TrimPrefix(w.url, "http://")
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
	}{
		"a name that was made to point here": {"GET", "/api/broker", "", []string{"Host", "evil.example:80"}, 403},
		"the page by that name":              {"GET", "/", "", []string{"Host", "evil.example"}, 403},
		"a script of another site":           {"DELETE", "/api/faults", "", []string{"Origin", "http://evil.example"}, 403},
		"a request that browsers mark":       {"DELETE", "/api/faults", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another port of this machine":       {"DELETE", "/api/faults", "", []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, 403},
		"a form":                             {"POST", "/api/purge", "queue=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"text":                               {"POST", "/api/acks", `{"hold":true}`, []string{"Content-Type", "text/plain"}, 415},
		"nothing said":                       {"POST", "/api/stop", `{}`, []string{"Content-Type", ""}, 415},
		"the page itself":                    {"POST", "/api/acks", `{"hold":false}`, []string{"Origin", w.url, "Sec-Fetch-Site", "same-origin"}, 200},
		"a program":                          {"POST", "/api/acks", `{"hold":false}`, []string{"Content-Type", "application/json; charset=utf-8"}, 200},
		"by its other name":                  {"GET", "/api/broker", "", []string{"Host", "localhost:" + host[strings.LastIndex(host, ":")+1:]}, 200},
		"by its address in IPv6":             {"GET", "/api/broker", "", []string{"Host", "[::1]:80"}, 200},
		"by its name without a port":         {"GET", "/api/broker", "", []string{"Host", "[::1]"}, 200},
	} {
		status, text := w.do(c.method, c.path, c.body, c.header...)
		require.Equal(t, c.status, status, "%s: %s", name, text)
	}
	require.Len(t, w.broker.Faults(), 1)
	require.True(t, w.broker.Running())

	resp, err := w.client.Get(w.url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';")
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
}

func TestWrongCallsSayWhatIsWrong(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/api/faults", `{`, 400, "the body is not what is expected"},
		{"POST", "/api/faults", `{"on":"posting","do":"drop","often":true}`, 400, `unknown field \"often\"`},
		{"POST", "/api/faults", `{} {}`, 400, "more than one value"},
		{"POST", "/api/faults", `{"on":"eating","do":"drop"}`, 400, `\"eating\" is none of connecting, negotiating`},
		{"POST", "/api/faults", `{"on":"posting"}`, 400, "Do has to be one of [drop refuse]"},
		{"POST", "/api/faults", `{"on":"sending","do":"drop","event":"LETTER"}`, 400, `\"LETTER\" is none of CONTROL, PUT`},
		{"POST", "/api/faults", `{"on":"posting","do":"refuse","ack":"NO"}`, 400, `\"NO\" is none of LIMIT_MESSAGES`},
		{"POST", "/api/faults", `{"on":"requesting","do":"refuse","status":{"category":"NO"}}`, 400, `\"NO\" is none of E_UNKNOWN`},
		{"POST", "/api/faults", `{"on":"posting","do":"drop","id":3}`, 400, "can't be set"},
		{"POST", "/api/faults", `{"on":"posting","do":"delay","wait":"soon"}`, 400, "invalid duration"},
		{"GET", "/api/faults/9", "", 404, "there is no fault 9"},
		{"DELETE", "/api/faults/x", "", 400, "a fault has a number"},
		{"DELETE", "/api/connections/9", "", 404, "there is no connection 9"},
		{"DELETE", "/api/connections/x", "", 400, "a connection has a number"},
		{"POST", "/api/clock", `{"advance":"-1s"}`, 400, "time goes forward only"},
		{"POST", "/api/clock", `{"advance":90}`, 400, `expected: advance can't be a number: a duration is a text, as \"90s\"`},
		{"POST", "/api/faults", `{"on":"posting","do":"refuse","times":"1"}`, 400, "expected: times can't be a string"},
		{"POST", "/api/faults", `{"status":{"code":"1"}}`, 400, "expected: status.code can't be a string"},
		{"POST", "/api/stop", `[]`, 400, "expected: it can't be an array"},
		{"POST", "/api/acks", `{}`, 400, "hold has to be true or false"},
		{"POST", "/api/restart", `{"keep":"some"}`, 400, `\"some\" is none of persistent, all, none`},
		{"POST", "/api/purge", `{}`, 400, "say either queue"},
		{"POST", "/api/purge", `{"domain":"bmq.test.mem.priority","app":"foo"}`, 400, "say either queue"},
		{"POST", "/api/purge", `{"queue":"bmq://bmq.test.mem.priority/none"}`, 404, "there is no queue"},
		{"POST", "/api/purge", `{"domain":"none"}`, 404, `there is no domain \"none\"`},
		{"GET", "/api/queues?uri=none", "", 404, "there is no queue"},
		{"GET", "/api/messages?uri=none", "", 404, "there is no queue"},
		{"GET", "/api/message?uri=none&guid=1", "", 400, "guid: "},
		{"GET", "/api/message?uri=none&guid=40000000000000000000000000000001", "", 404, "has no message"},
		{"GET", "/api/domains/none", "", 404, `there is no domain \"none\"`},
		{"PATCH", "/api/domains/none", `{}`, 404, `there is no domain \"none\"`},
		{"PATCH", "/api/domains/bmq.test.mem.priority", `[]`, 400, "the patch is no JSON object"},
		{"PATCH", "/api/domains/bmq.test.mem.priority", `null`, 400, "the patch is no JSON object"},
		{"PATCH", "/api/domains/bmq.test.mem.priority", `{} {"maxQueues":1}`, 400, "the patch is no JSON object"},
		{"PATCH", "/api/domains/bmq.test.mem.priority", `{"messageTtl":"long"}`, 400, "messageTtl: it has to be a number, not a text"},
		{"PATCH", "/api/domains/bmq.test.mem.priority", `{"maxQueues":null,"maxThings":1}`, 400, "not supported: maxThings"},
		{"PATCH", "/api/domains/bmq.test.mem.priority", `{"mode":{"priority":null,"broadcast":{}}}`, 400, "can't change its mode"},
		{"PUT", "/api/domains/new", `{"mode":{"priority":{}}}`, 400, "domain new: messageTtl: it is missing"},
		{"POST", "/api/command", `{"command":7}`, 400, "the body is not what is expected"},
		{"POST", "/api/command", `{"command":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "more than 1048576 bytes"},
	} {
		status, text := w.do(c.method, c.path, c.body)
		require.Equal(t, c.status, status, "%s %s: %s", c.method, c.path, text)
		require.Contains(t, text, `{"error":`)
		require.Contains(t, text, c.says)
	}
	require.Empty(t, w.broker.Faults())
	status, _ := w.do("GET", "/nothing", "")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = w.do("GET", "/api/purge", "")
	require.Equal(t, http.StatusMethodNotAllowed, status)
}

func TestEveryCallIsListed(t *testing.T) {
	w := start(t)
	var calls []struct{ Call, What string }
	w.call("GET", "/api", "", &calls)
	require.Greater(t, len(calls), 20)
	for _, c := range calls {
		require.NotEmpty(t, c.What)
		method, path, _ := strings.Cut(c.Call, " ")
		if method != http.MethodGet {
			continue
		}
		status, _ := w.do(method, path, "")
		require.NotEqual(t, http.StatusMethodNotAllowed, status, path)
	}
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	w := start(t)
	for _, path := range []string{"/", "/page.js", "/page.css"} {
		status, text := w.do("GET", path, "")
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, text, "://")
		require.NotContains(t, text, "innerHTML")
		require.False(t, bytes.Contains([]byte(text), []byte("<script>")), "scripts are files of their own")
	}
}
