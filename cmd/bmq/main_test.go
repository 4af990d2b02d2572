package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "usage: bmq <command>"},
		{[]string{"help"}, 0, "run the embedded broker"},
		{[]string{"--help"}, 0, "run the embedded broker"},
		{[]string{"help", "broker"}, 0, "-listen"},
		{[]string{"help", "nope"}, 2, `there is no command "nope"`},
		{[]string{"nope"}, 2, `there is no command "nope"`},
		{[]string{"broker", "-h"}, 0, "-listen"},
		{[]string{"broker", "-v", "-h"}, 0, "-listen"},
		{[]string{"broker", "-nope"}, 2, "flag provided but not defined: -nope"},
		{[]string{"broker", "extra"}, 2, `unexpected argument "extra"`},
		{[]string{"broker", "-listen", "here"}, 1, "missing port in address; -listen takes host:port, port 0 is a free one"},
		{[]string{"broker", "-listen", "tcp://127.0.0.1:1"}, 1, "too many colons in address; -listen takes host:port"},
		{[]string{"broker", "-listen", "127.0.0.1:0", "-http", "here"}, 1, "-http takes host:port, port 0 is a free one"},
		{[]string{"broker", "-listen", "127.0.0.1:0", "-http", "0.0.0.0:8080"}, 1, `"0.0.0.0:8080" is not an address of loopback: whoever reaches this endpoint controls the broker`},
		{[]string{"engines", "-h"}, 0, "usage: bmq engines"},
		{[]string{"engines", "extra"}, 2, "usage: bmq engines"},
		{[]string{"broker", "-config", "/does/not/exist"}, 1, "/does/not/exist/domains: the configuration has no domains"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), c.args, &stdout, &stderr)
		require.Equal(t, c.code, code, "%v", c.args)
		said, silent := &stderr, &stdout
		if c.code == 0 { // it was asked for
			said, silent = silent, said
		}
		require.Contains(t, said.String(), c.want)
		require.Empty(t, silent.String())
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatIsLostIsAFailure(t *testing.T) {
	for _, args := range [][]string{{"engines"}, {"engines", "-h"}, {"broker", "-h"}, {"broker", "-listen", "127.0.0.1:0"}} {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(t.Context(), args, full{}, &stderr), "%v", args)
		require.Contains(t, stderr.String(), "no space left on device")
	}
}

func TestEngines(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"engines"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "portable version "+bmq.Version+", linkage Go\n")
	require.Empty(t, stderr.String())
}

// runBrokerUntil runs the command until its URI was printed and f returned.
func runBrokerUntil(t *testing.T, args []string, f func(uri string, next func() string)) (stdout, stderr string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int)
	go func() {
		c := run(ctx, append([]string{"broker"}, args...), in, &errs)
		_ = in.Close()
		code <- c
	}()
	r := bufio.NewReader(out)
	uri, err := r.ReadString('\n')
	require.NoError(t, err, errs.String())
	lines, rest := make(chan string, 100), make(chan string)
	go func() {
		defer close(lines)
		var text strings.Builder
		for {
			line, err := r.ReadString('\n')
			text.WriteString(line)
			if err != nil {
				rest <- text.String()
				return
			}
			lines <- line
		}
	}()
	f(strings.TrimSpace(uri), func() string {
		line, ok := <-lines
		require.True(t, ok, "there is no more line")
		return line
	})
	cancel()
	require.Zero(t, <-code)
	return <-rest, errs.String()
}

func TestBrokerPrintsItsURIFirstAndStopsCleanly(t *testing.T) {
	stdout, stderr := runBrokerUntil(t, []string{"-listen", "127.0.0.1:0"}, func(uri string, _ func() string) {
		require.Regexp(t, `^tcp://127\.0\.0\.1:\d+$`, uri)
		conn, err := net.Dial("tcp", strings.TrimPrefix(uri, "tcp://"))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
	require.Contains(t, stdout, "for tests and development, not for production")
	require.NotContains(t, stdout, "everybody")
	require.Empty(t, stderr)
}

func TestBrokerSaysWhenOthersCanReachIt(t *testing.T) {
	stdout, stderr := runBrokerUntil(t, []string{"-listen", "0.0.0.0:0"}, func(uri string, _ func() string) {
		require.NotContains(t, uri, "[")
	})
	require.Contains(t, stdout, "It listens on 0.0.0.0:0: everybody who can reach this machine can use it.")
	require.Contains(t, stderr, "the broker does not listen on loopback")
}

func TestBrokerIsShownAndControlledOverHTTP(t *testing.T) {
	page := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	var ended string
	stdout, stderr := runBrokerUntil(t, []string{"-listen", "127.0.0.1:0", "-http", "127.0.0.1:0"}, func(uri string, next func() string) {
		var address string
		for address == "" {
			address = page.FindString(next())
		}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get(address + "/api/broker")
		require.NoError(t, err)
		defer func() { require.NoError(t, resp.Body.Close()) }()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(text), uri)
		ended = address
	})
	require.NotContains(t, stdout, "everybody")
	require.Empty(t, stderr)
	_, err := net.Dial("tcp", strings.TrimPrefix(ended, "http://"))
	require.Error(t, err, "it ends with the broker")
}

func TestBrokerReadsAnOfficialConfiguration(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "domains"), 0o755))
	domain := `{"definition":{"location":"local","parameters":{"mode":{"priority":{}},"messageTtl":300,"maxIdleTime":5,
		"storage":{"config":{"inMemory":{}},"domainLimits":{"messages":1,"bytes":1},"queueLimits":{"messages":1,"bytes":1}}}}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "domains", "d.json"), []byte(domain), 0o600))
	free, held, err := ports.Free()
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Close()) }()
	port := strconv.Itoa(free)
	broker := `{"appConfig":{"networkInterfaces":{"tcpInterface":{"port":` + port + `}}}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bmqbrkrcfg.json"), []byte(broker), 0o600))
	_, stderr := runBrokerUntil(t, []string{"-config", dir}, func(uri string, _ func() string) {
		require.Equal(t, "tcp://127.0.0.1:"+port, uri, "the port is the directory's")
	})
	require.Contains(t, stderr, "definition.parameters.maxIdleTime")
	runBrokerUntil(t, []string{"-config", dir, "-listen", "127.0.0.1:0"}, func(uri string, _ func() string) {
		require.NotEqual(t, "tcp://127.0.0.1:"+port, uri)
	})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "domains", "d.json"), []byte(`{}`), 0o600))
	var stdout, errs bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"broker", "-config", dir}, &stdout, &errs))
	require.Contains(t, errs.String(), "d.json: the file: it has to have exactly one member out of definition, redirect")
}
