package wire_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func TestDeflateLeavesWhatDoesNotPay(t *testing.T) {
	dst := []byte("before")
	for name, data := range map[string][]byte{
		"nothing":             nil,
		"below the threshold": bytes.Repeat([]byte("a"), wire.CompressionThreshold-1),
		"random bytes":        randomBytes(4096),
	} {
		got, ok := wire.Deflate(dst, data)
		require.False(t, ok, name)
		require.Equal(t, "before", string(got), name)
	}
	for _, data := range [][]byte{
		bytes.Repeat([]byte("a"), wire.CompressionThreshold), append(randomBytes(4096), bytes.Repeat([]byte("b"), 4096)...),
	} {
		got, ok := wire.Deflate(dst, data)
		require.True(t, ok)
		require.Less(t, len(got)-len(dst), len(data))
		require.Equal(t, "before", string(got[:len(dst)]))
		r, err := zlib.NewReader(bytes.NewReader(got[len(dst):]))
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, data, plain)
	}
}

func TestInflateKeepsToItsLimit(t *testing.T) {
	for _, size := range []int{1024, 1 << 20} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		z, ok := wire.Deflate(nil, data)
		require.True(t, ok)
		for _, limit := range []int{size, size + 1, wire.MaxInflatedSize} {
			got, err := wire.Inflate(z, limit)
			require.NoError(t, err)
			require.Equal(t, data, got)
		}
		for _, limit := range []int{size - 1, size / 2, 1, 0} {
			_, err := wire.Inflate(z, limit)
			require.ErrorIs(t, err, wire.ErrMalformed)
			require.ErrorContains(t, err, "more than")
		}
	}
}

func TestInflateTakesNoMemoryForABomb(t *testing.T) {
	bomb, ok := wire.Deflate(nil, make([]byte, 8<<20))
	require.True(t, ok)
	require.Less(t, len(bomb), 64<<10)
	const limit = 64 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := wire.Inflate(bomb, limit)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, wire.ErrMalformed)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*limit))
}

func TestInflateOfNothingIsNothing(t *testing.T) {
	var z bytes.Buffer
	require.NoError(t, zlib.NewWriter(&z).Close())
	got, err := wire.Inflate(z.Bytes(), 0)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestInflateIgnoresWhatFollowsTheStream(t *testing.T) {
	data := bytes.Repeat([]byte("a"), 4096)
	z, _ := wire.Deflate(nil, data)
	got, err := wire.Inflate(append(z, "more"...), len(data))
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func TestInflateRefusesWhatIsNoStream(t *testing.T) {
	data := bytes.Repeat([]byte("a"), 4096)
	z, _ := wire.Deflate(nil, data)
	for n := range len(z) {
		_, err := wire.Inflate(z[:n], wire.MaxInflatedSize)
		require.ErrorIs(t, err, wire.ErrMalformed, n)
	}
	sum := bytes.Clone(z)
	sum[len(sum)-1]++
	for name, b := range map[string][]byte{
		"wrong checksum": sum,
		"gzip":           wiretest.Hex(t, "1f8b0800000000000003"),
		"text":           []byte("not zlib"),
		"dictionary":     wiretest.Hex(t, "78bb00000001"),
		"bad block":      wiretest.Hex(t, "789cffff"),
	} {
		_, err := wire.Inflate(b, wire.MaxInflatedSize)
		require.ErrorIs(t, err, wire.ErrMalformed, name)
	}
	// The decoder that met errors is used again.
	got, err := wire.Inflate(z, len(data))
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func TestCompressionIsSafeForConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			data := bytes.Repeat([]byte{byte(i)}, 2000+i)
			for range 50 {
				z, ok := wire.Deflate(nil, data)
				got, err := wire.Inflate(z, len(data))
				if !ok || err != nil || !bytes.Equal(data, got) {
					t.Errorf("data of goroutine %d became other data: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}
