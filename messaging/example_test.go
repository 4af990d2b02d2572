package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

// The guide, docs/messaging.md, is made of what follows.

// onBroker runs an example on an embedded broker.
func onBroker(example func(ctx context.Context, client *messaging.Client) error) {
	broker, err := bmqtest.New()
	if err != nil {
		panic(err)
	}
	defer broker.Kill()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := connected(ctx, broker.URI(), example); err != nil {
		panic(err)
	}
}

func connected(ctx context.Context, uri string, example func(ctx context.Context, client *messaging.Client) error) (err error) {
	logger := slog.New(slog.DiscardHandler)
	client, err := messaging.Dial(ctx, messaging.Config{Brokers: []string{uri}, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Shutdown(ctx)) }()
	return example(ctx, client)
}

type Order struct {
	ID    int
	Items []string
}

func Example_workQueue() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		const queue = "bmq://bmq.test.mem.priority/orders"
		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: queue})
		if err != nil {
			return err
		}
		receipt, err := producer.Publish(ctx, Order{ID: 7, Items: []string{"tea"}})
		switch {
		case errors.Is(err, messaging.ErrNotStored):
			return fmt.Errorf("publish it again at will: %w", err)
		case errors.Is(err, messaging.ErrOutcomeUnknown):
			return fmt.Errorf("publishing it again may make a duplicate: %w", err)
		}
		fmt.Println("stored after", receipt.Attempts, "attempt")

		ctx, done := context.WithCancel(ctx)
		defer done()
		consumer, err := client.NewConsumer(ctx, messaging.ConsumerConfig{
			Queues:      []messaging.Queue{{URI: queue, QoS: messaging.QoS{Messages: 10}}},
			Concurrency: 4,
		})
		if err != nil {
			return err
		}
		return consumer.Run(ctx, messaging.Handle(func(ctx context.Context, order Order, d *messaging.Delivery) error {
			fmt.Println("order", order.ID, order.Items)
			done() // a worker would go on
			return nil
		}))
	})
	// Output:
	// stored after 1 attempt
	// order 7 [tea]
}

func Example_fanOut() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		const events = "bmq://bmq.test.mem.fanout/events"
		billing, err := client.NewConsumer(ctx, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: events + "?id=foo"}}})
		if err != nil {
			return err
		}
		mailing, err := client.NewConsumer(ctx, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: events + "?id=bar"}}})
		if err != nil {
			return err
		}
		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: events})
		if err != nil {
			return err
		}
		if _, err := producer.Publish(ctx, "order placed"); err != nil {
			return err
		}
		for _, consumer := range []*messaging.Consumer{billing, mailing} {
			d, err := consumer.Fetch(ctx)
			if err != nil {
				return err
			}
			fmt.Println(d.Queue(), string(d.Data()))
			if err := d.Ack(); err != nil {
				return err
			}
		}
		return nil
	})
	// Output:
	// bmq://bmq.test.mem.fanout/events?id=foo order placed
	// bmq://bmq.test.mem.fanout/events?id=bar order placed
}

func Example_exchange() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		events, err := messaging.NewExchange("events", messaging.Topic,
			messaging.Binding{Key: "order.#", Queue: "bmq://bmq.test.mem.priority/orders"},
			messaging.Binding{Key: "#.eu", Queue: "bmq://bmq.test.mem.priority/europe"})
		if err != nil {
			return err
		}
		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Exchange: events})
		if err != nil {
			return err
		}
		for _, key := range []string{"order.new.eu", "order.new.us", "visit.us"} {
			receipt, err := producer.Publish(ctx, &messaging.Message{Key: key, Body: "x"})
			if errors.Is(err, messaging.ErrUnroutable) {
				fmt.Println(key, "goes nowhere")
				continue
			}
			if err != nil {
				return err
			}
			fmt.Println(key, "goes to", 1+len(receipt.Copies))
		}
		return nil
	})
	// Output:
	// order.new.eu goes to 2
	// order.new.us goes to 1
	// visit.us goes nowhere
}

func Example_requestAndReply() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		const queue = "bmq://bmq.test.mem.priority/squares"
		replier, err := client.NewProducer(ctx, messaging.ProducerConfig{})
		if err != nil {
			return err
		}
		server, err := client.NewConsumer(ctx, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: queue}}})
		if err != nil {
			return err
		}
		serving, stop := context.WithCancel(ctx)
		defer stop()
		served := make(chan error)
		go func() {
			served <- server.Run(serving, messaging.Handle(func(ctx context.Context, n int, d *messaging.Delivery) error {
				_, err := replier.Reply(ctx, d, n*n)
				return err
			}))
		}()

		d, err := client.Call(ctx, queue, 12)
		if err != nil {
			return err
		}
		square, err := messaging.Decode[int](d)
		if err != nil {
			return err
		}
		fmt.Println(square)
		stop()
		return <-served
	})
	// Output: 144
}

func Example_retryAndDeadLetter() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		const (
			queue = "bmq://bmq.test.mem.priority/mails"
			dead  = "bmq://bmq.test.mem.priority/dead-mails"
		)
		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: queue})
		if err != nil {
			return err
		}
		if _, err := producer.Publish(ctx, "to nobody"); err != nil {
			return err
		}
		worker, err := client.NewConsumer(ctx, messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: queue, DeadLetter: dead}},
			Retry:  messaging.RetryPolicy{MaxAttempts: 3, Start: 10 * time.Millisecond},
		})
		if err != nil {
			return err
		}
		working, stop := context.WithCancel(ctx)
		defer stop()
		worked := make(chan error)
		go func() {
			worked <- worker.Run(working, func(ctx context.Context, d *messaging.Delivery) error {
				fmt.Println("attempt", d.Attempt())
				return errors.New("no such address")
			})
		}()

		letters, err := client.NewConsumer(ctx, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: dead}}})
		if err != nil {
			return err
		}
		letter, err := letters.Fetch(ctx)
		if err != nil {
			return err
		}
		reason, _ := letter.Header().Str("dead_letter_reason")
		fmt.Printf("%s: %s\n", letter.Data(), reason)
		stop()
		return errors.Join(letter.Ack(), <-worked)
	})
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
	// to nobody: no such address
}

func Example_batches() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		const queue = "bmq://bmq.test.mem.priority/rows"
		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: queue})
		if err != nil {
			return err
		}
		results, err := producer.PublishBatch(ctx, "a", "b", "c", "d", "e")
		if err != nil {
			return err // results tell which ones are stored
		}
		fmt.Println(len(results), "stored")

		consumer, err := client.NewConsumer(ctx, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: queue}}})
		if err != nil {
			return err
		}
		for batch, err := range consumer.Batches(ctx, 3, 50*time.Millisecond) {
			if err != nil {
				return err
			}
			fmt.Println("insert", len(batch), "rows")
			if err := messaging.AckAll(batch...); err != nil {
				return err
			}
			if len(batch) < 3 {
				break
			}
		}
		return nil
	})
	// Output:
	// 5 stored
	// insert 3 rows
	// insert 2 rows
}

func Example_gracefulShutdown() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		const queue = "bmq://bmq.test.mem.priority/jobs"
		ctx, terminate := context.WithCancel(ctx) // in place of a signal
		defer terminate()
		router := client.NewRouter(messaging.ConsumerConfig{Concurrency: 4, Grace: 20 * time.Second})
		router.Use(messaging.Timeout(10*time.Second), messaging.Deduplicate(1000))
		router.Handle(messaging.Queue{URI: queue}, func(ctx context.Context, d *messaging.Delivery) error {
			terminate()
			fmt.Println("the job that is in hand is done:", string(d.Data()))
			return nil
		})

		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: queue})
		if err != nil {
			return err
		}
		if _, err := producer.Publish(ctx, "job"); err != nil {
			return err
		}
		if err := router.Run(ctx); err != nil { // until SIGTERM
			return err
		}
		fmt.Println("all is settled")
		return client.Shutdown(context.WithoutCancel(ctx)) // flushes what was published
	})
	// Output:
	// the job that is in hand is done: job
	// all is settled
}

func Example_topology() {
	const file = `{
		"queues": {
			"orders": {"uri": "bmq://bmq.test.mem.priority/orders", "qos": {"messages": 10}, "dead_letter": "dead"},
			"dead": {"uri": "bmq://bmq.test.mem.priority/dead"}
		},
		"exchanges": {"events": {"kind": "topic", "bindings": [{"queue": "orders", "key": "order.#"}]}}
	}`
	topology, err := messaging.LoadTopology(strings.NewReader(file))
	if err != nil {
		panic(err)
	}
	events, err := topology.Exchange("events")
	if err != nil {
		panic(err)
	}
	fmt.Println(events.Route("order.new", nil))

	_, err = messaging.LoadTopology(strings.NewReader(`{"queues": {"orders": {"uri": "bmq://d/orders", "durable": true}}}`))
	fmt.Println(errors.Is(err, errors.ErrUnsupported), err)
	// Output:
	// [orders]
	// true messaging: topology: queue "orders": messaging: durable: it is the operator's setting of a domain; operator: storage.config
}

// What follows is the guide's for those who come from Python.

func Example_fromKombu() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		producer, err := client.NewProducer(ctx, messaging.ProducerConfig{
			Queue: "bmq://bmq.test.mem.priority/tasks",
			Retry: &messaging.RetryPolicy{MaxAttempts: 4, Start: time.Second},
		})
		if err != nil {
			return err
		}
		_, err = producer.Publish(ctx, &messaging.Message{
			Body:        map[string]any{"task": "resize"},
			Compression: messaging.CompressionZLIB,
			Header:      messaging.Header{"attempt": 1},
			Expiration:  time.Minute,
		})
		if err != nil {
			return err
		}

		consumer, err := client.NewConsumer(ctx, messaging.ConsumerConfig{
			Queues: []messaging.Queue{{URI: "bmq://bmq.test.mem.priority/tasks", QoS: messaging.QoS{Messages: 10}}},
			Accept: []string{"json"},
		})
		if err != nil {
			return err
		}
		return consumer.RunUntil(ctx, messaging.Until{Limit: 1},
			messaging.Handle(func(ctx context.Context, body map[string]any, d *messaging.Delivery) error {
				fmt.Println(body["task"], d.Header())
				return nil // acks
			}))
	})
	// Output: resize map[attempt:1]
}

func Example_fromPyAMQP() {
	onBroker(func(ctx context.Context, client *messaging.Client) error {
		pair, err := client.NewMessaging(ctx,
			messaging.ProducerConfig{Queue: "bmq://bmq.test.mem.priority/tasks"},
			messaging.ConsumerConfig{Queues: []messaging.Queue{{
				URI: "bmq://bmq.test.mem.priority/tasks",
				QoS: messaging.QoS{Messages: 1},
			}}})
		if err != nil {
			return err
		}
		pending := pair.PublishAsync(ctx, []byte("hello"))
		if _, err := pending.Wait(ctx); err != nil { // confirms are always on
			return err
		}

		patience, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		d, err := pair.Fetch(patience)
		if errors.Is(err, messaging.ErrEmpty) {
			return nil // nothing came in five seconds
		}
		if err != nil {
			return err
		}
		fmt.Println(string(d.Data()))
		if string(d.Data()) == "again" {
			return d.RetryAfter(time.Second) // basic_reject with requeue
		}
		return d.Ack()
	})
	// Output: hello
}
