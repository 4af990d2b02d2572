//go:build cgo && linux && libbmq && !bmqfake

package nativetest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

const (
	brokerProgram = "broker"
	// How many messages, and how many sessions, altogether.
	messagesVariable = "NATIVETEST_MESSAGES"
	startsVariable   = "NATIVETEST_STARTS"

	rounds = 20
	// warm is how many rounds may still take memory, slack how much it may vary after
	// them: both allocators keep what they freed as they like.
	warm      = 10
	slack     = 16 << 20
	roundSize = 64 // posts in a batch
)

func init() { programs[brokerProgram] = runBroker }

// runBroker is a broker in a process of its own, so that its memory is not counted.
func runBroker() {
	b, err := bmqtest.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.URI())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends it
}

func brokerProcess(t *testing.T) string {
	t.Helper()
	_, uri := startBroker(t)
	return uri
}

func startBroker(t *testing.T) (*os.Process, string) {
	t.Helper()
	cmd := proctest.Program(t, brokerProgram)
	uri := proctest.Start(t, cmd).Line()
	return cmd.Process, uri
}

func countFrom(variable string, d int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil && n > 0 {
		return n
	}
	return d
}

// resident is how much memory the process has, after everything was freed that can be.
func resident(t *testing.T) int64 {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// flat fails the test if memory grew after the first rounds.
func flat(t *testing.T, after []int64) {
	t.Helper()
	t.Logf("memory after each round, in MiB: %v", mebibytes(after))
	for i, n := range after[warm:] {
		require.LessOrEqual(t, n, after[warm-1]+slack, "after round %d", warm+i+1)
	}
}

func mebibytes(list []int64) (out []int64) {
	for _, n := range list {
		out = append(out, n>>20)
	}
	return out
}

// load posts messages to a queue that the same session reads, in batches, and waits
// until each was acked, received and confirmed.
type load struct {
	s                *bmq.Session
	acked, confirmed atomic.Int64
	failed           atomic.Int64
}

func newLoad(t *testing.T, uri string) *load {
	t.Helper()
	l := &load{}
	// libbmq never gives back what its pools have grown to, which is as much as was once
	// under way: that is bounded here.
	c, err := tryAt(t, uri, bmq.WithMaxPendingBytes(8<<20), bmq.WithOnMessage(func(_ *bmq.Message, h *bmq.MessageHandle) {
		if h.Confirm() != nil {
			l.failed.Add(1)
		}
		l.confirmed.Add(1)
	}))
	require.NoError(t, err)
	l.s = c.Session
	require.NoError(t, l.s.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite()))
	return l
}

func (l *load) onAck(a *bmq.Ack) {
	if a.Status != bmq.AckSuccess {
		l.failed.Add(1)
	}
	l.acked.Add(1)
}

func (l *load) run(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	payload := bytes.Repeat([]byte("x"), 1024)
	acked, confirmed := l.acked.Load()+int64(n), l.confirmed.Load()+int64(n)
	b := l.s.NewBatch()
	for n > 0 {
		for range min(n, roundSize) {
			require.NoError(t, b.Add(queue, payload, bmq.WithOnAck(l.onAck)))
			n--
		}
		_, err := l.s.PostBatch(ctx, b)
		require.NoError(t, err)
	}
	require.NoError(t, l.s.Flush(ctx))
	require.True(t, poll(func() bool { return l.acked.Load() == acked && l.confirmed.Load() == confirmed }))
	require.Zero(t, l.failed.Load())
}

func TestMessagesLeaveNoMemory(t *testing.T) {
	n := countFrom(messagesVariable, 200_000)
	nothingLeft(t)
	l := newLoad(t, brokerProcess(t))
	var after []int64
	for range rounds {
		l.run(t, n/rounds)
		after = append(after, resident(t))
	}
	require.NoError(t, l.s.Stop(t.Context()))
	t.Logf("%d messages", l.confirmed.Load())
	flat(t, after)
}

// What posts take that have no answer stays within WithMaxPendingBytes, however small
// they are. Without the bound these would take several times as much.
func TestManySmallPostsWithoutAnAnswerStayWithinTheBound(t *testing.T) {
	const bound, posts = 128 << 20, 100_000
	for name, c := range map[string]struct {
		signal syscall.Signal // that the broker gets
		lost   bool           // the connection, by that
		opts   []bmq.PostOption
	}{
		"the broker stands still":                   {signal: syscall.SIGSTOP},
		"the broker is gone":                        {signal: syscall.SIGKILL, lost: true},
		"the broker is gone, posts have a property": {signal: syscall.SIGKILL, lost: true, opts: []bmq.PostOption{bmq.WithProperties(bmq.PropertyValueDict{"a": "b"})}},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			broker, uri := startBroker(t)
			s, err := tryAt(t, uri, bmq.WithMaxPendingBytes(bound), bmq.WithChannelWriteTimeout(0))
			require.NoError(t, err)
			require.NoError(t, s.OpenQueue(t.Context(), queue, bmq.WithWrite()))
			require.NoError(t, broker.Signal(c.signal))
			if c.lost {
				s.wait("the loss", func() bool { return slices.Contains(s.events, "ConnectionLost") })
			}
			before := resident(t)
			n := 0
			for opts := append(c.opts, bmq.WithOnAck(s.onAck)); err == nil && n < posts; n++ {
				err = s.Post(t.Context(), queue, []byte("sixteen byte msg"), opts...)
			}
			require.True(t, poll(func() bool { return s.Stats().UnsentBytes == 0 }), "all is libbmq's")
			grown := resident(t) - before
			t.Logf("%d posts, memory grew by %d MiB", n, grown>>20)
			require.LessOrEqual(t, grown, int64(bound+slack))
			require.ErrorIs(t, err, bmq.ErrBWLimit)
			_ = broker.Signal(syscall.SIGCONT) // so that Stop need not wait
			require.NoError(t, s.Stop(t.Context()))
		})
	}
}

func TestSessionsLeaveNoMemory(t *testing.T) {
	n := countFrom(startsVariable, 300)
	nothingLeft(t)
	uri := brokerProcess(t)
	var after []int64
	for range rounds {
		for range n / rounds {
			c, err := tryAt(t, uri)
			require.NoError(t, err)
			require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite()))
			c.post("x")
			c.wait("the message", func() bool { return len(c.handles) > 0 })
			require.NoError(t, c.handles[0].Confirm())
			require.NoError(t, c.Stop(t.Context()))
		}
		after = append(after, resident(t))
	}
	flat(t, after)
}

// Signals that programs live with come while libbmq's threads are busy.
func TestSignalsDoNoHarm(t *testing.T) {
	nothingLeft(t)
	l := newLoad(t, brokerProcess(t))
	var profile bytes.Buffer
	require.NoError(t, pprof.StartCPUProfile(&profile)) // SIGPROF
	defer pprof.StopCPUProfile()
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG}
	received := make(chan os.Signal, 1<<16)
	signal.Notify(received, signals...)
	defer signal.Stop(received)
	done, ended := make(chan struct{}), make(chan struct{})
	sent := 0
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = syscall.Kill(os.Getpid(), signals[sent%len(signals)].(syscall.Signal))
				closedPipe(t)
				sent++
			case <-done:
				return
			}
		}
	}()
	l.run(t, countFrom(messagesVariable, 200_000)/2)
	close(done)
	<-ended
	require.NoError(t, l.s.Stop(t.Context()))
	require.Positive(t, sent)
	require.NotEmpty(t, received)
}

// closedPipe writes to a pipe that nobody reads.
func closedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err == nil {
		_ = r.Close()
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("somebody reads")
		}
		_ = w.Close()
	}
}

// The program's end by SIGTERM is not libbmq's to prevent.
const terminatedProgram = "terminated"

func init() { programs[terminatedProgram] = runTerminated }

func runTerminated() {
	s, err := bmq.NewSession(context.Background(), (&client{changed: make(chan struct{})}).onEvent, bmq.WithEngine(kind),
		bmq.WithBroker(os.Getenv(rawOption)), bmq.WithLogger(quiet))
	if err == nil {
		err = s.OpenQueue(context.Background(), queue, bmq.WithWrite())
	}
	fmt.Println("busy", err)
	for err == nil {
		err = s.Post(context.Background(), queue, []byte("x"))
	}
}

func TestAProgramCanBeTerminated(t *testing.T) {
	cmd := proctest.Program(t, terminatedProgram)
	cmd.Env = append(cmd.Env, rawOption+"="+brokerProcess(t))
	p := proctest.Start(t, cmd)
	require.Equal(t, "busy <nil>", p.Line())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, -1, p.Exit(), "ended by the signal")
}

// descriptors is how many files and connections the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

func TestStartsThatAreGivenUpLeaveNothing(t *testing.T) {
	n := countFrom(startsVariable, 300)
	nothingLeft(t)
	uri := brokerProcess(t)
	before := descriptors(t)
	var all sync.WaitGroup
	var up atomic.Int64
	for range 8 {
		all.Go(func() {
			for range n / 8 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.ExpFloat64()*float64(2*time.Millisecond)))
				s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, bmq.WithEngine(kind), bmq.WithBroker(uri), bmq.WithLogger(quiet))
				cancel()
				if err == nil {
					up.Add(1)
					_ = s.Stop(t.Context())
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d came up", up.Load(), n)
	require.True(t, poll(func() bool { return cbridge.Alive() == (cbridge.Counts{}) && descriptors(t) <= before }),
		"%+v, %d descriptors more", cbridge.Alive(), descriptors(t)-before)
}
