package interop_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"peer": goPeer})
	goleak.VerifyTestMain(m)
}

// language is what a peer is written in.
type language string

const (
	golang language = "Go"
	python language = "Python"
)

// each runs a test for peers in each language.
func each(t *testing.T, test func(t *testing.T, lang language)) {
	t.Helper()
	pythonCommand(t)
	for _, lang := range []language{golang, python} {
		t.Run(string(lang), func(t *testing.T) {
			t.Parallel()
			test(t, lang)
		})
	}
}

// pairs runs a test for each pair of languages that has Python in it.
func pairs(t *testing.T, test func(t *testing.T, one, other language)) {
	t.Helper()
	pythonCommand(t)
	for _, p := range [][2]language{{golang, python}, {python, golang}, {python, python}} {
		t.Run(fmt.Sprintf("%s and %s", p[0], p[1]), func(t *testing.T) {
			t.Parallel()
			test(t, p[0], p[1])
		})
	}
}

// pythonCommand returns the interpreter with the SDK. See the package's documentation
// for where it is looked for.
func pythonCommand(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("BMQ_PYTHON"); named != "" {
		require.FileExists(t, named, "BMQ_PYTHON has to name an interpreter with the Python SDK; `make venv` makes one")
		return named
	}
	if os.Getenv("BMQ_INTEROP") == "off" {
		t.Skip("tests against the Python SDK are switched off by INTEROP=off")
	}
	made, err := filepath.Abs("../../.venv/bin/python")
	require.NoError(t, err)
	if _, err := os.Stat(made); err != nil {
		t.Skip("there is no virtual environment with the Python SDK; `make venv` makes it")
	}
	return made
}

// peer is a client in a process of its own.
type peer struct {
	*proctest.Process
	t       *testing.T
	lang    language
	waiting map[string][]output // what came, by its kind
}

// start starts a peer. Its session is not there yet.
func start(t *testing.T, lang language) *peer {
	t.Helper()
	cmd := proctest.Program(t, "peer")
	if lang == python {
		script := filepath.Join("testdata", "peer.py")
		require.FileExists(t, script) // and so Go knows that cached results depend on it
		cmd = exec.Command(pythonCommand(t), "-u", script)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	}
	return &peer{Process: proctest.Start(t, cmd), t: t, lang: lang, waiting: make(map[string][]output)}
}

// connect starts a peer with a session.
func connect(t *testing.T, lang language, b *bmqtest.Broker, c command) *peer {
	t.Helper()
	p := start(t, lang)
	c.Do, c.Broker = "start", b.URI()
	p.do(c)
	return p
}

// producer is a peer that has a queue open for writing.
func producer(t *testing.T, lang language, b *bmqtest.Broker, uri string) *peer {
	t.Helper()
	p := connect(t, lang, b, command{})
	p.do(command{Do: "open", URI: uri, Write: true})
	return p
}

// consumer is a peer that has a queue open for reading. Nothing is confirmed but by
// command.
func consumer(t *testing.T, lang language, b *bmqtest.Broker, uri string) *peer {
	t.Helper()
	p := connect(t, lang, b, command{})
	p.do(command{Do: "open", URI: uri, Read: true})
	return p
}

// do has the peer run a command, which must succeed.
func (p *peer) do(c command) {
	p.t.Helper()
	require.Empty(p.t, p.try(c), "%s: %s", p.lang, c.Do)
}

// try has the peer run a command and returns its error, if any.
func (p *peer) try(c command) string {
	p.t.Helper()
	p.send(c)
	return p.next("reply").Error
}

// send has the peer begin with a command.
func (p *peer) send(c command) {
	p.t.Helper()
	line, err := json.Marshal(c)
	require.NoError(p.t, err)
	_, err = p.Stdin().Write(append(line, '\n'))
	require.NoError(p.t, err)
}

// next returns the next thing of a kind that the peer says.
func (p *peer) next(kind string) output {
	p.t.Helper()
	for len(p.waiting[kind]) == 0 {
		p.keep(p.Line())
	}
	o := p.waiting[kind][0]
	p.waiting[kind] = p.waiting[kind][1:]
	return o
}

func (p *peer) keep(line string) {
	p.t.Helper()
	var o output
	require.NoError(p.t, json.Unmarshal([]byte(line), &o), line)
	p.waiting[o.Is] = append(p.waiting[o.Is], o)
}

// event waits for the session event with the given name.
func (p *peer) event(name string) output {
	p.t.Helper()
	for {
		if o := p.next("event"); o.Name == name {
			return o
		}
	}
}

// post posts a message and returns its ack.
func (p *peer) post(uri, data string, properties ...property) output {
	p.t.Helper()
	tag := new(int)
	raw := []byte(data)
	p.do(command{Do: "post", URI: uri, Data: &raw, Tag: tag, Properties: properties})
	return p.next("ack")
}

// mustPost posts a message, which the broker must take, and returns its GUID.
func (p *peer) mustPost(uri, data string, properties ...property) string {
	p.t.Helper()
	ack := p.post(uri, data, properties...)
	require.Equal(p.t, "SUCCESS", ack.Status)
	return ack.GUID
}

// receive waits for a message, which must have the given payload.
func (p *peer) receive(data string) output {
	p.t.Helper()
	m := p.next("message")
	require.Equal(p.t, data, string(m.Data), "%s received another message", p.lang)
	return m
}

// confirm confirms a message.
func (p *peer) confirm(m output) {
	p.t.Helper()
	p.do(command{Do: "confirm", GUID: m.GUID})
}

// stop ends the peer in good order. What it said and nobody asked for is in waiting
// then.
func (p *peer) stop() {
	p.t.Helper()
	p.do(command{Do: "stop"})
	require.NoError(p.t, p.Stdin().Close())
	require.Zero(p.t, p.Exit(), "%s: exit code", p.lang)
	for {
		line, err := p.Rest()
		if err == io.EOF {
			break
		}
		p.keep(line)
	}
	require.False(p.t, strings.Contains(p.Stderr(), "Traceback"), "a handler of the peer in Python failed")
}

// payloads lists the payloads of messages.
func payloads(messages []output) string {
	var list []string
	for _, m := range messages {
		list = append(list, string(m.Data))
	}
	return strings.Join(list, " ")
}
