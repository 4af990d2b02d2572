//go:build cgo && (libbmq || bmqfake)

package bmq

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/pace"
	"github.com/stretchr/testify/require"
)

// pacedOutbox has as many posts without an answer that the next one falls in step. It
// has no libbmq behind it: what it hands over is gone. The numbers are those of its posts.
func pacedOutbox(t *testing.T) (o *nativeOutbox, q *nativeQueue, numbers []uint64) {
	s := &nativeSession{cfg: engine.Config{ChannelWriteTimeout: time.Hour}, handler: &core{}, log: slog.New(slog.DiscardHandler)}
	o = &s.out
	o.init(s)
	o.restored()
	q = &nativeQueue{s: s, c: new(cbridge.Queue)}
	start := time.Now()
	for o.pacedBytes < paceFrom {
		postPaced(t, o, q)
		var b nativeBatch
		require.True(t, o.take(&b))
		o.handedOver(&b, 0, len(b.records))
		numbers = append(numbers, b.records[0].ID)
	}
	require.Equal(t, start, time.Now(), "nothing waited so far")
	return o, q, numbers
}

func postPaced(t *testing.T, o *nativeOutbox, q *nativeQueue) {
	put := engine.Put{Payload: bytes.Repeat([]byte("x"), gatherBytes-100), WantAck: true}
	require.True(t, o.post(t.Context(), q, &put).OK())
}

func acknowledge(o *nativeOutbox, numbers []uint64) {
	var acks []cbridge.Ack
	for _, n := range numbers {
		acks = append(acks, cbridge.Ack{ID: n})
	}
	o.acked(acks, new(engine.AckBatch))
}

func TestAcksReleaseNativePostsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, q, numbers := pacedOutbox(t)
		posted := make(chan struct{})
		start := time.Now()
		go func() {
			postPaced(t, o, q)
			close(posted)
		}()
		synctest.Wait()
		require.True(t, o.pace.Waiting(), "it waits")
		acknowledge(o, numbers[:1])
		synctest.Wait()
		require.True(t, o.pace.Waiting(), "a little is not enough")
		acknowledge(o, numbers[1:6])
		<-posted
		require.Equal(t, start, time.Now())
	})
}

func TestVeryManySmallNativePostsFallInStepToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, q, numbers := pacedOutbox(t)
		acknowledge(o, numbers)
		var b nativeBatch
		start := time.Now()
		for range paceFrom/pacedSize + 1 {
			require.Equal(t, start, time.Now(), "nothing waited so far")
			require.True(t, o.post(t.Context(), q, &engine.Put{Payload: []byte("x"), WantAck: true}).OK())
			require.True(t, o.take(&b))
			o.handedOver(&b, 0, len(b.records))
			b.reset()
		}
		require.Equal(t, pace.For, time.Since(start))
	})
}

func TestWaitOfNativePostsEndsEarly(t *testing.T) {
	for name, end := range map[string]func(*nativeOutbox, context.CancelFunc){
		"with its context":    func(_ *nativeOutbox, cancel context.CancelFunc) { cancel() },
		"with the connection": func(o *nativeOutbox, _ context.CancelFunc) { o.connectionLost() },
		"with the session":    func(o *nativeOutbox, _ context.CancelFunc) { o.close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, q, _ := pacedOutbox(t)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				start := time.Now()
				done := make(chan engine.Status)
				go func() { done <- o.post(ctx, q, &engine.Put{Payload: []byte("x")}) }()
				synctest.Wait()
				require.True(t, o.pace.Waiting())
				end(o, cancel)
				<-done
				require.Equal(t, start, time.Now())
			})
		})
	}
}

// deaf takes acks and forgets them.
type deaf struct{ engine.Handler }

func (deaf) OnAcks(b *engine.AckBatch) { b.Release() }

// A queue that ends takes along posts that libbmq never had: what it has is no less for
// that.
func TestPostsThatWereNotHandedOverMakeNoRoomInLibbmq(t *testing.T) {
	s := &nativeSession{handler: deaf{}, log: slog.New(slog.DiscardHandler)}
	o := &s.out
	o.init(s)
	o.restored()
	stays, ends := &nativeQueue{s: s, c: new(cbridge.Queue)}, &nativeQueue{s: s, c: new(cbridge.Queue)}
	const size = 8 << 20
	var b nativeBatch
	post := func(q *nativeQueue, size int) {
		put := engine.Put{Payload: make([]byte, size), WantAck: true}
		require.True(t, o.post(t.Context(), q, &put).OK())
	}
	handOver := func() (number uint64) {
		require.True(t, o.take(&b))
		o.handedOver(&b, 0, len(b.records))
		number = b.records[0].ID
		b.reset()
		return number
	}
	var numbers []uint64
	for range maxResent/size - 1 {
		post(stays, size)
		numbers = append(numbers, handOver())
	}
	require.True(t, o.tooMuch(size))

	post(ends, 2*size)
	o.fail(ends)
	require.True(t, o.tooMuch(size))
	acknowledge(o, numbers[:1])
	require.False(t, o.tooMuch(size))
	handOver()
	require.False(t, o.tooMuch(size), "that had its answer before")
}
