package enginetest

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"weak"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/wire"
)

var posting = chapter("posting",
	Behaviour{Name: "what-is-posted-arrives", Ref: "4/34 4/70", Run: postArrives},
	Behaviour{Name: "an-ack-has-guid-status-and-queue", Ref: "4/35 4/50", Run: ackContents},
	Behaviour{Name: "acks-go-to-their-own-callbacks", Ref: "4/37 4/50 4/71", Run: acksMatch},
	Behaviour{Name: "without-a-callback-there-is-no-ack", Ref: "4/36 5.6/no-ack", Run: postWithoutAck},
	Behaviour{Name: "a-callback-is-kept-until-its-ack", Ref: "4/37", Run: callbackReleased},
	Behaviour{Name: "a-callback-of-a-failed-post-is-let-go", Ref: "4/30", Run: callbackOfFailedPost},
	Behaviour{Name: "an-empty-payload-is-refused", Ref: "4/29 4/33 1.14/pack", Run: emptyPayload},
	Behaviour{Name: "a-reader-can-not-post", Ref: "4/29 4/33 1.14/pack", Run: readerPosts},
	Behaviour{Name: "a-payload-over-64-MiB-is-refused", Ref: "4/29 1.14/pack", Run: payloadTooBig},
	Behaviour{Name: "the-largest-payload-arrives", Run: largestPayload},
	Behaviour{Name: "errors-come-in-upstreams-order", Ref: "1.14/order", Run: postErrorOrder},
	Behaviour{Name: "a-payload-is-copied", Run: payloadCopied},
	Behaviour{Name: "any-goroutine-may-post", Run: manyPosters},
	Behaviour{Name: "compression-shrinks-large-payloads", Ref: "4/31 4/38 4/77", Run: compression},
	Behaviour{Name: "closing-a-queue-answers-its-posts-first", Ref: "4/37 5.3/posts", Run: closeAnswersPosts},
	Behaviour{Name: "an-ack-may-take-any-time", Ref: "5.6/no-timer", Run: ackTakesTime},
	Behaviour{Name: "a-full-queue-refuses-by-messages", Ref: "6.3/quota", Run: quotaMessages},
	Behaviour{Name: "a-full-queue-refuses-by-bytes", Ref: "6.3/quota", Run: quotaBytes},
	Behaviour{Name: "a-full-domain-refuses", Ref: "6.3/quota", Run: quotaDomain},
	Behaviour{Name: "waiting-for-an-ack-gives-its-error", Run: postAndWait},
	Behaviour{Name: "a-batch-is-posted-in-order", Run: postBatch},
	Behaviour{Name: "a-batch-stops-at-what-can-not-be-posted", Run: batchStops},
	Behaviour{Name: "flushing-waits-for-acks", Run: flushWaits},
)

func postArrives(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	want := []string{"\xde\xad\x00\x00\xbe\xef", "x", strings.Repeat("long ", 100_000)}
	w.deliver(uri, want...)
	for _, m := range c.awaitPayloads(want...) {
		e.Equal(uri, m.QueueURI)
		e.False(m.GUID.IsZero())
		e.NotNil(m.Properties())
		e.Empty(m.Properties())
		e.Empty(m.PropertyTypes())
	}
}

func ackContents(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	w.post(uri, "x")
	a := w.awaitAcks(1)[0]
	e.Equal(bmq.AckSuccess, a.Status)
	e.Equal(uri, a.QueueURI)
	e.NoError(a.Status.Err())
	e.NotNil(a.GUID)
	e.Equal("<Ack["+a.GUID.String()+"] SUCCESS for "+uri+">", a.Ack.String())
	m := c.awaitMessages(1)[0]
	e.Equal(*a.GUID, m.GUID)
	e.Equal("<Message["+a.GUID.String()+"] for "+uri+">", m.String())
	e.Equal("<MessageHandle["+a.GUID.String()+"] for "+uri+">", m.MessageHandle.String())
	e.Equal(strings.ToUpper(a.GUID.String()), a.GUID.String())
}

func acksMatch(e *Env) {
	const n = 100
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	e.proxy.stall(down) // so that many acks come together
	want := numbered("m", n)
	w.post(uri, want...)
	e.proxy.resume()
	acked := make(map[bmq.MessageGUID]string)
	for i, a := range w.awaitAcks(n) {
		e.Equal(want[i], a.payload, "in the order of the posts")
		e.Equal(bmq.AckSuccess, a.Status)
		acked[*a.GUID] = a.payload
	}
	for _, m := range c.awaitPayloads(want...) {
		e.Equal(m.payload(), acked[m.GUID])
	}
}

func postWithoutAck(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.writer(uri)
	e.NoError(w.Post(e.soon(), uri, []byte("plain")))
	e.NoError(w.Post(e.soon(), uri, []byte("nil"), bmq.WithOnAck(nil)))
	w.post(uri, "acked")
	c.awaitPayloads("plain", "nil", "acked")
	w.awaitAcks(1)
	w.stop()
	e.Len(w.answers(), 1)
}

// postOwned posts with a callback that owns something, which is gone when the callback
// is.
func (c *client) postOwned(uri, payload string, note func()) (weak.Pointer[[64]int], error) {
	thing := new([64]int)
	return weak.Make(thing), c.Post(c.e.soon(), uri, []byte(payload), bmq.WithOnAck(func(*bmq.Ack) {
		thing[0]++
		note()
	}))
}

func callbackReleased(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	w.proxy.stall(up)
	called := make(chan struct{})
	thing, err := w.postOwned(uri, "x", func() { close(called) })
	e.NoError(err)
	runtime.GC()
	runtime.GC()
	e.NotNil(thing.Value(), "the post holds on to it")
	w.proxy.resume()
	e.await(called, "the ack")
	e.deliverOther(w, uri)
	e.collected("the callback is gone", func() bool { return thing.Value() == nil })
}

// deliverOther has a session forget what it did last.
func (e *Env) deliverOther(w *client, uri string) {
	e.t.Helper()
	w.post(uri, "other")
	w.awaitAcks(1)
}

func callbackOfFailedPost(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	for _, post := range []struct{ uri, payload string }{{uri, ""}, {e.queue(memoryPriority), "x"}} {
		thing, err := w.postOwned(post.uri, post.payload, func() { e.t.Error("a failed post is acked") })
		e.Error(err)
		e.collected("the callback is gone", func() bool { return thing.Value() == nil })
	}
}

func emptyPayload(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	for _, payload := range [][]byte{nil, {}} {
		err := w.Post(e.soon(), uri, payload)
		e.ErrorIs(err, bmq.ErrPayloadEmpty)
		e.Equal("Failed to construct message: PAYLOAD_EMPTY", err.Error())
		e.ErrorIs(w.Post(e.soon(), uri, payload, bmq.WithProperties(bmq.PropertyValueDict{"p": 1})), bmq.ErrPayloadEmpty)
		_, err = w.PostAndWait(e.soon(), uri, payload)
		e.ErrorIs(err, bmq.ErrPayloadEmpty)
		e.ErrorIs(w.NewBatch().Add(uri, payload), bmq.ErrPayloadEmpty)
	}
}

func readerPosts(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	for _, payload := range []string{"x", ""} {
		err := c.Post(e.soon(), uri, []byte(payload))
		e.ErrorIs(err, bmq.ErrQueueReadOnly)
		e.Equal("Failed to construct message: QUEUE_READONLY", err.Error())
	}
}

const maxPayload = 64 << 20

func payloadTooBig(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	err := w.tryPost(e.soon(), uri, strings.Repeat("x", maxPayload+1))
	e.ErrorIs(err, bmq.ErrPayloadTooBig)
	e.Equal("Failed to construct message: PAYLOAD_TOO_BIG", err.Error())
	w.deliver(uri, "x")
}

func largestPayload(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri, bmq.WithQueueOptions(bmq.QueueOptions{MaxUnconfirmedBytes: bmq.Some(2 * maxPayload)}))
	w := e.writer(uri)
	payload := bytes.Repeat([]byte("12345678"), maxPayload/8)
	_, err := w.PostAndWait(e.soon(), uri, payload)
	e.NoError(err)
	m := c.awaitMessages(1)[0]
	e.True(bytes.Equal(payload, m.Data))
	e.NoError(m.Confirm())
}

// postErrorOrder: properties are looked at before the session, the queue and the
// payload are.
func postErrorOrder(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	bad := bmq.WithProperties(bmq.PropertyValueDict{"p": 1.5})
	other := e.queue(memoryPriority)
	e.ErrorIs(w.Post(e.soon(), other, nil, bad), bmq.ErrUnsupportedPropertyType)
	e.ErrorIs(w.Post(e.soon(), other, nil), bmq.ErrQueueNotOpened)
	w.stop()
	e.ErrorIs(w.Post(e.soon(), uri, nil, bad), bmq.ErrUnsupportedPropertyType)
	e.ErrorIs(w.Post(e.soon(), uri, nil), bmq.ErrSessionStopped)
}

func payloadCopied(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	payload := []byte("before")
	e.proxy.stall(up)
	e.NoError(w.Post(e.soon(), uri, payload))
	copy(payload, "after!")
	e.proxy.resume()
	e.reader(uri).awaitPayloads("before")
}

func manyPosters(e *Env) {
	const posters, each = 8, 50
	uri := e.queue(memoryPriority)
	l := newLedger()
	w, c := e.writer(uri), l.reader(e, uri)
	var all sync.WaitGroup
	for i := range posters {
		p := l.producer(w, uri, numbered("poster", posters)[i])
		all.Go(func() { p.post(e, each) })
	}
	all.Wait()
	l.settle(e, c)
}

func compression(e *Env) {
	uri := e.queue(memoryPriority)
	c := e.reader(uri)
	w := e.clientWith(setup{writer: true, options: []bmq.Option{bmq.WithMessageCompressionAlgorithm(bmq.CompressionZLIB)}})
	w.open(uri, bmq.WithWrite())
	plain := e.writer(uri)

	large, small := strings.Repeat("compress me ", 600), strings.Repeat("c", wire.CompressionThreshold-1)
	size := func(do func()) int {
		n := 0
		r := e.proxy.rewrite(up, wire.EventPut, func(frame []byte) []byte { n += len(frame); return frame })
		defer r.remove()
		do()
		return n
	}
	e.Less(size(func() { w.deliver(uri, large) }), 1000)
	e.Greater(size(func() { w.deliver(uri, small) }), len(small))
	e.Greater(size(func() { plain.deliver(uri, large) }), len(large))
	e.Less(size(func() {
		_, err := plain.PostAndWait(e.soon(), uri, []byte(large), bmq.WithCompression(bmq.CompressionZLIB))
		e.NoError(err)
	}), 1000)
	e.Greater(size(func() {
		_, err := w.PostAndWait(e.soon(), uri, []byte(large), bmq.WithCompression(bmq.CompressionNone))
		e.NoError(err)
	}), len(large))
	c.awaitPayloads(large, small, large, large, large)

	properties := bmq.WithProperties(bmq.PropertyValueDict{"p": "v"})
	_, err := w.PostAndWait(e.soon(), uri, []byte(large), properties)
	e.NoError(err)
	m := c.awaitMessages(6)[5]
	e.Equal(large, m.payload())
	e.Equal(bmq.PropertyValueDict{"p": "v"}, m.Properties())
	e.ErrorIs(w.Post(e.soon(), uri, []byte("x"), bmq.WithCompression(9)), bmq.ErrValue)
}

func closeAnswersPosts(e *Env) {
	uri, other := e.queue(memoryPriority), e.queue(memoryPriority)
	w := e.writer(uri)
	w.open(other, bmq.WithWrite())
	acks := e.proxy.drop(down, wire.EventAck)
	w.post(uri, "a", "b")
	w.post(other, "c")
	e.NoError(w.Post(e.soon(), uri, []byte("no ack")))
	w.closeQueue(uri)
	answers := w.answers()
	e.Len(answers, 2, "before the queue is closed, and only its own")
	for i, a := range answers {
		e.Equal(bmq.AckUnknown, a.Status)
		e.Nil(a.GUID)
		e.Equal(uri, a.QueueURI)
		e.Equal([]string{"a", "b"}[i], a.payload)
		e.Equal("<Ack UNKNOWN for "+uri+">", a.Ack.String())
	}
	acks.remove()
	w.deliver(other, "d")
}

// ackTakesTime: nothing but the end of connection, queue or session answers a post in
// the broker's place.
func ackTakesTime(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	acks := e.proxy.drop(down, wire.EventAck)
	w.post(uri, "x")
	e.await(acks.hit, "the broker's ack")
	acks.remove()
	w.deliver(uri, "y")
	e.Empty(w.answers())
	e.Equal(1, w.Stats().PendingMessages)
	// A new connection brings the answer after all.
	e.proxy.cut()
	e.Equal(bmq.AckSuccess, w.awaitAcks(1)[0].Status)
}

// fill posts until a queue is full and checks how the rest is answered.
func (e *Env) fill(w *client, uri string, payload string, takes int, status bmq.AckStatus, cause error) {
	e.t.Helper()
	for range takes {
		w.post(uri, payload)
	}
	w.post(uri, payload, payload)
	for i, a := range w.awaitAcks(takes + 2) {
		if i < takes {
			e.Equal(bmq.AckSuccess, a.Status, "post %d", i+1)
			continue
		}
		e.Equal(status, a.Status, "post %d", i+1)
		e.ErrorIs(a.Status.Err(), cause)
		e.Nil(a.GUID)
		e.Equal("<Ack "+status.String()+" for "+uri+">", a.Ack.String())
	}
	a, err := w.PostAndWait(e.soon(), uri, []byte(payload))
	e.ErrorIs(err, cause)
	e.Equal(status, a.Status)
	e.NoError(w.Post(e.soon(), uri, []byte(payload)), "nobody learns that it is refused")
}

// drained confirms what there is and checks that the queue takes messages again.
func (e *Env) drained(w *client, uri string, n int) {
	e.t.Helper()
	c := e.reader(uri)
	for _, m := range c.awaitMessages(n) {
		e.NoError(m.Confirm())
	}
	e.eventually("there is room again", func() bool {
		_, err := w.PostAndWait(e.soon(), uri, []byte("room"))
		return err == nil
	})
	e.Equal("room", c.awaitMessages(n + 1)[n].payload())
}

func quotaMessages(e *Env) {
	uri := e.queue(fewMessages)
	w := e.writer(uri)
	e.fill(w, uri, "x", limitMessages+1, bmq.AckLimitMessages, bmq.ErrLimitMessages)
	e.drained(w, uri, limitMessages+1)
}

func quotaBytes(e *Env) {
	uri := e.queue(fewBytes)
	w := e.writer(uri)
	payload := strings.Repeat("x", limitBytes*6/10)
	e.fill(w, uri, payload, 2, bmq.AckLimitBytes, bmq.ErrLimitBytes)
	e.drained(w, uri, 2)
}

func quotaDomain(e *Env) {
	full, other := e.queue(fewInDomain), e.queue(fewInDomain)
	w := e.writer(full)
	w.open(other, bmq.WithWrite())
	w.deliver(other, "x")
	e.fill(w, full, "x", limitMessages, bmq.AckLimitMessages, bmq.ErrLimitMessages)
	e.drained(w, full, limitMessages)
}

func postAndWait(e *Env) {
	uri := e.queue(fewMessages)
	w := e.writer(uri)
	for range limitMessages + 1 {
		a, err := w.PostAndWait(e.soon(), uri, []byte("x"))
		e.NoError(err)
		e.Equal(bmq.AckSuccess, a.Status)
		e.NotNil(a.GUID)
	}
	a, err := w.PostAndWait(e.soon(), uri, []byte("x"), bmq.WithOnAck(func(*bmq.Ack) { e.t.Error("WithOnAck has no effect") }))
	e.ErrorIs(err, bmq.ErrLimitMessages)
	e.Equal(bmq.AckLimitMessages, a.Status)
	e.Equal("Failed to post message to "+uri+" queue: LIMIT_MESSAGES", err.Error())
}

func postBatch(e *Env) {
	const n = 200
	uri, other := e.queue(memoryPriority), e.queue(memoryPriority)
	c := e.reader(uri)
	c.open(other, bmq.WithRead())
	w := e.writer(uri)
	w.open(other, bmq.WithWrite())
	b := w.NewBatch()
	var acked sync.WaitGroup
	want := numbered("m", n)
	for _, p := range want {
		acked.Add(1)
		e.NoError(b.Add(uri, []byte(p), bmq.WithProperties(bmq.PropertyValueDict{"p": p}), bmq.WithOnAck(func(a *bmq.Ack) {
			if a.Status == bmq.AckSuccess {
				acked.Done()
			}
		})))
	}
	e.Equal(n, b.Len())
	e.Positive(b.Size())
	posted, err := w.PostBatch(e.soon(), b)
	e.NoError(err)
	e.Equal(n, posted)
	e.Zero(b.Len())
	e.Zero(b.Size())
	for _, m := range c.awaitPayloads(want...) {
		e.Equal(bmq.PropertyValueDict{"p": m.payload()}, m.Properties())
	}
	e.ends("all acks", acked.Wait)

	e.NoError(b.Add(uri, []byte("dropped")))
	b.Reset()
	e.NoError(b.Add(other, []byte("other")))
	posted, err = w.PostBatch(e.soon(), b)
	e.NoError(err)
	e.Equal(1, posted)
	e.Equal(other, c.awaitMessages(n + 1)[n].QueueURI)

	_, err = c.PostBatch(e.soon(), b)
	e.ErrorIs(err, bmq.ErrValue, "the batch of another session")
}

func batchStops(e *Env) {
	uri, closed := e.queue(memoryPriority), e.queue(memoryPriority)
	w := e.writer(uri)
	w.open(closed, bmq.WithWrite())
	b := w.NewBatch()
	e.NoError(b.Add(uri, []byte("a")))
	e.NoError(b.Add(closed, []byte("b")))
	e.NoError(b.Add(uri, []byte("c")))
	w.closeQueue(closed)
	n, err := w.PostBatch(e.soon(), b)
	e.ErrorIs(err, bmq.ErrQueueClosing)
	e.Equal(1, n)
	e.Equal(2, b.Len())
	e.NoError(w.Flush(e.soon()))
	r := e.reader(uri)
	r.awaitPayloads("a")
	w.open(closed, bmq.WithWrite())
	n, err = w.PostBatch(e.soon(), b)
	e.NoError(err, "the queue is open again")
	e.Equal(2, n)
	r.awaitPayloads("a", "c")
	e.reader(closed).awaitPayloads("b")
}

func flushWaits(e *Env) {
	uri := e.queue(memoryPriority)
	w := e.writer(uri)
	e.NoError(w.Flush(e.soon()), "there is nothing to wait for")
	e.proxy.stall(down)
	w.post(uri, "a", "b")
	flushed := make(chan error, 1)
	go func() { flushed <- w.Flush(e.soon()) }()
	e.ErrorContains(w.Flush(e.within(brief)), "deadline")
	e.Empty(flushed)
	e.proxy.resume()
	e.NoError(<-flushed)
	e.Zero(w.Stats().PendingMessages)
	w.awaitAcks(2)
}
