package messaging

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
)

// Names of compressions.
const (
	CompressionNone = "none" // bodies are left as they are
	CompressionZLIB = "zlib" // all BlazingMQ clients know it: receivers inflate it without being told
	CompressionGzip = "gzip" // a compressor, which receivers need as well
)

const (
	// compressionThreshold is the size in bytes below which nothing is compressed.
	compressionThreshold = 1024

	// DefaultMaxBody is how large a body may become by decompression: 64 MiB.
	DefaultMaxBody = 64 << 20
)

// Compressor makes bodies smaller on this side. Implementations may be used by several
// goroutines at once.
type Compressor interface {
	// Name is what producers choose it by, and what receivers find it by.
	Name() string
	Compress(data []byte) ([]byte, error)
	// Decompress returns at most limit bytes, and an error if there would be more. data
	// may be hostile.
	Decompress(data []byte, limit int64) ([]byte, error)
}

type gzipCompressor struct{}

func (gzipCompressor) Name() string { return CompressionGzip }

func (gzipCompressor) Compress(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	err = errors.Join(err, w.Close()) // it writes the rest
	return b.Bytes(), err
}

func (gzipCompressor) Decompress(data []byte, limit int64) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	limit = min(limit, math.MaxInt64-1)
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
