package bmq_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/stretchr/testify/require"
)

func TestBorrowedMessagesAreWholeDuringTheCall(t *testing.T) {
	const count = 3000
	payload := func(n int) []byte { return bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 1+n%700) }
	var (
		mu      sync.Mutex
		wrong   []string
		seen    int
		handles []bmq.MessageHandle
		late    *bmq.MessageHandle
		all     = make(chan struct{})
	)
	broker := bmqtest.Start(t)
	s, _ := startAt(t, broker, bmq.WithBorrowedPayloads(), bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
		mu.Lock()
		defer mu.Unlock()
		if !bytes.Equal(payload(seen), m.Data) || m.Properties()["n"] != int64(seen) || m.QueueURI != memory {
			wrong = append(wrong, m.String())
		}
		handles, late = append(handles, *h), h
		if seen++; seen == count {
			close(all)
		}
	}))
	options := bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(2 * count)}
	require.NoError(t, s.OpenQueue(t.Context(), memory, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(options)))
	for n := range count {
		require.NoError(t, s.Post(t.Context(), memory, payload(n), bmq.WithProperties(bmq.PropertyValueDict{"n": n})))
	}
	<-all
	// A handler that was called later sees to it that the last one has returned.
	require.NoError(t, s.ConfigureQueue(t.Context(), memory, bmq.Paused()))
	require.Empty(t, wrong)
	require.ErrorIs(t, late.Confirm(), bmq.ErrQueueNotOpened, "it was given back")
	for i := range handles {
		require.NoError(t, handles[i].Confirm(), "a copy is good for ever")
	}
	require.Eventually(t, func() bool { q, _ := broker.Queue(memory); return q.Messages == 0 }, patience, time.Millisecond)
}
