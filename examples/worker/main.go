// Command worker shares jobs among workers. A job that fails is tried again, and one that
// keeps failing ends in a dead-letter queue.
//
//	go run ./examples/worker                                 on a broker inside the program
//	go run ./examples/worker -broker tcp://localhost:30114   on a real one
//
// It publishes some jobs and ends when they are done. With -n 0 it publishes none and works
// until Ctrl-C or SIGTERM, which lets the jobs in hand end; start it several times then, to
// have workers in several processes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/messaging"
)

type settings struct {
	broker, queue, dead string
	workers, jobs       int
}

func main() {
	var s settings
	flag.StringVar(&s.broker, "broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	flag.StringVar(&s.queue, "queue", "bmq://bmq.test.mmap.priority/go-jobs", "`URI` of the queue of jobs")
	flag.StringVar(&s.dead, "dead", "bmq://bmq.test.mmap.priority/go-dead-jobs", "`URI` of the dead-letter queue")
	flag.IntVar(&s.workers, "workers", 3, "`number` of workers")
	flag.IntVar(&s.jobs, "n", 12, "`number` of jobs to publish; 0: work until told to end")
	embedded.ParseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, s); err != nil {
		embedded.Fail("worker", err)
	}
}

func run(ctx context.Context, s settings) (err error) {
	if s.workers < 1 || s.jobs < 0 {
		return errors.New("there have to be workers, and no fewer than 0 jobs")
	}
	broker, err := embedded.Use(s.broker)
	if err != nil {
		return err
	}
	defer broker.Stop()
	dialing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := messaging.Dial(dialing, messaging.Config{Brokers: []string{broker.URI}, Logger: warnings(), OnEvent: embedded.Tell})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, embedded.End(ctx, client.Shutdown)) }()
	fmt.Println("Connected to BlazingMQ broker", broker)

	working, done := context.WithCancel(ctx)
	defer done()
	p := &progress{left: s.jobs, done: done}
	if s.jobs > 0 {
		if err := publish(ctx, client, s); err != nil {
			return err
		}
	}
	router := client.NewRouter(messaging.ConsumerConfig{
		Concurrency: s.workers,
		Retry:       messaging.RetryPolicy{MaxAttempts: 3, Start: 20 * time.Millisecond},
		Grace:       embedded.EndTimeout,
	})
	router.Use(messaging.Timeout(10 * time.Second))
	router.Handle(messaging.Queue{URI: s.queue, DeadLetter: s.dead, QoS: messaging.QoS{Messages: s.workers}}, messaging.Handle(p.work))
	router.Handle(messaging.Queue{URI: s.dead}, messaging.Handle(p.bury))
	if err := router.Run(working); err != nil { // until all is done, or a signal
		return err
	}
	fmt.Println(p)
	return nil
}

// publish publishes the jobs, and waits until all are stored.
func publish(ctx context.Context, client *messaging.Client, s settings) error {
	producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: s.queue, Stamp: true})
	if err != nil {
		return err
	}
	jobs := make([]any, s.jobs)
	for i := range jobs {
		jobs[i] = job{Number: i + 1}
	}
	if _, err := producer.PublishBatch(ctx, jobs...); err != nil {
		return err
	}
	fmt.Println("Published", s.jobs, "jobs")
	return producer.Close(ctx)
}

// warnings logs what somebody should look at.
func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}
