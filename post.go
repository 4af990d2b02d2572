package bmq

import (
	"context"
	"runtime"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// PostOption is an option of Session.Post, Session.PostAndWait and Batch.Add.
type PostOption struct {
	onAck       OnAck
	properties  PropertyValueDict
	overrides   PropertyTypeDict
	compression Optional[CompressionAlgorithmType]
	waiter      *waiter // of PostAndWait, in place of onAck
}

// WithOnAck asks for an ack and has fn called with it, exactly once for each post
// that was accepted. A post without it is sent once and forgotten: it is not
// repeated after the connection was lost, and nobody learns whether the broker took
// it.
func WithOnAck(fn OnAck) PostOption { return PostOption{onAck: fn} }

// WithProperties gives the message properties. The map is read during the call
// only.
func WithProperties(p PropertyValueDict) PostOption { return PostOption{properties: p} }

// WithPropertyTypeOverrides says of which type properties are, where that should be
// another one than their values' default. Each has to be in WithProperties.
func WithPropertyTypeOverrides(t PropertyTypeDict) PostOption { return PostOption{overrides: t} }

// WithCompression compresses this message otherwise than its session does.
func WithCompression(a CompressionAlgorithmType) PostOption {
	return PostOption{compression: Some(a)}
}

// merge adds to o what other has.
func (o *PostOption) merge(other *PostOption) {
	if other.onAck != nil {
		o.onAck = other.onAck
	}
	if other.properties != nil {
		o.properties = other.properties
	}
	if other.overrides != nil {
		o.overrides = other.overrides
	}
	if other.compression.IsSet() {
		o.compression = other.compression
	}
}

// Post sends a message to a queue that is open for writing. It returns when the
// message is copied; the broker's answer comes by WithOnAck. Messages that are
// posted in quick succession travel together. While the connection is down they
// are kept and sent after the reconnection.
//
// A loop that posts faster than the broker answers is slowed to the broker's pace, as
// long as that answers: posts wait a moment when 16 MiB are without an answer, 8 MiB with
// the native engine.
//
// message has 1 byte to 64 MiB: ErrPayloadEmpty, ErrPayloadTooBig. Post waits for
// room when too much is on its way already, see WithChannelHighWatermark and
// WithMaxPendingBytes: until ctx ends, or for the channel write timeout, which gives
// ErrBWLimit. After an error the message was not sent and no ack will come.
func (s *Session) Post(ctx context.Context, queueURI string, message []byte, opts ...PostOption) error {
	var o PostOption
	for i := range opts {
		o.merge(&opts[i])
	}
	err := s.core.post(ctx, queueURI, message, &o)
	runtime.KeepAlive(s) // a session that waits for room is not forgotten
	return err
}

func (c *core) post(ctx context.Context, uri string, message []byte, o *PostOption) error {
	var list *[]wire.Property
	if len(o.properties) > 0 || len(o.overrides) > 0 {
		list = propertyLists.Get().(*[]wire.Property)
		defer freePropertyList(list)
	}
	put, err := c.prepare(message, o, list)
	if err != nil {
		return err
	}
	q, err := c.writable(uri, message)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return contextError(opPost, uri, err)
	}
	return c.postError(ctx, uri, q.engine.Post(ctx, put))
}

// prepare makes what the engine takes of a message. Its properties are put into
// list, which may be nil if there are none.
func (c *core) prepare(message []byte, o *PostOption, list *[]wire.Property) (engine.Put, error) {
	algorithm := o.compression.Or(c.compression)
	put := engine.Put{Payload: message, Compression: wire.Compression(algorithm)}
	switch {
	case o.waiter != nil:
		put.WantAck, put.Cookie = true, o.waiter
	case o.onAck != nil:
		put.WantAck, put.Cookie = true, o.onAck
	}
	if err := algorithm.validate(); err != nil {
		return put, err
	}
	if list != nil {
		var err error
		if *list, err = encodeProperties(*list, o.properties, o.overrides); err != nil {
			return put, err
		}
		put.Properties = *list
	}
	return put, nil
}

// writable returns the queue that message can be posted to, or why it can't be.
func (c *core) writable(uri string, message []byte) (*queue, error) {
	q, err := c.opened(opPost, uri)
	switch {
	case err != nil:
		return nil, err
	case q.closing.Load():
		return nil, packError(uri, engine.PackQueueInvalid)
	case !q.write:
		return nil, packError(uri, engine.PackQueueReadOnly)
	case len(message) == 0:
		return nil, packError(uri, engine.PackPayloadEmpty)
	}
	return q, nil
}

// postError makes the error of a post that the engine did not take.
func (c *core) postError(ctx context.Context, uri string, st engine.Status) error {
	switch {
	case st.Code == engine.Canceled && ctx.Err() != nil:
		return contextError(opPost, uri, ctx.Err())
	case st.Packing && st.Code == engine.PackQueueInvalid && c.stopped.Load():
		return errStopped(opPost, uri) // it waited for room
	}
	return statusError(opPost, uri, st)
}

func packError(uri string, code engine.Code) error {
	return statusError(opPost, uri, engine.Status{Code: code, Packing: true})
}
