package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// What Publish says is true, whatever happens to the broker and its connections: what is stored
// is there once, what is not stored is not there, and what nobody knows about is there once at
// most.
func TestOutcomesAreTrueThroughFaults(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) { publishThroughFaults(t, w, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func publishThroughFaults(t *testing.T, w *world, chance *rand.Rand) {
	c := w.client()
	p := w.producer(c, messaging.ProducerConfig{Queue: orders, Timeout: 20 * time.Second})
	var mu sync.Mutex
	outcomes := make(map[string]error)
	note := func(body string, err error) {
		mu.Lock()
		defer mu.Unlock()
		outcomes[body] = err
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 50 {
				body := fmt.Sprint(i, "-", j)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i*j)%10)*time.Second)
				if j%2 == 0 {
					_, err := p.Publish(ctx, []byte(body))
					note(body, err)
				} else {
					f := p.PublishAsync(ctx, &messaging.Message{Body: []byte(body), Header: messaging.Header{"i": i}})
					all.Go(func() {
						_, err := f.Wait(t.Context())
						note(body, err)
					})
				}
				cancel()
				<-time.After(100 * time.Millisecond)
			}
		})
	}
	acks := []bmqtest.AckStatus{bmqtest.NackLimitMessages, bmqtest.NackStorageFailure, bmqtest.NackUnknown}
	for range 20 {
		<-time.After(time.Duration(chance.IntN(500)) * time.Millisecond)
		switch chance.IntN(5) {
		case 0:
			w.DropConnections("")
		case 1:
			w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: acks[chance.IntN(len(acks))], Times: 1 + chance.IntN(5)})
		case 2:
			w.Inject(bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventAck, Do: bmqtest.Cut, Times: 1, Bytes: chance.IntN(20)})
		case 3:
			w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Drop, Times: 1}) // the broker says nothing
		case 4:
			w.Kill()
			<-time.After(time.Duration(chance.IntN(3000)) * time.Millisecond)
			require.NoError(t, w.Restart(t.Context(), bmqtest.KeepAll))
		}
	}
	pass(15 * time.Second)
	w.DropConnections("") // so that what the broker said nothing about is sent again
	all.Wait()
	require.NoError(t, p.Close(t.Context()))

	times := make(map[string]int)
	for _, body := range w.bodies(orders) {
		times[body]++
	}
	require.Len(t, outcomes, 200)
	counts := map[string]int{}
	for body, err := range outcomes {
		switch {
		case err == nil:
			counts["stored"]++
			require.Equal(t, 1, times[body], "%s is stored", body)
		case errors.Is(err, messaging.ErrNotStored):
			counts["not stored"]++
			require.Zero(t, times[body], "%s is not stored: %v", body, err)
		default:
			counts["unknown"]++
			require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
			require.LessOrEqual(t, times[body], 1, body)
		}
	}
	t.Log(counts)
}
