//go:build cgo && bmqfake

package nativetest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/pace"
	"github.com/bmq-go/bmq/sessionevents"
	"github.com/stretchr/testify/require"
)

const (
	packRefused     = -100
	packEventTooBig = -103
	postBWLimit     = 100
	confirmTimeout  = -2
)

func TestAPostThatCanNotBePackedIsAnswered(t *testing.T) {
	var log journal
	c := open(t, bmq.WithLogger(log.logger()))
	cbridge.FakeAnswer(cbridge.FakePack, packRefused, 1)
	c.post("refused")
	c.waitAcks(bmq.AckUnknown)
	c.post("taken")
	c.waitAcks(bmq.AckUnknown, bmq.AckSuccess)
	c.waitMessages("taken")
	require.Contains(t, log.String(), "could not be sent")

	cbridge.FakeAnswer(cbridge.FakePack, packRefused, 1)
	require.NoError(t, c.Post(t.Context(), queue, []byte("nobody waits")))
	require.NoError(t, c.Flush(t.Context()))
	require.Zero(t, c.Stats().PendingBytes)
	require.Zero(t, c.Stats().UnsentBytes)
}

func TestAnEventThatIsRefusedIsSentPieceByPiece(t *testing.T) {
	c := open(t)
	b := c.NewBatch()
	for _, p := range []string{"a", "b", "c"} {
		require.NoError(t, b.Add(queue, []byte(p), bmq.WithOnAck(c.onAck)))
	}
	cbridge.FakeAnswer(cbridge.FakePost, -7, 2) // all together, and the first alone if they were together
	_, err := c.PostBatch(t.Context(), b)
	require.NoError(t, err)
	c.wait("answers", func() bool { return len(c.acks) == 3 })
	refused := 0
	for _, a := range c.acks {
		if a.Status == bmq.AckUnknown {
			refused++
		}
	}
	require.Positive(t, refused)
	require.Less(t, refused, 3)
}

func TestAFullEventIsFollowedByAnother(t *testing.T) {
	c := open(t)
	cbridge.FakeAnswer(cbridge.FakePack, packEventTooBig, 1)
	c.post("first")
	c.wait("an answer", func() bool { return len(c.acks) == 1 })
	require.Equal(t, bmq.AckUnknown, c.acks[0].Status, "too big for an event of its own")
	c.post("a", "b", "c")
	c.waitMessages("a", "b", "c")
}

func TestPostsWaitForTheChannel(t *testing.T) {
	c := open(t)
	cbridge.FakeAnswer(cbridge.FakePost, postBWLimit, 3)
	c.post("a")
	require.True(t, poll(func() bool { return cbridge.FakeLimited() }))
	c.post("b")
	lowWatermarksUntil(t, func() bool { return !cbridge.FakeLimited() })
	c.waitAcks(bmq.AckSuccess, bmq.AckSuccess)
	c.waitMessages("a", "b")
}

func TestWhatWaitsForTheChannelEndsWithTheSession(t *testing.T) {
	c := open(t)
	cbridge.FakeAnswer(cbridge.FakePost, postBWLimit, always)
	c.post("a")
	require.True(t, poll(func() bool { return cbridge.FakeLimited() }))
	c.post("b")
	require.NoError(t, c.Post(t.Context(), queue, []byte("nobody waits")))
	require.NoError(t, c.Stop(t.Context()))
	c.waitAcks(bmq.AckUnknown, bmq.AckUnknown)
	require.ErrorIs(t, c.Post(t.Context(), queue, []byte("x")), bmq.ErrSessionStopped)
}

func TestPostsFallInStepWithTheBroker(t *testing.T) {
	c := open(t)
	cbridge.FakeAnswer(cbridge.FakePost, postBWLimit, always)
	c.post(strings.Repeat("x", 16<<20)) // more than may be without an answer
	start := time.Now()
	c.post("waits a moment")
	require.GreaterOrEqual(t, time.Since(start), pace.For)
	require.NoError(t, c.Stop(t.Context()))
	c.waitAcks(bmq.AckUnknown, bmq.AckUnknown)
}

func TestConfirmationsWaitForTheChannel(t *testing.T) {
	c := open(t)
	c.post("a", "b", "c")
	c.waitMessages("a", "b", "c")
	cbridge.FakeAnswer(cbridge.FakeConfirm, confirmTimeout, 2)
	for _, h := range c.handles {
		require.NoError(t, h.Confirm())
	}
	lowWatermarksUntil(t, func() bool { return cbridge.FakeUnconfirmed() == 0 })
}

// lowWatermarksUntil says again and again that there is room, until ok holds.
func lowWatermarksUntil(t *testing.T, ok func() bool) {
	t.Helper()
	require.True(t, poll(func() bool {
		cbridge.FakeEvent(int32(sessionevents.TypeChannelLowWatermark), 0, 1)
		return ok()
	}))
}

func TestRefusalsOfTheBrokerArrive(t *testing.T) {
	c := open(t)
	for _, s := range []bmq.AckStatus{bmq.AckLimitMessages, bmq.AckLimitBytes, bmq.AckStorageFailure, bmq.AckNotReady, -42} {
		cbridge.FakeAnswer(cbridge.FakeAck, int32(s), 1)
		ack, err := c.PostAndWait(t.Context(), queue, []byte("x"))
		require.ErrorIs(t, err, bmq.ErrBMQ)
		require.Equal(t, int(s), ack.RawStatus())
		require.Nil(t, ack.GUID)
	}
}

// Many goroutines post, many messages come in, all are confirmed, and nothing of it is
// left.
func TestManyMessagesLeaveNothing(t *testing.T) {
	const posters, each = 8, 2500
	nothingLeft(t)
	var acks, confirmed atomic.Int64
	done := make(chan struct{})
	c, err := try(t, bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
		if err := h.Confirm(); err != nil {
			t.Error(err)
		}
		if m.Properties()["n"] != int64(len(m.Data)) {
			t.Errorf("%v with %d bytes", m.Properties(), len(m.Data))
		}
		if confirmed.Add(1) == posters*each {
			close(done)
		}
	}))
	require.NoError(t, err)
	require.NoError(t, c.OpenQueue(t.Context(), queue, bmq.WithRead(), bmq.WithWrite()))
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for i := range each {
				payload := strings.Repeat("x", 1+(p*each+i)%997)
				err := c.Post(t.Context(), queue, []byte(payload), bmq.WithOnAck(func(a *bmq.Ack) { acks.Add(1) }),
					bmq.WithProperties(bmq.PropertyValueDict{"n": len(payload)}))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, c.Flush(t.Context()))
	<-done
	require.NoError(t, c.Stop(t.Context()))
	require.EqualValues(t, posters*each, acks.Load())
	require.Zero(t, c.Stats().PendingMessages)
}

// Sessions come and go while others work.
func TestSessionsEndAtAnyMoment(t *testing.T) {
	const crew, each = 6, 40
	nothingLeft(t)
	var all sync.WaitGroup
	for w := range crew {
		all.Go(func() {
			for i := range each {
				if err := oneLife(t, fmt.Sprintf("bmq://bmq.test.mem.priority/life%d", w), i%7); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// oneLife makes a session and stops it while goroutines of it are at work.
func oneLife(t *testing.T, uri string, steps int) error {
	c, err := try(t)
	if err != nil {
		return err
	}
	var busy sync.WaitGroup
	busy.Go(func() {
		do := []func() error{
			func() error { return c.OpenQueue(t.Context(), uri, bmq.WithRead(), bmq.WithWrite()) },
			func() error {
				for range 20 {
					if err := c.Post(t.Context(), uri, []byte("x"), bmq.WithOnAck(c.onAck)); err != nil {
						return err
					}
				}
				return nil
			},
			func() error { return c.ConfigureQueue(t.Context(), uri, bmq.Paused()) },
			func() error { return c.Flush(t.Context()) },
			func() error { return c.CloseQueue(t.Context(), uri) },
		}
		for _, f := range do[:min(steps, len(do))] {
			if f() != nil {
				return
			}
		}
	})
	if steps%2 == 0 {
		busy.Wait()
	}
	err = c.Stop(t.Context())
	busy.Wait()
	if n := c.Stats().PendingMessages; n != 0 {
		err = errors.Join(err, fmt.Errorf("%d posts are left", n))
	}
	return err
}
