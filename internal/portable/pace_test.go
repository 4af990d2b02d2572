package portable

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/pace"
	"github.com/bmq-go/bmq/internal/wire"
)

// ack answers the posts with the given numbers.
func (r *rig) ack(first, end uint64) {
	r.s.out.mu.Lock()
	body := wire.AppendRecordHeader(nil)
	for n := first; n < end; n++ {
		body = wire.AppendAck(body, &wire.Ack{GUID: r.s.out.pending.at(n).guid})
	}
	r.s.out.mu.Unlock()
	r.s.onAck(body)
}

// fullRig has as many posts without an answer that the next one falls in step.
func fullRig(t *testing.T) *rig {
	r := newRig(t, 1<<20)
	r.put.WantAck = true
	start := time.Now()
	for r.s.out.pendingBytes < paceFrom {
		r.post()
	}
	require.Equal(t, start, time.Now(), "nothing waited so far")
	return r
}

func TestPostsFallInStepWithTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fullRig(t)
		posted := make(chan struct{})
		go func() {
			r.post()
			close(posted)
		}()
		synctest.Wait()
		require.True(t, r.s.out.pace.Waiting(), "it waits")
		r.ack(0, 1)
		synctest.Wait()
		require.True(t, r.s.out.pace.Waiting(), "a little is not enough")
		start := time.Now()
		r.ack(1, 8)
		<-posted
		require.Equal(t, start, time.Now())
	})
}

func TestBrokerThatAnswersNothingHoldsPostsUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fullRig(t)
		start := time.Now()
		r.post()
		require.Equal(t, pace.For, time.Since(start))
		for range 10 {
			r.post()
		}
		require.Equal(t, pace.For, time.Since(start), "once")
		r.ack(0, 1)
		r.post()
		require.Equal(t, 2*pace.For, time.Since(start), "it seemed to answer again")
	})
}

func TestWaitForTheBrokerEndsEarly(t *testing.T) {
	for name, end := range map[string]func(*rig, context.CancelFunc){
		"with its context":    func(_ *rig, cancel context.CancelFunc) { cancel() },
		"with the connection": func(r *rig, _ context.CancelFunc) { r.s.out.detach() },
		"with the session":    func(r *rig, _ context.CancelFunc) { r.s.out.close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := fullRig(t)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				done := make(chan engine.Status)
				go func() { done <- r.q.Post(ctx, r.put) }()
				synctest.Wait()
				start := time.Now()
				end(r, cancel)
				<-done
				require.Equal(t, start, time.Now())
			})
		})
	}
}

func TestPostsWithoutAConnectionDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fullRig(t)
		r.s.out.detach()
		start := time.Now()
		for range 10 {
			r.post()
		}
		require.Equal(t, start, time.Now())
	})
}
