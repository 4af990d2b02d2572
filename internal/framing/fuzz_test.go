package framing_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
)

// split is the plain way to do what Reader does.
func split(stream []byte, limit int) (events [][]byte, err error) {
	for {
		switch {
		case len(stream) == 0:
			return events, io.EOF
		case len(stream) < 4:
			return events, io.ErrUnexpectedEOF
		}
		n := int64(int32(binary.BigEndian.Uint32(stream)))
		switch {
		case n <= 4 || n > int64(limit):
			return events, wire.ErrFrame
		case n > int64(len(stream)):
			return events, io.ErrUnexpectedEOF
		}
		events = append(events, stream[:n])
		stream = stream[n:]
	}
}

func FuzzReader(f *testing.F) {
	for i, events := range streams(f) {
		if stream := bytes.Join(events, nil); len(stream) < 2000 {
			f.Add(stream, []byte{byte(i), 7, 0xff}, 4096)
		}
	}
	f.Add(bytes.Repeat(event(300, 1), 200), []byte{0xff}, 300)
	f.Add([]byte{0, 0, 0, 4}, []byte{}, 100)
	f.Fuzz(func(t *testing.T, stream, pieces []byte, limit int) {
		if limit < 0 || limit > wire.MaxEventSize {
			return
		}
		want, wantErr := split(stream, limit)
		// A byte of pieces gives the size of a read, and whether an event is kept.
		piece := 0
		next := func() byte {
			if len(pieces) == 0 {
				return 0xfe
			}
			piece++
			return pieces[piece%len(pieces)]
		}
		src := bytes.NewReader(stream)
		r := framing.NewReader(readerFunc(func(p []byte) (int, error) {
			return src.Read(p[:min(len(p), int(next())*16+1)])
		}), limit)
		kept := map[int][]byte{}
		for i := 0; ; i++ {
			ready := r.Ready()
			left := src.Len()
			got, err := r.Next()
			if ready {
				require.Equal(t, left, src.Len(), "it was read from the stream")
			}
			if err != nil {
				require.ErrorIs(t, err, wantErr)
				require.Len(t, want, i)
				break
			}
			require.Less(t, i, len(want))
			require.True(t, bytes.Equal(want[i], got))
			if next()&1 == 1 {
				kept[i] = r.Keep()
			}
			if len(kept[i]) == 0 || &kept[i][0] != &got[0] {
				clear(got)
			}
		}
		for i, got := range kept {
			require.True(t, bytes.Equal(want[i], got), "event %d was overwritten", i)
		}
	})
}
