// Command rpc calls a server by messages and waits for its replies.
//
//	go run ./examples/rpc                                 on a broker inside the program
//	go run ./examples/rpc -broker tcp://localhost:30114   on a real one
//
// With -serve it is the server only, until Ctrl-C or SIGTERM; with -call the client only.
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
	broker, queue string
	serve, call   bool
	calls         int
	patience      time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.broker, "broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	flag.StringVar(&s.queue, "queue", "bmq://bmq.test.mmap.priority/go-calls", "`URI` of the queue of requests")
	flag.BoolVar(&s.serve, "serve", false, "serve, and call nobody")
	flag.BoolVar(&s.call, "call", false, "call, and don't serve")
	flag.IntVar(&s.calls, "n", 5, "`number` of calls")
	flag.DurationVar(&s.patience, "patience", 10*time.Second, "`time` to wait for a reply")
	embedded.ParseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, s); err != nil {
		embedded.Fail("rpc", err)
	}
}

func run(ctx context.Context, s settings) (err error) {
	if s.serve && s.call {
		return errors.New("-serve and -call exclude each other; without both it does both")
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

	if s.call {
		return call(ctx, client, s)
	}
	server, err := newServer(ctx, client, s.queue)
	if err != nil {
		return err
	}
	fmt.Println("Serving", s.queue)
	if s.serve {
		return server.run(ctx)
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- server.run(serving) }()
	err = call(ctx, client, s)
	stop()
	return errors.Join(err, <-served)
}
