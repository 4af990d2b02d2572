package messaging_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
	"github.com/bmq-go/bmq/sessionevents"
)

func TestProducersShareAQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		first, second := w.producer(c, messaging.ProducerConfig{Queue: orders}), w.producer(c, messaging.ProducerConfig{Queue: orders})
		q, _ := w.Queue(orders)
		require.Equal(t, 1, q.Producers)
		require.NoError(t, first.Close(t.Context()))
		_, err := second.Publish(t.Context(), "x")
		require.NoError(t, err)
		require.NoError(t, second.Close(t.Context()))
		q, _ = w.Queue(orders)
		require.Zero(t, q.Producers, "the last one closes it")
	})
}

func TestAProducerMayComeAfterTheConsumerOfItsQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2", "3")
		c := w.client()
		k := w.reads(c, orders)
		d := w.fetch(k)
		opened := make(chan *messaging.Producer)
		go func() { opened <- w.producer(c, messaging.ProducerConfig{Queue: orders}) }()
		synctest.Wait()
		require.NoError(t, d.Ack(), "what is in hand is settled first")
		p := <-opened
		_, err := p.Publish(t.Context(), "4")
		require.NoError(t, err)
		for _, body := range []string{"2", "3", "4"} {
			d := w.fetch(k)
			require.Equal(t, body, string(d.Data()), "nothing is lost, and nothing out of order")
			require.NoError(t, d.Ack())
		}
		require.NoError(t, k.Close(t.Context()))
		_, err = p.Publish(t.Context(), "5")
		require.NoError(t, err, "the producer keeps the queue")
		require.NoError(t, p.Close(t.Context()))
		q, _ := w.Queue(orders)
		require.Zero(t, q.Producers+q.Consumers)
	})
}

func TestAProducerDoesNotWaitForEverForTheConsumer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1")
		c := w.client()
		k := w.reads(c, orders)
		d := w.fetch(k)
		var err error
		require.Equal(t, 30*time.Second, timed(func() { _, err = c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: orders}) }))
		require.ErrorIs(t, err, messaging.ErrBusy)
		require.ErrorContains(t, err, "Queue.Write")
		require.NoError(t, d.Ack(), "the consumer is as it was")
	})
}

func TestAQueueHasOneConsumerOfAClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		k := w.reads(c, orders)
		_, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
		require.ErrorIs(t, err, messaging.ErrBusy)
		_, err = c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: other}, {URI: other}}})
		require.Error(t, err)
		w.reads(c, newsFoo)
		w.reads(c, newsBar)
		require.NoError(t, k.Close(t.Context()))
		w.reads(c, orders)
	})
}

func TestWhatTheBrokerRefusesIsToldByTheConstructor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		_, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: "bmq://no.such.domain/q"})
		require.ErrorIs(t, err, bmq.ErrBMQ)
		w.reads(w.client(), "bmq://"+single+"/q")
		_, err = c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: "bmq://" + single + "/q"}}})
		require.ErrorIs(t, err, bmq.ErrBMQ, "the domain allows one consumer")
		for _, cfg := range []messaging.ConsumerConfig{
			{Queues: []messaging.Queue{{URI: "what"}}}, {AckMode: 7}, {Accept: []string{"pickle"}},
			{Queues: []messaging.Queue{{URI: orders, QoS: messaging.QoS{Messages: -1}}}},
			{Queues: []messaging.Queue{{URI: orders, DeadLetter: "what"}}},
			{Queues: []messaging.Queue{{URI: newsFoo, Write: true}}},
		} {
			_, err := c.NewConsumer(t.Context(), cfg)
			require.Error(t, err)
		}
		for _, cfg := range []messaging.ProducerConfig{
			{Queue: "what"}, {Queue: newsFoo}, {Queue: orders, Exchange: exchange(t, messaging.Fanout)}, {Codec: "pickle"},
			{Compression: "brotli"}, {Header: messaging.Header{"a": 1.5}},
		} {
			_, err := c.NewProducer(t.Context(), cfg)
			require.Error(t, err)
		}
	})
}

func TestDialTakesTheFirstBrokerThatAnswers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		down := errors.New("down")
		tries := map[string]int{}
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			tries[address]++
			if address != "c:1" || tries[address] < 3 {
				return nil, down
			}
			return w.DialContext(ctx, network, address)
		}
		cfg := messaging.Config{
			Brokers: []string{"tcp://a:1", "tcp://b:1", "tcp://c:1"}, Logger: quiet,
			Options: []bmq.Option{bmq.WithEngine(bmq.EnginePortable), bmq.WithDialer(dial)},
		}
		c, err := messaging.Dial(t.Context(), cfg)
		require.NoError(t, err)
		require.Equal(t, "tcp://c:1", c.Broker())
		require.True(t, c.Connected())
		require.NoError(t, c.Health(t.Context()))
		require.NoError(t, c.Close())

		cfg.Brokers = cfg.Brokers[:2]
		cfg.Retry.MaxAttempts = 2
		_, err = messaging.Dial(t.Context(), cfg)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "tcp://a:1")
		require.ErrorContains(t, err, "tcp://b:1")
	})
}

func TestDialDoesNotRepeatWhatTheProgramGotWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cfg := range []messaging.Config{
			{Brokers: []string{"a:1", "tcp://b"}},
			{Brokers: []string{"tcp://a:1", "tcp://b:1"}, Options: []bmq.Option{bmq.WithBlobBufferSize(1)}},
		} {
			require.Zero(t, timed(func() {
				_, err := messaging.Dial(t.Context(), cfg)
				require.Error(t, err)
				cfg.Retry.RetryIf = func(error) bool { return true }
				_, again := messaging.Dial(t.Context(), cfg)
				require.EqualError(t, again, err.Error())
				for _, broker := range cfg.Brokers {
					require.ErrorContains(t, err, broker)
				}
			}))
		}
	})
}

func TestOptionsThatAClientCanNotHaveHaveNoEffect(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "a", "b", "c")
		c := w.client(func(cfg *messaging.Config) {
			cfg.Options = append(cfg.Options, nil, bmq.WithBorrowedPayloads(), bmq.WithPull(), bmq.WithOnMessage(nil), bmq.WithNumProcessingThreads(7))
		})
		k := w.reads(c, orders)
		require.NoError(t, k.Start(t.Context()))
		synctest.Wait()
		for _, body := range []string{"a", "b", "c"} {
			d := w.fetch(k)
			require.Equal(t, body, string(d.Data()))
			require.NoError(t, d.Ack())
		}
	})
}

func TestAListOfBrokersIsNotIgnored(t *testing.T) {
	t.Setenv("BMQ_BROKER_URI", "tcp://localhost:1")
	_, err := messaging.Dial(t.Context(), messaging.Config{Brokers: []string{"tcp://a:1", "tcp://b:1"}})
	require.ErrorContains(t, err, "BMQ_BROKER_URI")
}

func TestEventsReachTheApplication(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var c *messaging.Client
		lost, back := make(chan bool, 1), make(chan bool, 1)
		c = w.client(func(cfg *messaging.Config) {
			cfg.OnEvent = func(e sessionevents.SessionEvent) {
				switch e.(type) {
				case sessionevents.ConnectionLost:
					lost <- true
					panic("hooks may panic")
				case sessionevents.Reconnected:
					// It may call whatever it likes.
					_, err := w.producer(c, messaging.ProducerConfig{Queue: orders}).Publish(t.Context(), "x")
					require.NoError(t, err)
					back <- true
				}
			}
		})
		w.DropConnections("")
		<-lost
		<-back
		require.Equal(t, []string{"x"}, w.bodies(orders))
	})
}

func TestStatsCountWhatHappened(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		p, k := w.producer(c, messaging.ProducerConfig{Queue: orders}), w.reads(c, orders)
		for range 3 {
			_, err := p.Publish(t.Context(), "x")
			require.NoError(t, err)
		}
		require.NoError(t, w.fetch(k).Ack())
		w.fetch(k)
		require.Equal(t, messaging.Stats{Stored: 3, Received: 3, Acked: 1, InHand: 1, Waiting: 1}, c.Stats())
		w.DropConnections("")
		awaitConnected(c, false)
		require.Equal(t, uint64(2), c.Stats().Stale)
	})
}

func TestAdministrationNeedsAnAdministrator(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "1", "2")
		c := w.client()
		k := w.reads(c, orders)
		for _, err := range []error{
			second(k.Purge(t.Context())), second(c.QueueInfo(t.Context(), orders)), second(c.DomainInfo(t.Context(), orders)),
		} {
			require.ErrorIs(t, err, errors.ErrUnsupported)
			require.ErrorContains(t, err, "configure Admin")
		}

		a, err := admin.New("tcp://broker:1", admin.WithDialer(w.DialContext))
		require.NoError(t, err)
		topology := &messaging.Topology{Queues: map[string]messaging.Queue{"o": {URI: orders}}}
		c = w.client(func(cfg *messaging.Config) { cfg.Admin, cfg.Topology = a, topology })
		info, err := c.QueueInfo(t.Context(), "o")
		require.NoError(t, err)
		require.Equal(t, int64(2), info.Messages)
		require.Equal(t, 1, info.Apps[0].Consumers)
		domain, err := c.DomainInfo(t.Context(), "o")
		require.NoError(t, err)
		require.Equal(t, []string{orders}, domain.Queues)
		_, err = c.QueueInfo(t.Context(), other)
		require.ErrorIs(t, err, admin.ErrNotFound, "asking does not make it")

		p := w.producer(c, messaging.ProducerConfig{})
		_, err = p.Publish(t.Context(), &messaging.Message{Body: "x", Queue: other, DeliveryMode: messaging.Transient})
		require.NoError(t, err)
		_, err = p.Publish(t.Context(), &messaging.Message{Body: "x", Queue: other, DeliveryMode: messaging.Persistent})
		require.ErrorIs(t, err, errors.ErrUnsupported)

		require.NoError(t, k.Close(t.Context()))
		k = w.consumer(c, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: "o"}, {URI: other}}})
		n, err := k.Purge(t.Context(), "o")
		require.NoError(t, err)
		require.Equal(t, int64(2), n)
		n, err = k.Purge(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		require.Empty(t, w.bodies(orders))
	})
}

func second[T any](_ T, err error) error { return err }

func TestAPairSharesItsQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		m, err := c.NewMessaging(t.Context(), messaging.ProducerConfig{Queue: orders}, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
		require.NoError(t, err)
		require.Same(t, c, m.Client())
		require.NoError(t, m.Open(t.Context()), "it is open already")
		q, _ := w.Queue(orders)
		require.Equal(t, []int{1, 1}, []int{q.Producers, q.Consumers})
		_, err = m.Publish(t.Context(), "x")
		require.NoError(t, err)
		d, err := m.Fetch(t.Context())
		require.NoError(t, err)
		require.Equal(t, "x", string(d.Data()))
		require.NoError(t, d.Requeue(t.Context()))
		require.NoError(t, m.Close(t.Context()))
		require.Equal(t, []string{"x"}, w.bodies(orders))
		_, err = c.NewMessaging(t.Context(), messaging.ProducerConfig{Queue: "what"}, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders}}})
		require.Error(t, err)
		fanout, err := c.NewMessaging(t.Context(), messaging.ProducerConfig{Queue: news}, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: newsFoo}}})
		require.NoError(t, err)
		_, err = fanout.Publish(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, "x", string(w.fetch(fanout.Consumer).Data()))
	})
}

func TestCallWaitsForTheReply(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		server := w.client()
		p, k := w.producer(server, messaging.ProducerConfig{}), w.reads(server, orders)
		r := w.runs(k, messaging.Handle(func(ctx context.Context, n int, d *messaging.Delivery) error {
			if n < 0 {
				return nil // no reply
			}
			_, err := p.Reply(ctx, d, n*n)
			return err
		}))
		c := w.client()
		results := make(chan int)
		for i := range 3 {
			go func() {
				d, err := c.Call(t.Context(), orders, i)
				require.NoError(t, err)
				n, err := messaging.Decode[int](d)
				require.NoError(t, err)
				results <- n - i*i
			}()
		}
		for range 3 {
			require.Zero(t, <-results)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		require.Equal(t, 3*time.Second, timed(func() {
			_, err := c.Call(ctx, orders, -1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}))
		_, err := c.Call(t.Context(), "bmq://no.such.domain/q", 1)
		require.ErrorIs(t, err, bmq.ErrBMQ)
		replies := 0
		for _, q := range w.Queues() {
			if q.URI != orders {
				replies++
			}
		}
		require.Equal(t, 1, replies, "all calls share a queue")
		require.NoError(t, r.end())

		// Nobody serves any more: the request expires with the caller's patience.
		ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = c.Call(ctx, orders, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		k = w.reads(server, orders)
		w.nothing(k)
		require.Equal(t, uint64(1), server.Stats().Expired)
		go func() {
			synctest.Wait()
			_ = c.Close()
		}()
		_, err = c.Call(t.Context(), orders, 1)
		require.ErrorIs(t, err, messaging.ErrClosed)
	})
}

func TestACallThatCanNotReadRepliesLeavesNoQueueOpen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		refusal := w.Inject(bmqtest.Fault{
			On: bmqtest.Requesting, Request: bmqtest.ConfigureQueue, Skip: 1, Times: 1,
			Do: bmqtest.Refuse, Status: bmqtest.Status{Category: bmqtest.Refused},
		})
		_, err := w.client().Call(t.Context(), orders, 1)
		require.ErrorIs(t, err, bmq.ErrRefused)
		require.Equal(t, 1, refusal.Hits())
		for _, q := range w.Queues() {
			require.Zero(t, q.Consumers, q.URI)
		}
	})
}

func TestARequestHasToSayWhereToReplyTo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.publishes(orders, "no address", &messaging.Message{Body: "x", ReplyTo: other, MessageID: "m1"})
		c := w.client()
		p, k := w.producer(c, messaging.ProducerConfig{}), w.reads(c, orders)
		_, err := p.Reply(t.Context(), w.fetch(k), "x")
		require.ErrorIs(t, err, messaging.ErrNoReplyTo)
		_, err = p.Reply(t.Context(), w.fetch(k), "y")
		require.NoError(t, err)
		require.Equal(t, "m1", w.fetch(w.reads(c, other)).CorrelationID(), "the request's MessageID does")
	})
}

func TestAMessageWithoutRoomIsStoredWhenThereIs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		p, k := w.producer(c, messaging.ProducerConfig{Queue: small}), w.reads(c, small)
		for range 2 {
			_, err := p.Publish(t.Context(), "x")
			require.NoError(t, err)
		}
		f := p.PublishAsync(t.Context(), "y")
		pass(time.Second)
		require.NoError(t, w.fetch(k).Ack())
		require.NoError(t, wait(f))
	})
}

func TestClosingWithoutWaitingLosesNothingThatWasStored(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventAck, Do: bmqtest.Stall})
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders})
		f := p.PublishAsync(t.Context(), []byte("x"))
		require.Zero(t, timed(func() { require.NoError(t, c.Close()) }))
		require.ErrorIs(t, wait(f), messaging.ErrOutcomeUnknown)
	})
}
