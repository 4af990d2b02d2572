package messaging

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bmq-go/bmq"
)

// maxPayload is how large the payload of a message may be, in bytes: 64 MiB.
const maxPayload = 64 << 20

// outgoing is a message as it is posted.
type outgoing struct {
	payload []byte
	properties
	compression bmq.PostOption
	id          string // message_id
	size        int    // of the payload before it was compressed here
}

// Encode returns body, or what a Message says of it, encoded: with a Body of bytes, and the
// fields that say what they are. Publishing it does not encode it again.
func (p *Producer) Encode(body any) (*Message, error) {
	m := asMessage(body)
	if err := p.encode(&m); err != nil {
		return nil, err
	}
	return &m, nil
}

// encode makes bytes of the body of m, which is the caller's own.
func (p *Producer) encode(m *Message) error {
	var codec Codec
	switch body := m.Body.(type) {
	case *Message:
		if body == nil {
			return fmt.Errorf("%w: a *Message that is nil", ErrEncode)
		}
		codec = p.codec
	case []byte:
		if m.ContentType != "" || m.Codec == "" {
			return nil
		}
	case json.RawMessage:
		m.Body, m.ContentType, m.ContentEncoding = []byte(body), ContentJSON, "utf-8"
		return nil
	case string:
		if m.ContentType != "" {
			m.Body = []byte(body)
			return nil
		}
		codec = textCodec{}
	default:
		codec = p.codec
	}
	var err error
	switch {
	case m.Codec != "":
		codec, err = p.c.codecs.Codec(m.Codec)
	case m.ContentType != "":
		codec, err = p.c.codecs.CodecFor(m.ContentType)
	}
	if err != nil {
		return err
	}
	var data []byte
	err = protect(func() (err error) {
		data, err = codec.Encode(m.Body)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %T as %s: %w", ErrEncode, m.Body, codec.Name(), err)
	}
	m.Body, m.Codec, m.ContentType = data, "", codec.ContentType()
	if m.ContentEncoding == "" {
		m.ContentEncoding = codec.ContentEncoding()
	}
	return nil
}

// prepare makes what is posted of a message, which it gives what it lacks of MessageID and
// Timestamp.
func (p *Producer) prepare(ctx context.Context, m *Message, queue string, policy *RetryPolicy) (out outgoing, err error) {
	if err := p.possible(ctx, m, queue); err != nil {
		return out, err
	}
	if m.MessageID == "" && (p.cfg.Stamp || policy.AllowDuplicates) {
		m.MessageID = rand.Text()
	}
	if m.Timestamp.IsZero() && p.cfg.Stamp {
		m.Timestamp = time.Now()
	}
	encoded := *m // hooks see the body as it was given
	if err := p.encode(&encoded); err != nil {
		return out, err
	}
	out.id, out.payload = m.MessageID, encoded.Body.([]byte)
	out.size = len(out.payload)
	if out.size == 0 {
		return out, fmt.Errorf("%w: an empty body can't be sent; JSON null can", bmq.ErrPayloadEmpty)
	}
	if err := p.compress(m, &out); err != nil {
		return out, err
	}
	if len(out.payload) > maxPayload {
		return out, fmt.Errorf("%w: %d bytes, more than 64 MiB", bmq.ErrPayloadTooBig, len(out.payload))
	}
	return out, p.describe(&encoded, &out.properties)
}

// describe makes properties of what a message says of itself.
func (p *Producer) describe(m *Message, out *properties) error {
	for _, h := range []Header{p.cfg.Header, m.Header} {
		if err := out.header(h); err != nil {
			return err
		}
	}
	out.str(propContentType, m.ContentType)
	out.str(propContentEncoding, m.ContentEncoding)
	out.str(propKey, m.Key)
	out.str(propMessageID, m.MessageID)
	out.str(propCorrelationID, m.CorrelationID)
	out.str(propReplyTo, m.ReplyTo)
	out.str(propType, m.Type)
	out.str(propUserID, m.UserID)
	out.str(propAppID, m.AppID)
	if m.Exchange != nil {
		out.str(propExchange, m.Exchange.name)
	}
	if !m.Timestamp.IsZero() {
		out.time(propTimestamp, m.Timestamp)
	}
	if m.Expiration > 0 {
		out.time(propExpiresAt, time.Now().Add(m.Expiration))
	}
	return out.check()
}

// possible refuses what the broker has nothing for.
func (p *Producer) possible(ctx context.Context, m *Message, queue string) error {
	switch {
	case m.Immediate:
		return unsupported("immediate")
	case m.Priority != 0:
		return unsupported("priority")
	case m.DeliveryMode == 0:
		return nil
	case p.c.cfg.Admin == nil || m.DeliveryMode != Transient && m.DeliveryMode != Persistent:
		return unsupported("delivery_mode")
	}
	name, err := domainOf(queue)
	if err != nil {
		return err
	}
	domain, err := p.c.cfg.Admin.Domain(ctx, name)
	if err != nil {
		return err
	}
	if domain.Persistent != (m.DeliveryMode == Persistent) {
		return unsupported("delivery_mode")
	}
	return nil
}

func (c *Client) checkCompression(name string) error {
	switch name {
	case "", CompressionNone, CompressionZLIB:
		return nil
	}
	_, err := c.codecs.Compressor(name)
	return err
}

// compress makes the payload smaller, or has the session do it.
func (p *Producer) compress(m *Message, out *outgoing) error {
	name := m.Compression
	if name == "" {
		name = p.cfg.Compression
	}
	switch name {
	case "":
		return nil
	case CompressionNone:
		out.compression = bmq.WithCompression(bmq.CompressionNone)
		return nil
	case CompressionZLIB:
		out.compression = bmq.WithCompression(bmq.CompressionZLIB)
		return nil
	}
	c, err := p.c.codecs.Compressor(name)
	if err != nil {
		return err
	}
	out.compression = bmq.WithCompression(bmq.CompressionNone)
	if len(out.payload) < compressionThreshold {
		return nil
	}
	var small []byte
	err = protect(func() (err error) {
		small, err = c.Compress(out.payload)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrEncode, name, err)
	}
	if len(small) < len(out.payload) {
		out.payload = small
		out.str(propCompression, name)
	}
	return nil
}
