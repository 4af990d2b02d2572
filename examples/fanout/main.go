// Command fanout publishes events that several applications get, each all of them.
//
//	go run ./examples/fanout                                 on a broker inside the program
//	go run ./examples/fanout -broker tcp://localhost:30114   on a real one
//
// The queue is one of a fanout domain, whose applications the operator has named.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/messaging"
)

type settings struct {
	broker, queue string
	apps          []string
	events        int
}

func main() {
	var s settings
	flag.StringVar(&s.broker, "broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	flag.StringVar(&s.queue, "queue", "bmq://bmq.test.mmap.fanout/go-events", "`URI` of the queue")
	apps := flag.String("apps", "foo,bar,baz", "`names` of the applications")
	flag.IntVar(&s.events, "n", 3, "`number` of events")
	embedded.ParseFlags()
	s.apps = strings.Split(*apps, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, s); err != nil {
		embedded.Fail("fanout", err)
	}
}

func run(ctx context.Context, s settings) (err error) {
	if s.events < 1 {
		return errors.New("there has to be an event")
	}
	broker, err := embedded.Use(s.broker)
	if err != nil {
		return err
	}
	defer broker.Stop()
	dialing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := messaging.Dial(dialing, messaging.Config{Brokers: []string{broker.URI}, Logger: slog.New(slog.DiscardHandler), OnEvent: embedded.Tell})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, embedded.End(ctx, client.Shutdown)) }()
	fmt.Println("Connected to BlazingMQ broker", broker)

	producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: s.queue})
	if err != nil {
		return err
	}
	for i := range s.events {
		if _, err := producer.Publish(ctx, event{Number: i + 1, What: "something happened"}); err != nil {
			return err
		}
	}
	fmt.Println("Published", s.events, "events")

	seen := make([][]string, len(s.apps))
	errs := make([]error, len(s.apps))
	var all sync.WaitGroup
	for i, app := range s.apps {
		all.Go(func() { seen[i], errs[i] = listen(ctx, client, s.queue, app, s.events) })
	}
	all.Wait()
	for _, line := range slices.Concat(seen...) {
		fmt.Println(line)
	}
	return errors.Join(errs...)
}

type event struct {
	Number int    `json:"number"`
	What   string `json:"what"`
}

// listen is one application. It would be a program of its own.
func listen(ctx context.Context, client *messaging.Client, queue, app string, events int) (lines []string, err error) {
	consumer, err := client.NewConsumer(ctx, messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: queue + "?id=" + app}}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = consumer.RunUntil(ctx, messaging.Until{Limit: events},
		messaging.Handle(func(_ context.Context, e event, _ *messaging.Delivery) error {
			lines = append(lines, fmt.Sprintf("Application %s: event %d, %s", app, e.Number, e.What))
			return nil
		}))
	if err == nil && len(lines) < events {
		err = fmt.Errorf("application %s got %d events of %d", app, len(lines), events)
	}
	return lines, err
}
