package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
)

func TestRedeliveriesComeInTheOrderOfTheLostConsumer(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one, two := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		one.consume(priorityQueue, 0, 1)
		two.consume(priorityQueue, 0, 1)
		producer.produce(0, "0", "1", "2", "3")
		require.Equal(t, []string{"0", "2"}, one.texts())
		require.Equal(t, []string{"1", "3"}, two.texts())
		one.close(params(priorityQueue, 0, read), true)
		require.Equal(t, []string{"0", "2"}, two.texts())
		two.disconnect()
		three := w.client()
		three.consume(priorityQueue, 0, 1)
		require.Equal(t, []string{"1", "3", "0", "2"}, three.texts())
	})
}

func TestRedeliveriesComeBeforeNewMessages(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one, two := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		one.consume(priorityQueue, 0, 1)
		producer.produce(0, "old")
		one.vanish()
		producer.produce(0, "new")
		two.open(priorityQueue, 0, read)
		two.configure(0, withWindow(sub(1), 1, 1<<20))
		got := two.pushes()
		require.Len(t, got, 1)
		require.Equal(t, "old", got[0].data)
		two.confirm(0, 0, got[0].GUID)
		got = two.pushes()
		require.Equal(t, "new", got[0].data)
		require.Zero(t, got[0].Flags)
	})
}

func TestMessagesWaitForTheNextConsumer(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one := w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		one.consume(priorityQueue, 0, 1)
		producer.produce(0, "a")
		one.vanish()
		q, _ := w.broker.Queue(priorityQueue)
		require.Equal(t, 1, q.Apps[0].Redelivery)
		after(time.Minute)
		two := w.client()
		two.consume(priorityQueue, 0, 1)
		require.Equal(t, []string{"a"}, two.texts())
	})
}

func TestARedeliveryThatNobodyWantsHoldsUpTheRest(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, one, two := w.client(), w.client(), w.client()
		producer.open(priorityQueue, 0, write)
		one.consume(priorityQueue, 0, 1)
		producer.postX(0, 1)
		one.vanish()
		two.open(priorityQueue, 0, read)
		two.configure(0, withExpression(sub(1), "x == 2"))
		producer.postX(0, 2)
		require.Empty(t, two.pushes(), "redeliveries come first")
		two.configure(0, sub(2))
		require.Equal(t, []string{"1", "2"}, two.payloads())
	})
}

func poisonDomain(attempts int) broker.Config {
	return broker.Config{Domains: []broker.Domain{
		{Name: "d", MaxDeliveryAttempts: attempts}, {Name: "f", Mode: broker.Fanout, AppIDs: []string{"foo", "bar"}, MaxDeliveryAttempts: attempts},
	}}
}

// crash lets n consumers take what there is and vanish. It answers how many
// messages each of them got.
func (w *world) crash(uri string, n int) (got []int) {
	for range n {
		c := w.client()
		c.consume(uri, 0, 1)
		after(10 * time.Second) // longer than any pause
		got = append(got, len(c.pushes()))
		c.vanish()
	}
	return got
}

func TestAMessageIsDroppedAfterItsDeliveryAttempts(t *testing.T) {
	inWorld(t, poisonDomain(2), func(t *testing.T, w *world) {
		producer := w.client()
		producer.open("bmq://d/q", 0, write)
		producer.produce(0, "x")
		require.Equal(t, []int{1, 1, 0}, w.crash("bmq://d/q", 3))
		q, _ := w.broker.Queue("bmq://d/q")
		require.Zero(t, q.Messages)
		require.EqualValues(t, 1, q.Counters.Poison)
		producer.produce(0, "y")
		require.Equal(t, []int{1}, w.crash("bmq://d/q", 1), "later messages are not affected")
	})
}

func TestOnlyVanishingCountsAsAnAttempt(t *testing.T) {
	inWorld(t, poisonDomain(1), func(t *testing.T, w *world) {
		producer := w.client()
		producer.open("bmq://d/q", 0, write)
		producer.produce(0, "x")
		for i := range 6 {
			c := w.client()
			c.consume("bmq://d/q", 0, 1)
			require.Len(t, c.pushes(), 1)
			if i%2 == 0 {
				c.disconnect()
			} else {
				c.close(params("bmq://d/q", 0, read), true)
			}
			c.vanish()
		}
		require.Equal(t, []int{1, 0}, w.crash("bmq://d/q", 2))
	})
}

func TestWhatWasConfirmedIsNoAttempt(t *testing.T) {
	inWorld(t, poisonDomain(2), func(t *testing.T, w *world) {
		producer, c := w.client(), w.client()
		producer.open("bmq://d/q", 0, write)
		guids := producer.produce(0, "a", "b")
		c.consume("bmq://d/q", 0, 1)
		require.Len(t, c.pushes(), 2)
		c.confirm(0, 0, guids[0])
		c.vanish()
		require.Equal(t, []int{1, 0}, w.crash("bmq://d/q", 2))
	})
}

func TestAttemptsCountForEachApplication(t *testing.T) {
	inWorld(t, poisonDomain(1), func(t *testing.T, w *world) {
		producer, foo, bar := w.client(), w.client(), w.client()
		producer.open("bmq://f/q", 0, write)
		producer.produce(0, "x")
		foo.openApp("bmq://f/q", 0, 1, "foo")
		foo.configureApp(0, "foo", sub(1))
		require.Len(t, foo.pushes(), 1)
		foo.vanish()
		bar.openApp("bmq://f/q", 0, 1, "bar")
		bar.configureApp(0, "bar", sub(1))
		require.Len(t, bar.pushes(), 1)
		bar.vanish()
		q, _ := w.broker.Queue("bmq://f/q")
		require.Zero(t, q.Messages)
	})
}

func TestUnlimitedAttemptsAreTheDefault(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer := w.client()
		producer.open(priorityQueue, 0, write)
		producer.produce(0, "x")
		for _, n := range w.crash(priorityQueue, 80) {
			require.Equal(t, 1, n)
		}
	})
}

func TestPoisonousMessagesAreGivenWithPauses(t *testing.T) {
	// With 6 attempts the first redeliveries are not delayed, then by 1 s, then by 3 s.
	for lost, pause := range map[int]time.Duration{1: 0, 2: time.Second, 3: time.Second, 4: 3 * time.Second, 5: 3 * time.Second} {
		inWorld(t, poisonDomain(6), func(t *testing.T, w *world) {
			producer := w.client()
			producer.open("bmq://d/q", 0, write)
			producer.produce(0, "0", "1")
			w.crash("bmq://d/q", lost)
			c := w.client()
			c.consume("bmq://d/q", 0, 1)
			if pause == 0 {
				require.Equal(t, []string{"0", "1"}, c.texts())
				return
			}
			require.Equal(t, []string{"0"}, c.texts(), "a fresh consumer gets the first at once (%d lost)", lost)
			after(pause - time.Millisecond)
			require.Empty(t, c.pushes())
			after(time.Millisecond)
			require.Equal(t, []string{"1"}, c.texts())
		})
	}
}

func TestConfirmingEndsThePause(t *testing.T) {
	inWorld(t, poisonDomain(3), func(t *testing.T, w *world) {
		producer := w.client()
		producer.open("bmq://d/q", 0, write)
		guids := producer.produce(0, "0", "1", "2")
		w.crash("bmq://d/q", 1)
		c := w.client()
		c.consume("bmq://d/q", 0, 1)
		require.Equal(t, []string{"0"}, c.texts())
		c.confirm(0, 0, guids[0])
		require.Equal(t, []string{"1"}, c.texts())
		after(2 * time.Second)
		require.Empty(t, c.pushes())
		after(time.Second)
		require.Equal(t, []string{"2"}, c.texts())
	})
}

func TestAnotherConsumerNeedNotWait(t *testing.T) {
	inWorld(t, poisonDomain(3), func(t *testing.T, w *world) {
		producer, victim, one, two := w.client(), w.client(), w.client(), w.client()
		producer.open("bmq://d/q", 0, write)
		victim.consume("bmq://d/q", 0, 1)
		producer.produce(0, "0", "1", "2")
		one.consume("bmq://d/q", 0, 1)
		two.consume("bmq://d/q", 0, 1)
		victim.vanish()
		require.Equal(t, []string{"0"}, one.texts())
		require.Equal(t, []string{"1"}, two.texts())
		after(3 * time.Second)
		require.Equal(t, []string{"2"}, one.texts())
	})
}

func ttlDomain() broker.Config {
	return broker.Config{Domains: []broker.Domain{{Name: "d", MessageTTL: 2 * time.Second}}}
}

func TestOldMessagesAreDropped(t *testing.T) {
	inWorld(t, ttlDomain(), func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://d/q", 0, write)
		c.produce(0, "a")
		after(1500 * time.Millisecond)
		c.produce(0, "b")
		after(1600 * time.Millisecond)
		c.settle()
		q, _ := w.broker.Queue("bmq://d/q")
		require.EqualValues(t, 1, q.Messages, "a is older than 2 s")
		after(2 * time.Second)
		c.settle()
		q, _ = w.broker.Queue("bmq://d/q")
		require.Zero(t, q.Messages)
		require.EqualValues(t, 2, q.Counters.Expired)
		require.True(t, c.silent())
	})
}

func TestAnExpiredMessageStaysInTheWindowOfItsConsumer(t *testing.T) {
	inWorld(t, ttlDomain(), func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://d/q", 0, read|write)
		c.configure(0, withWindow(sub(1), 1, 1<<20))
		guids := c.produce(0, "a")
		require.Len(t, c.pushes(), 1)
		after(4 * time.Second)
		c.produce(0, "b")
		require.Empty(t, c.pushes(), "the consumer was not told")
		q, _ := w.broker.Queue("bmq://d/q")
		require.Equal(t, 1, q.Apps[0].Unconfirmed)
		c.confirm(0, 0, guids[0])
		require.Equal(t, []string{"b"}, c.texts())
		c.close(params("bmq://d/q", 0, read|write), true)
		c.consume("bmq://d/q", 1, 2)
		require.Equal(t, []string{"b"}, c.texts(), "it does not come again")
	})
}

func TestTheClockCanBeAdvanced(t *testing.T) {
	inWorld(t, ttlDomain(), func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://d/q", 0, write)
		c.produce(0, "a")
		require.NoError(t, w.broker.Clock().Advance(3*time.Second))
		q, _ := w.broker.Queue("bmq://d/q")
		require.Zero(t, q.Messages)
		require.False(t, c.ended())
	})
}

func TestRestartKeepsWhatItIsToldTo(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{{Name: "mem"}, {Name: "disk", Persistent: true}}}
	for keep, want := range map[broker.Keep][]string{
		broker.KeepNone: nil, broker.KeepPersistent: {"disk"}, broker.KeepAll: {"mem", "disk"},
	} {
		inWorld(t, config, func(t *testing.T, w *world) {
			p := w.client()
			for i, domain := range []string{"mem", "disk"} {
				p.open("bmq://"+domain+"/q", uint32(i), write)
				p.produce(uint32(i), domain)
			}
			w.broker.Kill()
			require.True(t, p.ended())
			w.broker.Forget(keep)
			w.serve()
			c := w.client()
			c.consume("bmq://mem/q", 0, 1)
			c.consume("bmq://disk/q", 1, 2)
			require.Equal(t, want, c.texts())
		})
	}
}

func TestAfterARestartNobodyKnowsOfEarlierDeliveries(t *testing.T) {
	config := poisonDomain(1)
	config.Domains[0].Persistent = true
	inWorld(t, config, func(t *testing.T, w *world) {
		p, c := w.client(), w.client()
		p.open("bmq://d/q", 0, write)
		c.consume("bmq://d/q", 0, 1)
		guids := p.produce(0, "a", "b")
		require.Len(t, c.pushes(), 2)
		require.NoError(t, w.broker.Stop(t.Context()))
		require.True(t, c.ended())
		w.broker.Forget(broker.KeepPersistent)
		w.serve()
		again := w.client()
		again.open("bmq://d/q", 0, read)
		again.confirm(0, 0, guids[0])
		again.configure(0, sub(1))
		got := again.pushes()
		require.Len(t, got, 1, "a confirm counts, even of a message that was not delivered")
		require.Equal(t, "b", got[0].data)
		require.Zero(t, got[0].Flags, "it is not marked, and the end of the broker was no attempt")
		producer := w.client()
		producer.open("bmq://d/q", 0, write)
		m := put{wire.PutHeader{Flags: wire.FlagAckRequested, GUID: guids[1]}, []byte("b")}
		producer.post(m)
		require.Equal(t, []wire.AckStatus{0}, producer.statuses())
		require.Empty(t, again.pushes(), "a retransmission is recognised")
	})
}

func TestStoppingWritesWhatIsReadyAndCloses(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.produce(0, "x")
		require.NoError(t, w.broker.Stop(t.Context()))
		require.True(t, c.ended())
		require.True(t, c.silent(), "there is no message for the end")
		_, err := w.network.DialContext(t.Context())
		require.Error(t, err)
	})
}
