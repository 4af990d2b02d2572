package messaging

import (
	"fmt"
	"sync"
)

// Registry has the codecs and compressors of clients. The zero value has none. It may be
// used by several goroutines at once.
type Registry struct {
	mu          sync.RWMutex
	byName      map[string]Codec
	byType      map[string]Codec
	compressors map[string]Compressor
}

// NewRegistry returns a registry with what is in the box: the codecs json, text, raw and
// gob, and the compressor gzip.
func NewRegistry() *Registry {
	r := new(Registry)
	for _, c := range []Codec{jsonCodec{}, textCodec{}, rawCodec{}, gobCodec{}} {
		r.Register(c)
	}
	r.RegisterCompressor(gzipCompressor{})
	return r
}

// Register adds a codec, in place of another one of its name or content type. What
// consumers accept does not change by that. Nil adds nothing.
func (r *Registry) Register(c Codec) {
	if c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName, r.byType = make(map[string]Codec), make(map[string]Codec)
	}
	r.byName[c.Name()], r.byType[c.ContentType()] = c, c
}

// Unregister removes the codec of a name.
func (r *Registry) Unregister(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.byName[name]; ok {
		delete(r.byName, name)
		delete(r.byType, c.ContentType())
	}
}

// RegisterCompressor adds a compressor, in place of another one of its name. "zlib" and
// "none" are taken: they stand for the broker's own compression and for none. Nil adds
// nothing.
func (r *Registry) RegisterCompressor(c Compressor) {
	if c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.compressors == nil {
		r.compressors = make(map[string]Compressor)
	}
	r.compressors[c.Name()] = c
}

// Codec returns the codec of a name, such as "json"; ErrNoCodec if there is none.
func (r *Registry) Codec(name string) (Codec, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c, ok := r.byName[name]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("%w for %q: use Registry.Register", ErrNoCodec, name)
}

// CodecFor returns the codec of a content type, such as "application/json"; ErrNoCodec if
// there is none.
func (r *Registry) CodecFor(contentType string) (Codec, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c, ok := r.byType[contentType]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("%w for content type %q: use Registry.Register", ErrNoCodec, contentType)
}

// Compressor returns the compressor of a name, such as "gzip"; ErrNoCodec if there is none.
func (r *Registry) Compressor(name string) (Compressor, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c, ok := r.compressors[name]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("%w for compression %q: use Registry.RegisterCompressor", ErrNoCodec, name)
}

// accepted returns the content types that a consumer with the given list may decode. An
// entry is the name of a codec or a content type.
func (r *Registry) accepted(list []string) (map[string]bool, error) {
	if list == nil {
		list = []string{"json", "text", "raw"}
	}
	types := make(map[string]bool, len(list))
	for _, entry := range list {
		c, err := r.Codec(entry)
		if err != nil {
			if c, err = r.CodecFor(entry); err != nil {
				return nil, fmt.Errorf("messaging: ConsumerConfig.Accept: %w", err)
			}
		}
		types[c.ContentType()] = true
	}
	return types, nil
}
