package bmq

import "fmt"

// CompressionAlgorithmType is how a session compresses what it posts.
type CompressionAlgorithmType int

// The compression algorithms, with upstream's numbers.
const (
	// CompressionNone leaves payloads as they are. It is the default.
	CompressionNone CompressionAlgorithmType = 0
	// CompressionZLIB compresses payloads of at least 1024 bytes and keeps the
	// result if it is smaller. Receivers inflate without being told.
	CompressionZLIB CompressionAlgorithmType = 1
)

// String returns upstream's name.
func (c CompressionAlgorithmType) String() string {
	switch c {
	case CompressionNone:
		return "NONE"
	case CompressionZLIB:
		return "ZLIB"
	}
	return fmt.Sprintf("CompressionAlgorithmType(%d)", int(c))
}

func (c CompressionAlgorithmType) validate() error {
	if c != CompressionNone && c != CompressionZLIB {
		return valueError("unknown compression algorithm %d; use CompressionNone or CompressionZLIB", int(c))
	}
	return nil
}
