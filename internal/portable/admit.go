package portable

import (
	"context"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
)

const (
	controlReserve      = 4 << 20   // of the channel high watermark, for what is no post
	channelLowWatermark = 512 << 10 // upstream's
)

// admit waits until a post of size bytes may be taken over. It is called with the
// lock held, which it gives up while it waits.
func (o *outbox) admit(ctx context.Context, q *queue, size int64) engine.Status {
	var timeout <-chan time.Time
	for {
		switch {
		case o.ended || q.gate.closed:
			return engine.Status{Code: engine.PackQueueInvalid, Packing: true}
		case q.gate.suspended:
			return engine.Status{Code: engine.PackQueueSuspended, Packing: true}
		case o.hasRoom(size):
			return engine.Status{}
		case o.s.cfg.ChannelWriteTimeout == 0:
			return engine.Status{Code: engine.PostBWLimit}
		}
		if timeout == nil {
			timer := time.NewTimer(o.s.cfg.ChannelWriteTimeout)
			defer timer.Stop()
			timeout = timer.C
			defer o.s.handler.Awaiting()()
		}
		room := o.change()
		o.mu.Unlock()
		st := engine.Status{}
		select {
		case <-room:
		case <-timeout:
			st.Code = engine.PostBWLimit
		case <-ctx.Done():
			st.Code = engine.Canceled
		}
		o.mu.Lock()
		if !st.OK() {
			return st
		}
	}
}

func (o *outbox) hasRoom(size int64) bool {
	limit := o.s.cfg.MaxPendingBytes
	return !o.choked && (limit == 0 || o.pendingBytes == 0 || o.pendingBytes+size <= limit)
}

// choke has posts wait if too much waits to be written.
func (o *outbox) choke() {
	if !o.choked && o.stream.unsent >= o.s.cfg.ChannelHighWatermark-controlReserve {
		o.choked = true
		o.s.event(eventChannelHighWatermark, nil, engine.Status{})
	}
}

func (o *outbox) unchoke() {
	if o.choked {
		o.choked = false
		o.s.event(eventChannelLowWatermark, nil, engine.Status{})
		o.wakeWaiters()
	}
}

// change returns a channel that is closed when posts were answered or written, or a
// gate changed.
func (o *outbox) change() <-chan struct{} {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}

func (o *outbox) wakeWaiters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}
