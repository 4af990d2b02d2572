package framing_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event makes an event of size bytes that differs from its neighbours.
func event(size int, fill byte) []byte {
	b := bytes.Repeat([]byte{fill}, size)
	binary.BigEndian.PutUint32(b, uint32(size))
	return b
}

// chunkings are ways in which a stream can arrive.
func chunkings() map[string]func(io.Reader) io.Reader {
	return map[string]func(io.Reader) io.Reader{
		"at once":            func(r io.Reader) io.Reader { return r },
		"byte by byte":       iotest.OneByteReader,
		"by halves":          iotest.HalfReader,
		"end with last data": iotest.DataErrReader,
		"end with last byte": func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
		"in random pieces": func(r io.Reader) io.Reader {
			rnd := rand.New(rand.NewPCG(1, 2))
			return readerFunc(func(p []byte) (int, error) { return r.Read(p[:min(len(p), 1+rnd.IntN(70))]) })
		},
		"with pauses": func(r io.Reader) io.Reader {
			pause := false
			return readerFunc(func(p []byte) (int, error) {
				if pause = !pause; pause {
					return 0, nil
				}
				return r.Read(p[:min(len(p), 100)])
			})
		},
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// streams are the recorded events of each direction of each connection.
func streams(tb testing.TB) [][][]byte {
	byPeer := map[string]int{}
	var all [][][]byte
	for _, r := range wiretest.Load(tb, "../wire/testdata/captures") {
		for _, line := range r.Lines {
			if !line.IsEvent() {
				continue
			}
			peer := fmt.Sprint(r.Name, line.Conn, line.Dir)
			i, ok := byPeer[peer]
			if !ok {
				i = len(all)
				byPeer[peer] = i
				all = append(all, nil)
			}
			all[i] = append(all[i], line.Bytes)
		}
	}
	return all
}

func TestRecordedStreamsAreCutIntoTheirEvents(t *testing.T) {
	total := 0
	for _, events := range streams(t) {
		total += len(events)
		stream := bytes.Join(events, nil)
		for name, chunking := range chunkings() {
			r := framing.NewReader(chunking(bytes.NewReader(stream)), wire.MaxEventSize)
			for i, want := range events {
				got, err := r.Next()
				require.NoError(t, err, name)
				require.True(t, bytes.Equal(want, got), "%s: event %d", name, i)
			}
			_, err := r.Next()
			require.Equal(t, io.EOF, err, name)
			_, err = r.Next()
			require.Equal(t, io.EOF, err, name)
		}
	}
	require.Equal(t, 2523, total)
}

func TestKeptEventsAreNeverOverwritten(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	sizes := []int{5, 8, 40, 1000, 16 << 10, 16<<10 + 1, 70000, 1 << 20, 3 << 20}
	for name, chunking := range chunkings() {
		if name == "byte by byte" || name == "end with last byte" || name == "with pauses" {
			continue // takes long for that much
		}
		t.Run(name, func(t *testing.T) {
			var events [][]byte
			for i := range 400 {
				size := sizes[rnd.IntN(5)]
				if i%50 == 49 {
					size = sizes[5+rnd.IntN(4)]
				}
				events = append(events, event(size, byte(i)))
			}
			r := framing.NewReader(chunking(bytes.NewReader(bytes.Join(events, nil))), wire.MaxEventSize)
			kept := map[int][]byte{}
			for i, want := range events {
				got, err := r.Next()
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, got))
				require.Equal(t, len(got), cap(got), "an append would overwrite the event behind")
				if rnd.IntN(3) == 0 {
					kept[i] = r.Keep()
					require.Equal(t, len(kept[i]), cap(kept[i]), "an append would overwrite its neighbour")
				}
				if n := len(kept[i]); n == 0 || &kept[i][0] != &got[0] {
					clear(got) // as good as overwritten
				}
			}
			for i, got := range kept {
				require.True(t, bytes.Equal(events[i], got), "event %d was overwritten", i)
			}
		})
	}
}

func TestReadyTellsWhetherNextWouldRead(t *testing.T) {
	small := event(8, 1)
	stream := bytes.Join([][]byte{small, small, small[:5]}, nil)
	reads := 0
	src := bytes.NewReader(stream)
	r := framing.NewReader(readerFunc(func(p []byte) (int, error) {
		reads++
		return src.Read(p)
	}), 100)
	require.False(t, r.Ready())
	for range 2 {
		_, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, 1, reads)
	}
	require.False(t, r.Ready())
	_, err := r.Next()
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.False(t, r.Ready())

	r = framing.NewReader(bytes.NewReader([]byte{0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4}), 100)
	_, err = r.Next()
	require.NoError(t, err)
	require.True(t, r.Ready(), "an error needs no reading")
	_, err = r.Next()
	require.ErrorIs(t, err, wire.ErrFrame)
}

func TestStreamThatIsNoEventsEndsWithAnError(t *testing.T) {
	good := event(20, 7)
	for _, c := range []struct {
		tail []byte
		want error
	}{
		{nil, io.EOF},
		{[]byte{0}, io.ErrUnexpectedEOF},
		{[]byte{0, 0, 0}, io.ErrUnexpectedEOF},
		{[]byte{0, 0, 0, 100}, io.ErrUnexpectedEOF},
		{event(100, 1)[:99], io.ErrUnexpectedEOF},
		{event(101, 1), wire.ErrFrame},
		{[]byte{0, 0, 0, 4}, wire.ErrFrame},
		{[]byte{0, 0, 0, 0, 0x41, 2, 0, 0}, wire.ErrFrame},
		{[]byte{0x80, 0, 0, 8, 0x41, 2, 0, 0}, wire.ErrFrame},
		{[]byte{0x7f, 0xff, 0xff, 0xff}, wire.ErrFrame},
	} {
		for name, chunking := range chunkings() {
			r := framing.NewReader(chunking(bytes.NewReader(append(bytes.Clone(good), c.tail...))), 100)
			got, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, good, got)
			for range 2 {
				got, err = r.Next()
				require.ErrorIs(t, err, c.want, "%s: %x", name, c.tail)
				require.Nil(t, got)
			}
		}
	}
}

func TestErrorsOfTheStreamArePassedOn(t *testing.T) {
	broken := errors.New("broken")
	for _, before := range [][]byte{nil, event(8, 1), event(8, 1)[:6]} {
		r := framing.NewReader(io.MultiReader(bytes.NewReader(before), iotest.ErrReader(broken)), 100)
		if len(before) == 8 {
			_, err := r.Next()
			require.NoError(t, err)
		}
		_, err := r.Next()
		require.Equal(t, broken, err)
	}
	// A deadline that passed and was moved.
	r := framing.NewReader(iotest.TimeoutReader(iotest.HalfReader(bytes.NewReader(event(20000, 1)))), 20000)
	_, err := r.Next()
	require.Equal(t, iotest.ErrTimeout, err)
	got, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, event(20000, 1), got)
}

func TestReaderThatBreaksItsContractIsAnError(t *testing.T) {
	for _, n := range []int{-1, 1 << 30} {
		_, err := framing.NewReader(readerFunc(func([]byte) (int, error) { return n, nil }), 100).Next()
		require.ErrorContains(t, err, "framing_test.readerFunc read")
	}
	_, err := framing.NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }), 100).Next()
	require.Equal(t, io.ErrNoProgress, err)
}

func TestLengthAloneTakesNoMemory(t *testing.T) {
	head := event(8, 0)
	binary.BigEndian.PutUint32(head, wire.MaxEventSize)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := framing.NewReader(bytes.NewReader(append(head, make([]byte, 100)...)), wire.MaxEventSize).Next()
	runtime.ReadMemStats(&after)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(128<<10))
}

func TestBufferFollowsTheTraffic(t *testing.T) {
	const small, busy, large = 16 << 10, 1<<20 + 64<<10, 5 << 20
	var offered []int
	src := new(bytes.Buffer)
	r := framing.NewReader(readerFunc(func(p []byte) (int, error) {
		offered = append(offered, len(p))
		return src.Read(p)
	}), wire.MaxEventSize)
	next := func(events ...[]byte) {
		src.Write(bytes.Join(events, nil))
		for _, want := range events {
			got, err := r.Next()
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
		}
	}
	next(event(8, 1))
	require.Equal(t, []int{small}, offered)

	// Events that come one by one do not make it grow, even if all are kept.
	offered = nil
	for i := range 2000 {
		next(event(100, byte(i)))
		r.Keep()
	}
	require.LessOrEqual(t, slices.Max(offered), small)

	// Many events that wait do, so that they take few reads.
	var many [][]byte
	for range 4 << 10 {
		many = append(many, event(1<<10, 2))
	}
	offered = nil
	next(many...)
	require.Less(t, len(offered), 16)
	require.LessOrEqual(t, offered[len(offered)-1], busy)

	// A large event takes at most about twice its size, and is not held on to.
	var before, after runtime.MemStats
	big := event(large, 3)
	src.Grow(large)
	runtime.ReadMemStats(&before)
	src.Write(big)
	got, err := r.Next()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, got))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*large))
	offered = nil
	next(event(8, 4))
	require.LessOrEqual(t, offered[0], busy)

	// The same where the large event was kept.
	src.Write(big)
	got, err = r.Next()
	require.NoError(t, err)
	kept := r.Keep()
	require.Same(t, &got[0], &kept[0], "it has a buffer for itself")
	offered = nil
	next(event(8, 5), event(8, 6))
	require.LessOrEqual(t, offered[0], busy)
	require.True(t, bytes.Equal(big, kept))
}

func TestEventIsReturnedBeforeMoreArrives(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	defer func() { _ = server.Close() }()
	r := framing.NewReader(server, 100)
	for i := range 3 {
		sent := make(chan error, 1)
		go func() {
			_, err := client.Write(event(20, byte(i)))
			sent <- err
		}()
		got, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, event(20, byte(i)), got)
		require.NoError(t, <-sent)
	}
}
