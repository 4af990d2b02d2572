package portable

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// bytes of a post that takes n bytes of memory.
func sized(n int) []byte { return make([]byte, n-wire.PutSize(3)+3) }

// tries posts n bytes in a goroutine, and records the result.
func (c *client) tries(ctx context.Context, name string, n int) {
	go func() {
		st := c.q.Post(ctx, engine.Put{Payload: sized(n), WantAck: true, Cookie: name})
		if st.Code == engine.PostBWLimit && !st.Packing {
			c.rec.note(name + " BW_LIMIT")
			return
		}
		c.rec.note(name + " " + codeName(st))
	}()
}

func (sc *scene) awaiting() int {
	sc.rec.mu.Lock()
	defer sc.rec.mu.Unlock()
	return sc.rec.awaiting
}

func TestPostsWaitForMemory(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.MaxPendingBytes = 1000
		l := sc.up()
		c := l.open("q", writer)
		c.tries(t.Context(), "first", 600)
		first := l.puts()
		c.tries(t.Context(), "second", 600)
		sc.expect("first ok")
		require.Equal(t, 1, sc.awaiting(), "reading must not be held up now")
		c.tries(t.Context(), "small", 400)
		sc.expect("small ok") // there was room for it
		l.ack(wire.AckSuccess, first...)
		sc.expectAll("ack first ok", "second ok")
		require.Zero(t, sc.awaiting())
	})
}

func TestALonePostMayBeLargerThanTheMemoryForPosts(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.MaxPendingBytes = 1000
		l := sc.up()
		c := l.open("q", writer)
		c.tries(t.Context(), "huge", 5000)
		l.ack(wire.AckSuccess, l.puts()...)
		sc.expect("huge ok", "ack huge ok")
	})
}

func TestAPostThatFindsNoRoom(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*scene, *link, *client, context.CancelFunc)
		want string
	}{
		"times out":            {func(sc *scene, _ *link, _ *client, _ context.CancelFunc) { sc.pass(5 * time.Second) }, "BW_LIMIT"},
		"ends with ctx":        {func(_ *scene, _ *link, _ *client, cancel context.CancelFunc) { cancel() }, "CANCELED"},
		"ends with its queue":  {func(_ *scene, _ *link, c *client, _ context.CancelFunc) { c.closes() }, "QUEUE_INVALID"},
		"ends with health":     {func(sc *scene, _ *link, _ *client, _ context.CancelFunc) { sc.unhealthy() }, "QUEUE_SUSPENDED"},
		"ends with a stop":     {func(sc *scene, _ *link, _ *client, _ context.CancelFunc) { sc.stops() }, "QUEUE_INVALID"},
		"is sent in the end":   {func(_ *scene, l *link, _ *client, _ context.CancelFunc) { l.ack(wire.AckSuccess, l.puts()...) }, "ok"},
		"waits over an outage": {func(sc *scene, l *link, _ *client, _ context.CancelFunc) { l.drop(); sc.pass(4 * time.Second) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				sc.cfg.MaxPendingBytes = 1000
				l := sc.up()
				other := l.open("other", writer)
				c := l.open("q", writer|sensitive)
				other.tries(t.Context(), "first", 1000)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				synctest.Wait()
				c.tries(ctx, "second", 600)
				sc.expect("first ok")
				test.end(sc, l, c, cancel)
				synctest.Wait()
				notes := strings.Join(sc.rec.take(), "; ")
				if test.want == "" {
					require.NotContains(t, notes, "second")
					return
				}
				require.Contains(t, notes, "second "+test.want)
				require.Zero(t, sc.awaiting())
			})
		})
	}
}

func TestWithoutAWriteTimeoutPostsDoNotWait(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.MaxPendingBytes, sc.cfg.ChannelWriteTimeout = 1000, 0
		l := sc.up()
		c := l.open("q", writer)
		c.tries(t.Context(), "first", 1000)
		synctest.Wait()
		c.tries(t.Context(), "second", 1000)
		sc.expect("first ok", "second BW_LIMIT")
	})
}

func TestWatermarksOfTheChannel(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.ChannelHighWatermark = controlReserve + 1<<20
		l := sc.up()
		c := l.open("q", reader|writer)
		for i := range 4 {
			c.tries(t.Context(), fmt.Sprint(i), 300<<10)
			synctest.Wait()
		}
		sc.expect("0 ok", "1 ok", "2 ok", "CHANNEL_HIGH_WATERMARK", "3 ok")
		c.tries(t.Context(), "4", 100)
		sc.expect()
		require.Equal(t, "ok", c.confirm(1), "control traffic goes on")
		l.messages(4)
		l.confirms()
		sc.expect("CHANNEL_LOW_WATERMARK", "4 ok")
	})
}

func TestAnOutageEndsTheHighWatermark(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.ChannelHighWatermark = controlReserve + 1<<20
		l := sc.up()
		c := l.open("q", writer)
		for i := range 4 {
			c.tries(t.Context(), fmt.Sprint(i), 300<<10)
			synctest.Wait()
		}
		c.tries(t.Context(), "4", 100)
		l.drop()
		sc.expectAll("0 ok", "1 ok", "2 ok", "CHANNEL_HIGH_WATERMARK", "3 ok", "CHANNEL_LOW_WATERMARK", "4 ok", "CONNECTION_LOST")
		l = sc.back()
		l.does(openQueue)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED", "CHANNEL_HIGH_WATERMARK")
		l.messages(5)
		sc.expect("CHANNEL_LOW_WATERMARK")
	})
}

func TestNoWaiterIsForgotten(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.MaxPendingBytes, sc.cfg.ChannelWriteTimeout = 10_000, time.Hour
		l := sc.up()
		c := l.open("q", writer)
		random := rand.New(rand.NewPCG(1, 2))
		const posters, each = 20, 20
		var posting sync.WaitGroup
		for p := range posters {
			size := 100 + random.IntN(5000)
			posting.Go(func() {
				for i := range each {
					ctx, cancel := t.Context(), func() {}
					if i%7 == 3 {
						ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
					}
					st := c.q.Post(ctx, engine.Put{Payload: sized(size), WantAck: true, Cookie: p})
					cancel()
					if !st.OK() && i%7 != 3 {
						t.Errorf("post: %+v", st)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			posting.Wait()
			close(done)
		}()
		for range posters * each {
			synctest.Wait()
			require.LessOrEqual(t, sc.s.Stats().PendingBytes, sc.cfg.MaxPendingBytes)
			if sc.s.Stats().PendingMessages == 0 {
				break
			}
			for _, p := range l.puts() {
				l.ack(wire.AckSuccess, p)
			}
			if random.IntN(10) == 0 {
				sc.pass(time.Millisecond)
			}
		}
		<-done
		require.Zero(t, sc.awaiting())
		require.Nil(t, sc.s.out.room)
	})
}

func TestPayloadLimits(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		payload := make([]byte, wire.MaxPayloadSize+1)
		st := c.q.Post(t.Context(), engine.Put{Payload: payload})
		require.Equal(t, "PAYLOAD_TOO_BIG", codeName(st))
		l.silent(time.Second)
	})
}

func TestPostBatchTellsHowManyWereTaken(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		a, b := l.open("a", writer), l.open("b", writer)
		b.closes()
		l.does(closeQueue)
		put := engine.Put{Payload: []byte("m")}
		n, st := sc.s.PostBatch(t.Context(), []engine.QueuedPut{{Queue: a.q, Put: put}, {Queue: a.q, Put: put}, {Queue: b.q, Put: put}, {Queue: a.q, Put: put}})
		require.Equal(t, 2, n)
		require.Equal(t, "QUEUE_INVALID", codeName(st))
		l.messages(2)
		n, st = sc.s.PostBatch(t.Context(), nil)
		require.Zero(t, n)
		require.True(t, st.OK())
		sc.expect("close b ok")
	})
}

func TestCountersAreLoggedFromTimeToTime(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.StatsDumpInterval = time.Minute
		l := sc.up()
		c := l.open("q", writer)
		c.posts("m")
		l.ack(wire.AckSuccess, l.puts()...)
		sc.pass(3*time.Minute + time.Second)
		require.Equal(t, 3, strings.Count(sc.logs.String(), "session statistics"))
		st := sc.s.Stats()
		require.Equal(t, uint64(1), st.MessagesPosted)
		require.Equal(t, uint64(1), st.Acks)
		require.True(t, st.Connected)
		require.NotZero(t, st.BytesIn)
		require.NotZero(t, st.BytesOut)
		require.NotZero(t, st.EventsIn)
		sc.rec.take()
	})
}
