package control_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/proctest"
)

// browser is Chromium without a window, driven by the WebDriver protocol.
type browser struct {
	t       *testing.T
	session string // URL
}

var driverPort = regexp.MustCompile(`on port (\d+)`)

// startBrowser skips the test where there is no browser.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	driver, driverErr := exec.LookPath("chromedriver")
	if err != nil || driverErr != nil {
		t.Skip("no browser: chromium and chromedriver, from the Debian packages chromium and chromium-driver, are not there")
	}
	process := proctest.Start(t, exec.Command(driver, "--port=0"))
	port := driverPort.FindStringSubmatch(process.Await("started successfully"))
	require.NotEmpty(t, port)
	b := &browser{t: t, session: "http://127.0.0.1:" + port[1] + "/session"}
	var made struct{ SessionID string }
	b.do(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": []string{
			"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--window-size=1300,1000",
		}},
	}}}, &made)
	b.session += "/" + made.SessionID
	t.Cleanup(func() { b.do(http.MethodDelete, "", nil, nil) })
	return b
}

// do makes a call of the protocol that has to succeed.
func (b *browser) do(method, path string, body, value any) {
	b.t.Helper()
	status, text := b.try(method, path, body)
	require.Equal(b.t, http.StatusOK, status, "%s", text)
	if value != nil {
		require.NoError(b.t, json.Unmarshal(text, &struct{ Value any }{value}))
	}
}

// try makes a call of the protocol.
func (b *browser) try(method, path string, body any) (status int, answer []byte) {
	b.t.Helper()
	var data []byte
	if body != nil {
		var err error
		data, err = json.Marshal(body)
		require.NoError(b.t, err)
	}
	r, err := http.NewRequest(method, b.session+path, bytes.NewReader(data))
	require.NoError(b.t, err)
	client := http.Client{Timeout: proctest.Timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, resp.Body.Close()) }()
	answer, err = io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp.StatusCode, answer
}

// open goes to a page.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do(http.MethodPost, "/url", map[string]string{"url": url}, nil)
}

// run runs a script in the page and returns what it, or its promise, comes to.
func (b *browser) run(script string, args ...any) (value any) {
	b.t.Helper()
	if args == nil {
		args = []any{}
	}
	b.do(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": args}, &value)
	return value
}

// await waits until a script comes to something true.
func (b *browser) await(script string, args ...any) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { v, _ := b.run(script, args...).(bool); return v }, proctest.Timeout, 20*time.Millisecond, script)
}

// text returns what an element shows.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return fmt.Sprint(b.run("return document.querySelector(arguments[0]).innerText", selector))
}

// click clicks the button with a text in an element, as a user does. The page may put
// another one in its place between finding and clicking it.
func (b *browser) click(selector, text string) {
	b.t.Helper()
	button := map[string]string{
		"using": "xpath", "value": fmt.Sprintf(`//*[@id=%q]//button[normalize-space()=%q]`, selector, text),
	}
	require.Eventually(b.t, func() bool {
		status, answer := b.try(http.MethodPost, "/element", button)
		var found struct{ Value map[string]string }
		if status != http.StatusOK || json.Unmarshal(answer, &found) != nil {
			return false
		}
		for _, id := range found.Value {
			status, _ = b.try(http.MethodPost, "/element/"+id+"/click", map[string]any{})
		}
		return status == http.StatusOK
	}, proctest.Timeout, 20*time.Millisecond, "clicking %s in %s", text, selector)
}
