// Command consumer prints and confirms the messages of a queue until Ctrl-C or
// SIGTERM, and then ends without losing one.
//
//	go run ./examples/consumer                                 on a broker inside the program
//	go run ./examples/consumer -broker tcp://localhost:30114   on a real one
//
// On the broker inside the program it posts some messages to itself, and it prints the
// command by which the example producer posts more from another terminal.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/sessionevents"
)

// endTimeout is how long ending in good order may take. If there is no connection just then,
// it can't be done; what was not confirmed is delivered again.
const endTimeout = 5 * time.Second

func main() {
	uri := flag.String("broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	queue := flag.String("queue", "bmq://bmq.test.mmap.priority/go-examples", "`URI` of the queue")
	embedded.ParseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, *uri, *queue); err != nil {
		embedded.Fail("consumer", err)
	}
}

func run(ctx context.Context, uri, queue string) error {
	broker, err := embedded.Use(uri)
	if err != nil {
		return err
	}
	defer broker.Stop()

	onMessage := func(message *bmq.Message, handle *bmq.MessageHandle) {
		fmt.Println("Confirming: ", message)
		if err := handle.Confirm(); err != nil {
			fmt.Println("Not confirmed, it will be delivered again:", err)
		}
	}
	session, err := bmq.NewSession(ctx, sessionevents.LogSessionEvent,
		bmq.WithBroker(broker.URI),
		bmq.WithOnMessage(onMessage),
		bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 5 * time.Second, DisconnectTimeout: 5 * time.Second}))
	if err != nil {
		return err
	}
	defer session.Close()
	fmt.Println("Connected to BlazingMQ broker", broker)
	fmt.Println("Press Ctrl-C or send SIGTERM to exit")
	if err := session.OpenQueue(ctx, queue, bmq.WithRead()); err != nil {
		return err
	}
	if broker.Inside {
		fmt.Printf("To post to it: go run ./examples/producer -broker %s -queue '%s'\n", broker.URI, queue)
		if err := feed(ctx, broker.URI, queue); err != nil && ctx.Err() == nil {
			return err
		}
	}

	<-ctx.Done()
	fmt.Println("Waiting to process all outstanding messages")
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout) // ctx is over
	defer cancel()
	if err := end(closing, session, queue); err != nil {
		return fmt.Errorf("not ended in good order, what is not confirmed will be delivered again: %w", err)
	}
	fmt.Println("Session stopped.")
	return nil
}

func end(ctx context.Context, session *bmq.Session, queue string) error {
	// When this returns no further message comes, and the handler is through with those
	// that came.
	if err := session.ConfigureQueue(ctx, queue, bmq.Paused()); err != nil {
		return err
	}
	if err := session.CloseQueue(ctx, queue); err != nil {
		return err
	}
	return session.Stop(ctx)
}
