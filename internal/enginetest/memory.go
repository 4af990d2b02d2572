package enginetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var memory = chapter("memory",
	Behaviour{Name: "a-full-channel-holds-posts-up", Ref: "4/29 5.6/pressure", Run: channelFull},
	Behaviour{Name: "a-post-waits-for-room-in-the-channel", Ref: "5.6/pressure", Run: channelWaits},
	Behaviour{Name: "posts-without-an-answer-are-bounded", Ref: "0.4/contexts", Run: pendingBounded},
	Behaviour{Name: "posts-kept-for-a-connection-are-bounded", Run: keptBounded},
	Behaviour{Name: "one-large-post-passes-any-bound", Run: largePostPasses},
	Behaviour{Name: "messages-that-wait-are-bounded", Needs: Portable, Run: inboundBounded},
	Behaviour{Name: "a-full-inbox-does-not-hold-operations-up", Needs: Portable, Run: inboundOperations},
	Behaviour{Name: "a-window-bounds-what-waits", Run: windowBounds},
)

// smallChannel is the smallest high watermark: more than 8 MiB.
const smallChannel = 8<<20 + 1

// chunk is a payload of 64 KiB.
var chunk = string(make([]byte, 64<<10))

// channelFull: the broker reads nothing, and posts do not wait.
func channelFull(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.client(bmq.WithChannelHighWatermark(smallChannel), bmq.WithChannelWriteTimeout(0))
	w.open(uri, bmq.WithWrite())
	e.proxy.stall(up)
	var err error
	n := 0
	for ; err == nil; n++ {
		err = w.tryPost(e.soon(), uri, chunk)
		e.Less(n, 10_000)
	}
	e.ErrorIs(err, bmq.ErrBWLimit)
	e.Equal("Failed to post message to "+uri+" queue: BW_LIMIT", err.Error())
	w.awaitEvent("ChannelHighWatermark", 1)
	e.LessOrEqual(w.Stats().UnsentBytes, int64(smallChannel))
	e.proxy.resume()
	// The system's buffers may have made room once before.
	e.eventually("all is written", func() bool { return w.Stats().UnsentBytes == 0 })
	w.awaitEvent("ChannelLowWatermark", 1)
	w.deliver(uri, "there is room again")
	w.awaitAcks(n - 1)
}

func channelWaits(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.client(bmq.WithChannelHighWatermark(smallChannel), bmq.WithChannelWriteTimeout(brief))
	w.open(uri, bmq.WithWrite())
	e.proxy.stall(up)
	var err error
	var took time.Duration
	for err == nil {
		start := time.Now()
		err = w.tryPost(e.soon(), uri, chunk)
		took = time.Since(start)
	}
	e.ErrorIs(err, bmq.ErrBWLimit)
	e.GreaterOrEqual(took, brief)
	ctx, cancel := context.WithCancel(e.ctx)
	cancelled := make(chan error, 1)
	go func() { cancelled <- w.tryPost(ctx, uri, chunk) }()
	cancel()
	e.ErrorIs(<-cancelled, context.Canceled)
	e.proxy.resume()
	e.eventually("there is room in time", func() bool { return w.tryPost(e.soon(), uri, chunk) == nil })
}

func pendingBounded(e *Env) {
	const bound = 1 << 20
	uri := e.queue(memoryPriority)
	w := e.client(bmq.WithMaxPendingBytes(bound), bmq.WithChannelWriteTimeout(wholePatience))
	w.open(uri, bmq.WithWrite())
	acks := e.proxy.drop(down, wire.EventAck)
	w.post(uri, chunk)
	n, each := 1, w.Stats().PendingBytes // what a post counts for is the engine's
	e.GreaterOrEqual(each, int64(len(chunk)))
	for w.Stats().PendingBytes+each <= bound {
		w.post(uri, chunk)
		n++
		e.LessOrEqual(w.Stats().PendingBytes, int64(bound))
	}
	e.ErrorIs(w.tryPost(e.within(brief), uri, chunk), context.DeadlineExceeded)
	// Acks make room.
	posted := make(chan error, 1)
	go func() { posted <- w.tryPost(e.soon(), uri, chunk) }()
	acks.remove()
	w.reconnect()
	e.NoError(<-posted)
	w.awaitAcks(n + 1)
	e.eventually("nothing is pending", func() bool { return w.Stats().PendingBytes == 0 })
}

func keptBounded(e *Env) {
	const bound = 1 << 20
	uri := e.queue(memoryPriority)
	w := e.client(bmq.WithMaxPendingBytes(bound), bmq.WithChannelWriteTimeout(0))
	w.open(uri, bmq.WithWrite())
	w.lose()
	var err error
	for err == nil {
		err = w.tryPost(e.soon(), uri, chunk)
		e.LessOrEqual(w.Stats().PendingBytes, int64(bound))
	}
	e.ErrorIs(err, bmq.ErrBWLimit)
	w.restore()
	w.deliver(uri, "x")
}

func largePostPasses(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.client(bmq.WithMaxPendingBytes(100))
	w.open(uri, bmq.WithWrite())
	w.deliver(uri, chunk, chunk)
}

// inboundBounded: nothing but its own bound limits what a reader of a broadcast queue
// has to keep.
func inboundBounded(e *Env) {
	const bound, messages = 256 << 10, 400
	uri := e.queue(memoryBroadcast)
	gate := make(chan struct{})
	c := e.clientWith(setup{
		options:   []bmq.Option{bmq.WithMaxInboundBytes(bound)},
		onMessage: func(*client, *received) { <-gate },
		proxy:     e.newProxy(),
	})
	c.open(uri, bmq.WithRead())
	// Events of the broker are the unit: one may be above the bound.
	var largest atomic.Int64
	c.proxy.rewrite(down, wire.EventPush, func(frame []byte) []byte {
		largest.Store(max(largest.Load(), int64(len(frame))))
		return frame
	})
	w := e.writer(uri)
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		for range messages {
			if w.tryPost(e.ctx, uri, chunk) != nil {
				return
			}
		}
	}()
	e.eventually("there is no room for another one", func() bool { return c.Stats().WaitingBytes+largest.Load() > bound })
	e.await(posted, "the posts")
	w.awaitAcks(messages)
	e.LessOrEqual(c.Stats().WaitingBytes, bound+largest.Load())
	close(gate)
	c.awaitMessages(messages)
	e.eventually("nothing waits", func() bool { return c.Stats().WaitingBytes == 0 })
}

func inboundOperations(e *Env) {
	uri, other := e.queue(memoryBroadcast), e.queue(memoryPriority)
	gate := make(chan struct{})
	c := e.clientWith(setup{
		options:   []bmq.Option{bmq.WithMaxInboundBytes(1)},
		onMessage: func(*client, *received) { <-gate },
	})
	c.open(uri, bmq.WithRead())
	w := e.writer(uri)
	w.deliver(uri, chunk, chunk, chunk, chunk)
	c.open(other, bmq.WithWrite())
	c.deliver(other, "x")
	e.NoError(c.Health(e.soon()))
	e.NoError(c.Flush(e.soon()))
	close(gate)
	c.closeQueue(other) // this waits for the handlers
	c.awaitMessages(4)
}

func windowBounds(e *Env) {
	uri := e.queue(memoryPriority)
	gate := make(chan struct{})
	c := e.clientWith(setup{onMessage: func(*client, *received) { <-gate }})
	c.open(uri, bmq.WithRead(), bmq.WithQueueOptions(bmq.QueueOptions{MaxUnconfirmedBytes: bmq.Some(4 * len(chunk))}))
	w := e.writer(uri)
	for range 20 {
		w.deliver(uri, chunk)
	}
	e.eventually("messages wait", func() bool { return c.Stats().MessagesReceived >= 4 })
	e.LessOrEqual(c.Stats().WaitingBytes, int64(5*len(chunk)))
	close(gate)
	for i := range 20 {
		e.NoError(c.awaitMessages(i + 1)[i].Confirm())
	}
}
