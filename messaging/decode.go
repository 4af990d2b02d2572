package messaging

import (
	"fmt"
)

// Body returns the body, decompressed. Where there is nothing to decompress it is Data
// itself, which must not be changed. Errors are ErrDecode.
func (d *Delivery) Body() ([]byte, error) {
	if err := d.given(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	name := text(d.message, propCompression)
	if name == "" || name == CompressionNone {
		return d.message.Data, nil
	}
	c := d.source.c.client
	compressor, err := c.codecs.Compressor(name)
	if err != nil {
		return nil, fmt.Errorf("%w: message %s: %w", ErrDecode, d.GUID(), err)
	}
	var data []byte
	err = protect(func() (err error) {
		data, err = compressor.Decompress(d.message.Data, c.cfg.MaxBody)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: message %s: %s: %w", ErrDecode, d.GUID(), name, err)
	}
	return data, nil
}

// Decode fills v, a pointer, with the body, by the codec of the message's content type. A
// *[]byte gets the body of any content type as it is. A content type that the consumer does
// not accept is ErrContentDisallowed; all errors are ErrDecode.
func (d *Delivery) Decode(v any) error {
	body, err := d.Body()
	if err != nil {
		return err
	}
	if raw, ok := v.(*[]byte); ok {
		*raw = body
		return nil
	}
	k := d.source.c
	contentType := d.ContentType()
	if contentType == "" {
		contentType = k.contentType
	}
	if !k.accept[contentType] {
		return fmt.Errorf("%w: message %s: %w: %q; see ConsumerConfig.Accept", ErrDecode, d.GUID(), ErrContentDisallowed, contentType)
	}
	codec, err := k.client.codecs.CodecFor(contentType)
	if err == nil {
		err = checkCharset(body, d.ContentEncoding())
	}
	if err == nil {
		err = protect(func() error { return codec.Decode(body, v) })
	}
	if err != nil {
		return fmt.Errorf("%w: message %s of type %s: %w", ErrDecode, d.GUID(), contentType, err)
	}
	return nil
}

// Decode returns the body of a delivery as a T; see Delivery.Decode.
func Decode[T any](d *Delivery) (T, error) {
	var v T
	err := d.Decode(&v)
	return v, err
}
