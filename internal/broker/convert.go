package broker

import (
	"fmt"

	"github.com/bmq-go/bmq/internal/wire"
)

// normalize inflates old style properties, which are compressed together with
// their payload: messages are stored with properties that can be read. It answers
// memory of its own, or m.Data as it is.
func normalize(m *wire.PutMessage) ([]byte, error) {
	if m.Flags&wire.FlagProperties == 0 {
		return m.Data, nil
	}
	data := m.Data
	if m.Schema == wire.SchemaOldStyle && m.Compression != wire.CompressionNone {
		inflated, err := wire.Inflate(data, wire.MaxInflatedSize)
		if err != nil {
			return nil, fmt.Errorf("old style properties: %w", err)
		}
		m.Compression, data = wire.CompressionNone, inflated
	}
	if _, err := wire.PropertiesAreaSize(data); err != nil {
		return nil, err
	}
	return data, nil
}

// convert makes properties what the session of h can read. A session that does not
// know new style properties gets old ones, and the payload inflated. It answers
// data, or memory of its own.
func (h *handle) convert(header *wire.PushHeader, generation uint16, data []byte) []byte {
	if header.Schema == wire.SchemaOldStyle {
		return data
	}
	if h.session.propertiesEx {
		header.Schema = h.schemas.translate(header.Schema, generation)
		return data
	}
	props, payload, err := wire.ParseProperties(data, false)
	if err == nil && header.Compression != wire.CompressionNone {
		payload, err = wire.Inflate(payload, wire.MaxInflatedSize)
	}
	if err != nil {
		// Nothing can be made of it; the client sees what the producer sent.
		return data
	}
	header.Schema, header.Compression = wire.SchemaOldStyle, wire.CompressionNone
	return append(props.AppendOldStyle(make([]byte, 0, len(data))), payload...)
}
