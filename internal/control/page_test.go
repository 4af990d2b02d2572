package control_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/proctest"
)

// hostile is a text that would take the page over if it became HTML.
const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`

func TestThePageInABrowser(t *testing.T) {
	b := startBrowser(t)
	w := start(t)
	received := make(chan *bmq.Message, 1)
	s := w.session(nil, bmq.WithProcessName(hostile), bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) {
		select {
		case received <- m:
		default: // only the first one is waited for
		}
	}))
	require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite()))
	ack, err := s.PostAndWait(t.Context(), queue, []byte(hostile), bmq.WithProperties(map[string]any{"key": hostile, "large": int64(math.MaxInt64 - 1)}))
	require.NoError(t, err)
	<-received
	w.broker.Inject(broker.Fault{On: broker.Posting, Do: broker.Refuse, Queue: "bmq://bmq.test.mem.priority/other"})

	b.open(w.url)
	b.await("return document.querySelector('#queues').innerText.includes(arguments[0])", queue)
	require.Contains(t, b.text("#broker"), w.broker.URI()+" · running")
	require.Contains(t, b.text("#domains"), "bmq.test.mem.fanout")
	require.Contains(t, b.text("#connections"), hostile)
	require.Contains(t, b.text("#faults"), "on: posting, do: refuse, queue: bmq://bmq.test.mem.priority/other")

	// A look at a queue, at its consumers and at a message.
	b.click("queues", queue)
	b.await("return !document.querySelector('#details').hidden")
	require.Equal(t, queue, b.text("#uri"))
	require.Contains(t, b.text("#consumers"), hostile)
	guid := ack.GUID.String()
	require.Contains(t, b.text("#messages"), guid)
	b.click("messages", guid)
	b.await("return !document.querySelector('#message').hidden")
	require.Equal(t, hostile, b.text("#message pre"))
	require.Contains(t, b.text("#message table"), hostile)
	require.Contains(t, b.text("#message table"), strconv.FormatInt(math.MaxInt64-1, 10))
	require.Equal(t, "bmq broker", b.run("return document.title"), "nothing became HTML")
	require.Equal(t, 0.0, b.run("return document.querySelectorAll('img, script:not([src])').length"))

	// Rates follow what happens.
	require.Eventually(t, func() bool {
		for range 10 {
			_, err := s.PostAndWait(t.Context(), queue, []byte("x"))
			require.NoError(t, err)
		}
		return b.run("return [...document.querySelectorAll('#queues td')].slice(7, 9).every(c => Number(c.innerText) > 0)") == true
	}, proctest.Timeout, 20*time.Millisecond)

	b.click("faults", "remove")
	b.await("return document.querySelector('#faults').innerText === 'none'")
	require.Empty(t, w.broker.Faults())
	b.click("queues", "purge")
	b.await("return document.querySelector('#messages').innerText === 'none'")
	q, _ := w.broker.Queue(queue)
	require.Zero(t, q.Messages)
	b.click("connections", "drop")
	b.await("return !document.querySelector('#connections').innerText.includes(arguments[0])", "tester")

	// What goes wrong is said.
	require.NoError(t, s.Stop(context.Background()))
	b.run("const p = document.querySelector('header'); p.id = 'top'; p.append(button('drop nobody', () => call('DELETE', 'connections/99')))")
	b.click("top", "drop nobody")
	b.await("return document.querySelector('#problem').innerText.includes('there is no connection 99')")
}

func TestAPageOfAnotherSiteCanNotUseTheEndpoint(t *testing.T) {
	b := startBrowser(t)
	w := start(t)
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("<title>another site</title>"))
	}))
	defer other.Close()
	w.broker.Inject(broker.Fault{On: broker.Posting, Do: broker.Drop})
	b.open(other.URL)
	for name, script := range map[string]string{
		"read":          "return fetch(arguments[0] + '/api/queues').then(r => 'got ' + r.status, e => 'failed')",
		"delete":        "return fetch(arguments[0] + '/api/faults', {method: 'DELETE'}).then(r => 'got ' + r.status, e => 'failed')",
		"JSON":          "return fetch(arguments[0] + '/api/stop', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}).then(r => 'got ' + r.status, e => 'failed')",
		"form, blindly": "return fetch(arguments[0] + '/api/stop', {method: 'POST', mode: 'no-cors', body: '{}'}).then(r => 'failed', e => 'failed')",
		"in a frame": `const f = document.createElement('iframe'); f.src = arguments[0]; document.body.append(f);
			return new Promise(done => { f.onload = () => { try { done(f.contentWindow.document.title) } catch (e) { done('failed') } } })`,
	} {
		require.Equal(t, "failed", b.run(script, w.url), name)
	}
	require.Len(t, w.broker.Faults(), 1)
	require.True(t, w.broker.Running())
}
