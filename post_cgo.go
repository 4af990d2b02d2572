//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"context"
	"time"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// post takes a message over.
func (o *nativeOutbox) post(ctx context.Context, q *nativeQueue, put *engine.Put) engine.Status {
	area := wire.PropertiesSize(put.Properties)
	if area+len(put.Payload) > wire.MaxPayloadSize {
		return engine.Status{Code: engine.PackPayloadTooBig, Packing: true}
	}
	if len(put.Payload) == 0 {
		return engine.Status{Code: engine.PackPayloadEmpty, Packing: true}
	}
	p := nativePost{q: q, size: int32(wire.PutSize(area + len(put.Payload)))}
	p.counts = o.memoryOf(put, int(p.size))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.live && o.s.cfg.ChannelWriteTimeout != 0 {
		o.pace.Wait(ctx, &o.mu, o.pacedBytes)
	}
	if st := o.admit(ctx, q, int64(p.counts)); !st.OK() {
		return st
	}
	r := cbridge.PostRecord{
		Queue: q.c.Number(), Offset: int64(len(o.front.data)),
		PropertiesSize: int32(area), PayloadSize: int32(len(put.Payload)), Compression: int32(put.Compression),
	}
	p.epoch = o.epochs[len(o.epochs)-1]
	p.epoch.pending++
	if put.WantAck {
		p.cookie = put.Cookie
		r.ID = o.posts.Add(p)
		p.cookie = nil
		q.pending++
	}
	o.front.data = append(wire.AppendProperties(o.front.data, put.Properties, true), put.Payload...)
	o.front.records = append(o.front.records, r)
	o.front.posts = append(o.front.posts, p)
	o.pending++
	o.pendingBytes += int64(p.counts)
	o.pacedBytes += p.paced()
	o.unsentSize += int64(p.size)
	o.stats.posted++
	o.signal()
	return engine.Status{}
}

// admit waits until a post that counts for size bytes may be taken over. It is called with
// the lock held, which it gives up while it waits.
func (o *nativeOutbox) admit(ctx context.Context, q *nativeQueue, size int64) engine.Status {
	var timeout <-chan time.Time
	var late bool
	for {
		full := o.full(size)
		switch {
		case o.ended || q.closed:
			return engine.Status{Code: engine.PackQueueInvalid, Packing: true}
		case q.suspended:
			return engine.Status{Code: engine.PackQueueSuspended, Packing: true}
		case !full && !o.gathered():
			return engine.Status{}
		case full && (late || o.s.cfg.ChannelWriteTimeout == 0):
			return engine.Status{Code: engine.PostBWLimit}
		}
		if timeout == nil {
			timer := time.NewTimer(o.s.cfg.ChannelWriteTimeout)
			defer timer.Stop()
			timeout = timer.C
			defer o.s.handler.Awaiting()()
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-timeout:
			late = true
		case <-ctx.Done():
			err = ctx.Err()
		}
		o.mu.Lock()
		if err != nil {
			return engine.Status{Code: engine.Canceled}
		}
	}
}

// full tells whether too much is on its way already.
func (o *nativeOutbox) full(size int64) bool {
	limit := o.s.cfg.MaxPendingBytes
	return (o.choked || o.held) && o.gathered() || limit != 0 && o.pendingBytes != 0 && o.pendingBytes+size > limit
}

// gathered tells whether the goroutine that sends has to come round first. While it
// waits for the connection, or for queues to be opened again, only the bound of what is
// pending counts.
func (o *nativeOutbox) gathered() bool {
	return !o.reopening && (o.live || !o.held) && (len(o.front.data) >= gatherBytes || len(o.front.records) >= gatherPosts)
}

// confirm takes confirmations over.
func (o *nativeOutbox) confirm(q *nativeQueue, guids []wire.GUID) engine.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended || !q.open:
		return engine.Status{Code: engine.NotConnected, Text: "the message will be delivered again"}
	case len(o.front.confirms)+len(guids) > maxConfirms && len(o.front.confirms) > 0:
		return engine.Status{Code: engine.Timeout, Text: "too many confirmations wait to be sent"}
	}
	number := q.c.Number()
	for i := range guids {
		o.front.confirms = append(o.front.confirms, cbridge.ConfirmRecord{Queue: number, GUID: guids[i]})
	}
	o.stats.confirms += uint64(len(guids))
	o.signal()
	return engine.Status{}
}

// handedOver takes note that libbmq has taken the records from one to another, but for
// those it refused.
func (o *nativeOutbox) handedOver(b *nativeBatch, from, to int) {
	refused := false
	o.mu.Lock()
	for i := from; i < to; i++ {
		p := &b.posts[i]
		switch {
		case b.records[i].Result != 0:
			refused = true
			continue
		case b.records[i].ID != 0:
			if post := o.posts.At(b.records[i].ID); post != nil { // it has no answer yet
				o.give(post)
			}
		case o.live:
			o.forget(p)
		default:
			o.give(p)
			o.kept = append(o.kept, *p)
		}
		o.unsentSize -= int64(p.size)
		o.stats.out += uint64(b.records[i].PropertiesSize) + uint64(b.records[i].PayloadSize)
	}
	o.wakeWaiters()
	o.mu.Unlock()
	for i := from; refused && i < to; i++ {
		if b.records[i].Result != 0 {
			o.refuse(b, i, "")
		}
	}
}

// give notes that libbmq has a post until it is answered.
func (o *nativeOutbox) give(p *nativePost) {
	p.given = true
	o.givenSize += int64(p.size)
}

// refuse ends a post that libbmq would not take, after it was accepted here.
func (o *nativeOutbox) refuse(b *nativeBatch, i int, why string) {
	r, p := &b.records[i], &b.posts[i]
	o.s.log.Warn("a post was accepted, but could not be sent", "queue", p.q.req.URI.String(), "code", r.Result, "reason", why)
	o.mu.Lock()
	o.unsentSize -= int64(p.size)
	if r.ID == 0 {
		o.forget(p)
		o.wakeWaiters()
		o.mu.Unlock()
		return
	}
	post, ok := o.posts.Take(r.ID)
	o.mu.Unlock()
	if ok {
		o.answer([]nativePost{post})
	}
}

// giveUp ends posts that the end of the session left behind. Those with an ack get it
// from failAll.
func (o *nativeOutbox) giveUp(b *nativeBatch, from int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := from; i < len(b.records); i++ {
		o.unsentSize -= int64(b.posts[i].size)
		if b.records[i].ID == 0 {
			o.forget(&b.posts[i])
		}
	}
}

// forget ends a post.
func (o *nativeOutbox) forget(p *nativePost) {
	o.pending--
	o.pendingBytes -= int64(p.counts)
	if p.given {
		o.givenSize -= int64(p.size)
	}
	o.pacedBytes -= p.paced()
	p.epoch.pending--
	o.pace.Answered(o.pacedBytes)
	if o.held {
		o.signal()
	}
}

// fail answers the posts of a queue that is gone.
func (o *nativeOutbox) fail(q *nativeQueue) {
	o.mu.Lock()
	q.closed, q.open = true, false
	var posts []nativePost
	if q.pending > 0 {
		posts = o.posts.TakeAll(func(p nativePost) bool { return p.q == q })
	}
	o.wakeWaiters()
	o.mu.Unlock()
	o.answer(posts)
}

// failAll answers all posts.
func (o *nativeOutbox) failAll() {
	o.mu.Lock()
	posts := o.posts.TakeAll(func(nativePost) bool { return true })
	for i := range o.kept {
		o.forget(&o.kept[i])
	}
	o.kept = nil
	o.wakeWaiters()
	o.mu.Unlock()
	o.answer(posts)
}

// answer ends posts whose outcome will not be learnt any more.
func (o *nativeOutbox) answer(posts []nativePost) {
	if len(posts) == 0 {
		return
	}
	batch := engine.NewAckBatch()
	o.mu.Lock()
	for i := range posts {
		p := &posts[i]
		p.q.pending--
		o.forget(p)
		batch.Acks = append(batch.Acks, engine.Ack{Owner: p.q.req.Owner, Cookie: p.cookie, Status: engine.Unknown})
	}
	o.wakeWaiters()
	o.mu.Unlock()
	o.s.deliverAcks(batch)
}

// acked takes answers of the broker. It returns how many posts were refused.
func (o *nativeOutbox) acked(acks []cbridge.Ack, batch *engine.AckBatch) (nacks uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range acks {
		a := &acks[i]
		if a.Status != int32(engine.Success) {
			nacks++
		}
		p, ok := o.posts.Take(a.ID)
		if !ok {
			if a.ID == 0 {
				o.s.log.Warn("the broker refused a message that was posted without WithOnAck", "guid", wire.GUID(a.GUID), "status", a.Status)
			}
			continue // answered already
		}
		p.q.pending--
		o.forget(&p)
		batch.Acks = append(batch.Acks, engine.Ack{
			Owner: p.q.req.Owner, Cookie: p.cookie, GUID: a.GUID, Status: engine.Code(a.Status),
		})
	}
	o.wakeWaiters()
	return nacks
}

// flush waits until all posts so far are answered, or handed over where nobody waits
// for an answer.
func (o *nativeOutbox) flush(ctx context.Context) engine.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.epochs[len(o.epochs)-1]
	if last.pending > 0 {
		o.epochs = append(o.epochs, new(postEpoch))
	}
	for !o.answeredUpTo(last) {
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-ctx.Done():
			err = ctx.Err()
		}
		o.mu.Lock()
		if err != nil {
			return engine.Status{Code: engine.Canceled, Err: err}
		}
	}
	return engine.Status{}
}

// answeredUpTo tells whether the posts of an epoch and of those before it have their
// answers. It drops epochs that are over.
func (o *nativeOutbox) answeredUpTo(last *postEpoch) bool {
	for len(o.epochs) > 1 && o.epochs[0].pending == 0 {
		o.epochs = o.epochs[1:]
	}
	for _, e := range o.epochs {
		if e.pending > 0 {
			return false
		}
		if e == last {
			return true
		}
	}
	return true
}
