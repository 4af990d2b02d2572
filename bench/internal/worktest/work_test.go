package worktest

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/floor"
	"github.com/bmq-go/bmq/bench/internal/gosdk"
	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/null"
	"github.com/bmq-go/bmq/bmqtest"
)

const queue = "bmq://bmq.test.mem.priority/work"

// clients are the clients, as functions that do a job.
func clients(t *testing.T) map[string]func(*job.Job) (*job.Result, error) {
	all := map[string]func(*job.Job) (*job.Result, error){
		"portable": func(j *job.Job) (*job.Result, error) { j.Engine = "portable"; return gosdk.Do(j) },
		"borrowed": func(j *job.Job) (*job.Result, error) {
			j.Engine, j.Borrowed = "portable", true
			return gosdk.Do(j)
		},
		"floor": func(j *job.Job) (*job.Result, error) { j.Batch = 16; return floor.Do(j) },
	}
	interpreter := os.Getenv("BMQ_PYTHON")
	if interpreter == "" {
		interpreter = filepath.Join("..", "..", "..", ".venv", "bin", "python")
	}
	if exec.Command(interpreter, "-c", "import blazingmq").Run() == nil {
		all["python"] = func(j *job.Job) (*job.Result, error) { return python(t, interpreter, j) }
	}
	return all
}

func python(t *testing.T, interpreter string, j *job.Job) (*job.Result, error) {
	in, err := json.Marshal(j)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), interpreter, filepath.Join("..", "..", "python", "driver.py"))
	cmd.Stdin = bytes.NewReader(append(in, '\n'))
	out, err := cmd.Output()
	require.NoError(t, err)
	r := new(job.Result)
	require.NoError(t, json.Unmarshal(out, r))
	require.Empty(t, r.Error)
	return r, nil
}

func TestClientsDoTheirWork(t *testing.T) {
	for name, do := range clients(t) {
		t.Run(name, func(t *testing.T) {
			b := bmqtest.Start(t)
			run := func(j job.Job) *job.Result {
				j.Broker, j.Size = b.URI(), 100
				r, err := do(&j)
				require.NoError(t, err)
				require.Equal(t, j.N, r.Messages)
				require.Zero(t, r.Failed)
				return r
			}
			messages := func() int64 { q, _ := b.Queue(queue); return q.Messages }
			// The floor does not wait until the broker has read its last confirmations.
			empty := func() {
				require.Eventually(t, func() bool { return messages() == 0 }, time.Minute, time.Millisecond)
			}

			run(job.Job{Kind: job.Post, Write: []string{queue}, N: 500, Warmup: 100, Acks: true})
			require.EqualValues(t, 600, messages())
			run(job.Job{Kind: job.Consume, Read: []string{queue}, N: 600})
			empty()
			both := job.Job{Write: []string{queue}, Read: []string{queue}, N: 200, Warmup: 20, Acks: true}
			for _, kind := range []job.Kind{job.Exchange, job.PingPong, job.Paced} {
				both.Kind, both.Rate = kind, 2000
				r := run(both)
				empty()
				require.Equal(t, kind != job.Exchange, r.Latency != nil)
				if r.Latency != nil {
					require.Positive(t, r.Latency.P50)
					require.LessOrEqual(t, r.Latency.P50, r.Latency.P99)
				}
			}
			q, _ := b.Queue(queue)
			require.EqualValues(t, 600+3*220, q.Counters.Confirmed)
		})
	}
}

func TestGoClientDoesTheRest(t *testing.T) {
	b := bmqtest.Start(t)
	const fanout, broadcast = "bmq://bmq.test.mem.fanout/work", "bmq://bmq.test.mem.broadcast/work"
	for name, j := range map[string]job.Job{
		"without acks": {Kind: job.Post, Write: []string{queue}, N: 100},
		"batches":      {Kind: job.Post, Write: []string{queue + "2"}, N: 100, Batch: 16, Acks: true},
		"properties":   {Kind: job.Post, Write: []string{queue + "3"}, N: 100, Acks: true, Properties: 32},
		"compressed":   {Kind: job.Post, Write: []string{queue + "4"}, N: 100, Acks: true, Zlib: true, Text: true},
		"sessions":     {Kind: job.Post, Write: []string{queue + "5"}, N: 100, Acks: true, Sessions: 5},
		"queues":       {Kind: job.Exchange, Write: []string{queue + "6", queue + "7"}, Read: []string{queue + "6", queue + "7"}, N: 100, Acks: true},
		"fanout":       {Kind: job.Exchange, Write: []string{fanout}, Read: []string{fanout + "?id=foo", fanout + "?id=bar", fanout + "?id=baz"}, N: 100, Acks: true, Copies: 3},
		"broadcast":    {Kind: job.Exchange, Write: []string{broadcast}, Read: []string{broadcast}, N: 100, Acks: true, Copies: 3, Sessions: 3},
	} {
		t.Run(name, func(t *testing.T) {
			j.Broker, j.Size, j.Engine = b.URI(), 2000, "portable"
			r, err := gosdk.Do(&j)
			require.NoError(t, err)
			require.Equal(t, j.Deliveries(), r.Messages)
		})
	}
	idle := job.Job{Kind: job.Idle, Broker: b.URI(), Write: []string{queue}, Sessions: 3, Engine: "portable"}
	r, err := gosdk.Do(&idle)
	require.NoError(t, err)
	require.Equal(t, 3, r.Messages)
	_, err = gosdk.Do(&job.Job{Kind: "other"})
	require.ErrorContains(t, err, `"other"`)
}

func TestNullBrokerAcksAndReplays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error)
	go func() { served <- null.Serve(l) }()
	defer func() {
		require.NoError(t, l.Close())
		require.NoError(t, <-served)
	}()
	for name, do := range clients(t) {
		t.Run(name, func(t *testing.T) {
			post := job.Job{Kind: job.Post, Write: []string{null.QueueURI}, N: 5000, Size: 100, Acks: true}
			replay := job.Job{Kind: job.Consume, Read: []string{null.ReplayURI(30_000, 100)}, N: 30_000, Size: 100}
			for _, j := range []job.Job{post, replay} {
				j.Broker = "tcp://" + l.Addr().String()
				r, err := do(&j)
				require.NoError(t, err)
				require.Equal(t, j.N, r.Messages)
				require.Zero(t, r.Failed)
			}
		})
	}
}
