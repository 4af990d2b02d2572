package wire

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

const (
	// CompressionThreshold is the size in bytes from which on data is compressed;
	// upstream leaves anything smaller as it is.
	CompressionThreshold = 1024
	// MaxInflatedSize is the most that compressed data may inflate to, in bytes:
	// the cap of the official broker.
	MaxInflatedSize = 512 << 20
)

type deflater struct {
	out bytes.Buffer
	w   *zlib.Writer
}

var deflaters = sync.Pool{New: func() any {
	d := &deflater{}
	d.w = zlib.NewWriter(&d.out)
	return d
}}

// Deflate appends data to dst as a zlib stream and answers true, or answers dst
// and false where compression does not pay: below CompressionThreshold, or if the
// result is not smaller.
func Deflate(dst, data []byte) ([]byte, bool) {
	if len(data) < CompressionThreshold {
		return dst, false
	}
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	d.out.Reset()
	d.w.Reset(&d.out)
	// Writing to a bytes.Buffer does not fail.
	_, _ = d.w.Write(data)
	_ = d.w.Close()
	if d.out.Len() >= len(data) {
		return dst, false
	}
	return append(dst, d.out.Bytes()...), true
}

type inflater struct {
	in bytes.Reader
	r  io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{} }}

// Inflate returns the contents of a zlib stream in memory of its own, at most
// limit bytes. Bytes behind the stream are ignored.
func Inflate(data []byte, limit int) ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer inflaters.Put(f)
	defer f.in.Reset(nil) // the pool must not keep the caller's data
	f.in.Reset(data)
	var err error
	if f.r == nil {
		f.r, err = zlib.NewReader(&f.in)
	} else {
		err = f.r.(zlib.Resetter).Reset(&f.in, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: compressed data: %w", ErrMalformed, err)
	}
	// Growing from a guess keeps a small stream that claims much from taking memory.
	out := bytes.NewBuffer(make([]byte, 0, min(limit, 4*len(data))+bytes.MinRead))
	n, err := out.ReadFrom(io.LimitReader(f.r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: compressed data: %w", ErrMalformed, err)
	case n > int64(limit):
		return nil, malformed("compressed data inflates to more than %d bytes", limit)
	}
	return out.Bytes(), nil
}
