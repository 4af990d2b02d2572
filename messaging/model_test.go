package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bmq-go/bmq/messaging"
)

// A consumer against a small model of it: whatever is done to it and to its connection, nothing
// is lost, nothing that was settled comes again, nothing is in hand twice, and never more than
// QoS allows.

// step is something that is done, with a number for what it is done to.
type step struct {
	do string
	n  int
}

func (s step) String() string { return s.do + " " + strconv.Itoa(s.n) }

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		rapid.SampledFrom([]string{
			"publish", "publish", "publish", "fetch", "fetch", "fetch", "fetch", "ack", "ack", "retry", "requeue", "reject", "ack through",
			"redeliver", "release", "drop", "pause", "resume", "qos", "close", "pass",
		}).Draw(t, "do"),
		rapid.IntRange(0, 20).Draw(t, "n"),
	}
}), 1, 60)

// model is what has to be the case.
type model struct {
	w        *world
	client   *messaging.Client
	producer *messaging.Producer
	consumer *messaging.Consumer

	next   int
	live   map[string]bool                // published and not settled
	dead   map[string]bool                // rejected
	inHand map[string]*messaging.Delivery // the delivery of each message that is in hand
	order  []string                       // of what is in hand
	held   map[string]time.Time           // when what RetryAfter holds comes again
	paused bool
	limit  int
}

func TestAConsumerKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := steps.Draw(rt, "steps")
		var err error
		inWorld(t, func(_ *testing.T, w *world) { err = newModel(w).run(list) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func newModel(w *world) *model {
	m := &model{
		w: w, client: w.client(), live: map[string]bool{}, dead: map[string]bool{}, inHand: map[string]*messaging.Delivery{},
		held: map[string]time.Time{}, limit: 2,
	}
	m.producer = w.producer(m.client, messaging.ProducerConfig{Queue: orders})
	m.open()
	return m
}

func (m *model) open() {
	m.consumer = m.w.consumer(m.client, messaging.ConsumerConfig{
		Queues: []messaging.Queue{{URI: orders, DeadLetter: dead, Write: true, QoS: messaging.QoS{Messages: m.limit}}},
	})
	require.NoError(m.w.t, m.consumer.Start(m.w.t.Context()))
	m.paused = false
}

func (m *model) run(list []step) error {
	for i, s := range list {
		err := m.step(s)
		synctest.Wait()
		if err != nil {
			return fmt.Errorf("step %d, %v: %w", i, s, err)
		}
	}
	ctx := m.w.t.Context()
	if err := m.consumer.Close(ctx); err != nil {
		return err
	}
	return errors.Join(sameBodies(orders, m.live, m.w.bodies(orders)), sameBodies(dead, m.dead, m.w.bodies(dead)))
}

func sameBodies(queue string, want map[string]bool, got []string) error {
	slices.Sort(got)
	if !slices.Equal(slices.Sorted(maps.Keys(want)), got) {
		return fmt.Errorf("%s has %v instead of %v", queue, got, slices.Sorted(maps.Keys(want)))
	}
	return nil
}

func (m *model) step(s step) error {
	ctx := m.w.t.Context()
	switch s.do {
	case "publish":
		body := strconv.Itoa(m.next)
		m.next++
		_, err := m.producer.Publish(ctx, []byte(body))
		m.live[body] = true
		return err
	case "fetch":
		return m.fetch(ctx)
	case "ack", "retry", "requeue", "reject", "ack through":
		if len(m.order) == 0 {
			return nil
		}
		return m.settle(ctx, s.do, m.order[s.n%len(m.order)], s.n)
	case "redeliver":
		n, err := m.consumer.Redeliver()
		if err == nil && n != len(m.inHand) {
			return fmt.Errorf("%d are delivered again, not %d", n, len(m.inHand))
		}
		clear(m.inHand)
		m.order = nil
		return err
	case "release":
		err := m.consumer.Release(ctx)
		m.lose()
		return err
	case "drop":
		m.w.DropConnections("")
		awaitConnected(m.client, false)
		awaitConnected(m.client, true)
		m.lose()
		_, err := m.producer.Publish(ctx, &messaging.Message{Queue: other, Body: "the queues are open again"})
		return err
	case "pause":
		m.paused = true
		return m.consumer.Pause(ctx)
	case "resume":
		m.paused = false
		return m.consumer.Resume(ctx)
	case "qos":
		m.limit = 1 + s.n%4
		return m.consumer.SetQoS(ctx, messaging.QoS{Messages: m.limit})
	case "close":
		err := m.consumer.Close(ctx)
		m.lose()
		m.open()
		return err
	case "pass":
		time.Sleep(time.Duration(s.n) * time.Second)
		return nil
	}
	return errors.New("there is no such step")
}

// lose is what happens to deliveries when their queue is closed.
func (m *model) lose() {
	for body, d := range m.inHand {
		if d.State() != messaging.Stale || !errors.Is(d.Ack(), messaging.ErrStale) {
			panic(body + " is not stale")
		}
	}
	clear(m.inHand)
	clear(m.held)
	m.order = nil
}

func (m *model) fetch(ctx context.Context) error {
	// What is held may come within the second that Fetch waits; it is not in hand then.
	const wait = time.Second
	holding := m.holding(time.Now().Add(wait - 1)) // what would come at the last moment may
	ready := len(m.live) - len(m.inHand) - holding
	expected := ready > 0 && len(m.inHand)+holding < m.limit && !m.paused
	short, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	d, err := m.consumer.Fetch(short)
	if errors.Is(err, messaging.ErrEmpty) {
		if expected {
			return fmt.Errorf("nothing comes, with %d ready, %d held, %d in hand of %d", ready, holding, len(m.inHand), m.limit)
		}
		return nil
	}
	if err != nil {
		return err
	}
	body := string(d.Data())
	switch {
	case !m.live[body]:
		return fmt.Errorf("%s comes again though it was settled", body)
	case m.inHand[body] != nil:
		return fmt.Errorf("%s is in hand twice", body)
	case m.paused:
		return fmt.Errorf("%s comes from a paused queue", body)
	}
	delete(m.held, body)
	m.inHand[body] = d
	m.order = append(m.order, body)
	if n := len(m.inHand) + m.holding(time.Now()); n > m.limit {
		return fmt.Errorf("%d are in hand, more than %d", n, m.limit)
	}
	return nil
}

// holding tells how many deliveries are held until later than a moment.
func (m *model) holding(at time.Time) (n int) {
	for _, ripe := range m.held {
		if ripe.After(at) {
			n++
		}
	}
	return n
}

func (m *model) settle(ctx context.Context, how, body string, n int) error {
	d := m.inHand[body]
	forget := func(body string) {
		delete(m.inHand, body)
		m.order = slices.DeleteFunc(m.order, func(b string) bool { return b == body })
	}
	switch how {
	case "ack":
		forget(body)
		delete(m.live, body)
		return d.Ack()
	case "ack through":
		for _, b := range m.order[:slices.Index(m.order, body)+1] {
			delete(m.inHand, b)
			delete(m.live, b)
		}
		m.order = m.order[slices.Index(m.order, body)+1:]
		return d.AckThrough()
	case "retry":
		forget(body)
		wait := time.Duration(n) * time.Second
		m.held[body] = time.Now().Add(wait)
		return d.RetryAfter(wait)
	case "requeue":
		forget(body)
		return d.Requeue(ctx)
	default:
		forget(body)
		delete(m.live, body)
		m.dead[body] = true
		return d.Reject(ctx, nil)
	}
}
