package messaging_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/admin"
)

// What this package builds on, shown with plain sessions.

func TestFactClosingGivesBackAllThatIsUnconfirmedInOrder(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithRead(), bmq.WithWrite())
		p.posts(q, "1", "2", "3", "4")
		_, guids := p.takes(4)
		require.NoError(t, p.Confirm(&bmq.Message{QueueURI: q, GUID: guids[1]}))
		require.NoError(t, p.CloseQueue(t.Context(), q))
		p.opens(q, bmq.WithRead())
		bodies, again := p.takes(3)
		require.Equal(t, []string{"1", "3", "4"}, bodies)
		require.Equal(t, []bmq.MessageGUID{guids[0], guids[2], guids[3]}, again)
		p.getsNothing()
	})
}

func TestFactAQueueThatIsOpenedPausedLosesNothing(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(bmq.Paused()))
		p.posts(q, "1", "2")
		p.getsNothing()
		require.NoError(t, p.ConfigureQueue(t.Context(), q, bmq.QueueOptions{
			MaxUnconfirmedMessages: bmq.Some(1), MaxUnconfirmedBytes: bmq.Some(bmq.DefaultMaxUnconfirmedBytes),
		}))
		m := p.gets()
		require.Equal(t, "1", string(m.Data))
		p.getsNothing()
		require.NoError(t, p.Confirm(m))
		require.Equal(t, "2", string(p.gets().Data))
	})
}

func TestFactAConfirmationAfterAReconnectionIsHarmless(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithRead(), bmq.WithWrite())
		p.posts(q, "1", "2")
		old := p.gets()
		p.gets()
		p.cut(q)
		require.NoError(t, p.Confirm(old))
		bodies, guids := p.takes(2)
		require.Equal(t, []string{"1", "2"}, bodies, "both come again")
		require.Equal(t, old.GUID, guids[0])
		require.NoError(t, p.Confirm(&bmq.Message{QueueURI: q, GUID: guids[0]}))
		require.NoError(t, p.Confirm(&bmq.Message{QueueURI: q, GUID: guids[1]}))
		p.posts(q, "3")
		require.Equal(t, "3", string(p.gets().Data), "the queue works on")
	})
}

func TestFactAPostThatLosesItsQueueHasAnUnknownOutcome(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithWrite())
		var acks []bmq.AckStatus
		done := make(chan struct{})
		onAck := bmq.WithOnAck(func(a *bmq.Ack) {
			if acks = append(acks, a.Status); len(acks) == 100 {
				close(done)
			}
		})
		for range 100 {
			require.NoError(t, p.Post(t.Context(), q, []byte(strings.Repeat("x", 10000)), onAck))
		}
		require.NoError(t, p.CloseQueue(t.Context(), q))
		<-done
		for _, status := range acks {
			require.Contains(t, []bmq.AckStatus{bmq.AckSuccess, bmq.AckUnknown}, status)
		}
	})
}

func TestFactAPostThatLosesItsSessionHasAnUnknownOutcome(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithWrite())
		acks := make(chan bmq.AckStatus, 100)
		for range 100 {
			require.NoError(t, p.Post(t.Context(), q, []byte(strings.Repeat("x", 10000)), bmq.WithOnAck(func(a *bmq.Ack) { acks <- a.Status })))
		}
		require.NoError(t, p.Stop(t.Context()))
		for range 100 {
			require.Contains(t, []bmq.AckStatus{bmq.AckSuccess, bmq.AckUnknown}, <-acks)
		}
	})
}

func TestFactARefusedPostIsNotStored(t *testing.T) {
	onMortalBrokers(t, func(t *testing.T, b *mortal) {
		q, p := unique(few), newPeer(t, b.uri)
		p.opens(q, bmq.WithWrite())
		var mu sync.Mutex
		acks := map[string]bmq.AckStatus{}
		var answers sync.WaitGroup
		post := func(n int) {
			for range n {
				answers.Add(1)
				var body string
				mu.Lock()
				body = strconv.Itoa(len(acks))
				acks[body] = bmq.AckUnrecognized
				mu.Unlock()
				require.NoError(t, p.Post(t.Context(), q, []byte(body), bmq.WithOnAck(func(a *bmq.Ack) {
					mu.Lock()
					defer mu.Unlock()
					acks[body] = a.Status
					answers.Done()
				})))
			}
		}
		post(20)
		ended := make(chan error)
		go func() { ended <- b.terminate() }()
		post(20)
		require.NoError(t, <-ended)
		post(10)
		require.NoError(t, b.restart())
		post(20)
		answers.Wait()

		require.NoError(t, p.CloseQueue(t.Context(), q))
		p.opens(q, bmq.WithRead())
		stored := map[string]bool{}
		b.awaitQueue(t, q, func(now admin.Queue) bool {
			for len(p.messages) > 0 {
				stored[string((<-p.messages).Data)] = true
			}
			return now.Messages == int64(len(stored))
		})
		refused := 0
		for body, status := range acks {
			switch status {
			case bmq.AckSuccess:
				require.True(t, stored[body], body)
			case bmq.AckUnknown: // says nothing
			case bmq.AckLimitMessages, bmq.AckStorageFailure: // the latter while the official broker ends
				refused++
				require.False(t, stored[body], body)
			default:
				require.Fail(t, "brokers have no such answer to a post of a client", "%v", status)
			}
		}
		require.Positive(t, refused)
	})
}

func TestFactBroadcastNeedsNoConfirmationAndStandsOne(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(broadcast), newPeer(t, uri)
		p.opens(q, bmq.WithRead(), bmq.WithWrite(), window(2))
		p.posts(q, "1", "2", "3")
		m := p.gets()
		require.NoError(t, p.Confirm(m))
		bodies, _ := p.takes(2)
		require.Equal(t, []string{"2", "3"}, bodies, "the window of two does not count")
		p.posts(q, "4")
		require.Equal(t, "4", string(p.gets().Data))
	})
}

func TestFactWhatBrokersSayToWrongOpens(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		p, other := newPeer(t, uri), newPeer(t, uri)
		open := func(p *peer, q string) error { return p.OpenQueue(context.Background(), q, bmq.WithRead()) }
		err := open(p, "bmq://no.such.domain/q")
		require.ErrorIs(t, err, bmq.ErrUnknown)
		t.Log(err)
		err = open(p, unique(fanout))
		require.Error(t, err)
		t.Log("fanout without application:", err)
		err = open(p, unique(priority)+"?id=foo")
		require.Error(t, err)
		t.Log("priority with application:", err)
		one := unique(single)
		require.NoError(t, open(p, one))
		err = open(other, one)
		require.Error(t, err)
		t.Log("second consumer:", err)
		require.NoError(t, p.CloseQueue(t.Context(), one))
		require.NoError(t, open(other, one), "there is room again")
	})
}

func TestFactAQueueThatIsReopenedForWritingTooHasItsMessagesBack(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p, producer := unique(priority), newPeer(t, uri), newPeer(t, uri)
		producer.opens(q, bmq.WithWrite())
		p.opens(q, bmq.WithRead())
		producer.posts(q, "1", "2")
		p.takes(2)
		require.ErrorIs(t, p.OpenQueue(t.Context(), q, bmq.WithWrite()), bmq.ErrAlreadyOpened)
		require.NoError(t, p.CloseQueue(t.Context(), q))
		p.opens(q, bmq.WithRead(), bmq.WithWrite())
		bodies, _ := p.takes(2)
		require.Equal(t, []string{"1", "2"}, bodies)
		p.posts(q, "3")
		require.Equal(t, "3", string(p.gets().Data))
	})
}

func TestFactAMessageLargerThanTheWindowIsDeliveredAlone(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(bmq.QueueOptions{MaxUnconfirmedBytes: bmq.Some(10)}))
		p.posts(q, strings.Repeat("x", 1000), "2")
		m := p.gets()
		require.Len(t, m.Data, 1000)
		p.getsNothing()
		require.NoError(t, p.Confirm(m))
		require.Equal(t, "2", string(p.gets().Data))
	})
}

func TestFactAPausedConsumerOfTheTopPriorityStarvesTheOthers(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, top, low := unique(priority), newPeer(t, uri), newPeer(t, uri)
		top.opens(q, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(bmq.QueueOptions{ConsumerPriority: bmq.Some(1)}))
		low.opens(q, bmq.WithRead())
		require.NoError(t, top.ConfigureQueue(t.Context(), q, bmq.Paused()))
		top.posts(q, "1")
		low.getsNothing()
		require.NoError(t, top.ConfigureQueue(t.Context(), q, bmq.QueueOptions{ConsumerPriority: bmq.Some(-1)}))
		require.Equal(t, "1", string(low.gets().Data), "a lower priority lets the others have it")
	})
}

func TestFactConfiguringAQueueOpensAFurtherWindow(t *testing.T) {
	onBrokers(t, func(t *testing.T, uri string) {
		q, p := unique(priority), newPeer(t, uri)
		p.opens(q, bmq.WithRead(), bmq.WithWrite(), window(1))
		p.posts(q, "1", "2")
		first := p.gets()
		p.getsNothing()
		require.NoError(t, p.ConfigureQueue(t.Context(), q, bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(1)}))
		require.Equal(t, "2", string(p.gets().Data), "though the first one is not confirmed")
		require.NoError(t, p.Confirm(first))
	})
}
