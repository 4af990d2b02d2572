// Command health_monitoring shows what an unhealthy host does to a queue that was
// opened with SuspendsOnBadHostHealth: its deliveries and posts pause, and go on when
// the host is healthy again.
//
//	go run ./examples/health_monitoring                                 on a broker inside the program
//	go run ./examples/health_monitoring -broker tcp://localhost:30114   on a real one
package main

import (
	"context"
	"errors"
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

// patience is how long each step may take.
const patience = 30 * time.Second

func main() {
	uri := flag.String("broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	queue := flag.String("queue", fmt.Sprintf("bmq://bmq.test.mem.priority/health-%x", time.Now().UnixNano()), "`URI` of the queue")
	embedded.ParseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, *uri, *queue); err != nil {
		embedded.Fail("health_monitoring", err)
	}
}

func run(ctx context.Context, uri, queue string) error {
	broker, err := embedded.Use(uri)
	if err != nil {
		return err
	}
	defer broker.Stop()

	// What the session tells is passed on to this function, which waits for it.
	events := make(chan sessionevents.SessionEvent, 16)
	messages := make(chan *bmq.Message, 16)
	onEvent := func(event sessionevents.SessionEvent) {
		fmt.Println("  event", event)
		events <- event
	}
	onMessage := func(message *bmq.Message, handle *bmq.MessageHandle) {
		fmt.Printf("  message %q\n", message.Data)
		if err := handle.Confirm(); err != nil {
			fmt.Println("  not confirmed:", err)
		}
		messages <- message
	}

	// A real program would call SetHealthy and SetUnhealthy from whatever watches its
	// host: its load, its disk, an operator.
	monitor := bmq.NewBasicHealthMonitor()
	timeouts := bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 5 * time.Second, DisconnectTimeout: 5 * time.Second})
	session, err := bmq.NewSession(ctx, onEvent,
		bmq.WithBroker(broker.URI),
		bmq.WithOnMessage(onMessage),
		bmq.WithHostHealthMonitor(monitor),
		timeouts)
	if err != nil {
		return err
	}
	defer session.Close()
	sensitive := bmq.QueueOptions{SuspendsOnBadHostHealth: bmq.Some(true)}
	if err := session.OpenQueue(ctx, queue, bmq.WithRead(), bmq.WithWrite(), bmq.WithQueueOptions(sensitive)); err != nil {
		return err
	}
	// Another client, on a host of which nobody says anything bad.
	other, err := bmq.NewSession(ctx, sessionevents.LogSessionEvent, bmq.WithBroker(broker.URI), timeouts)
	if err != nil {
		return err
	}
	defer other.Close()
	if err := other.OpenQueue(ctx, queue, bmq.WithWrite()); err != nil {
		return err
	}

	fmt.Println("The host is healthy: the queue works.")
	if err := session.Post(ctx, queue, []byte("posted while healthy")); err != nil {
		return err
	}
	if _, err := await(ctx, messages); err != nil {
		return err
	}

	fmt.Println("The host becomes unhealthy: the queue is suspended.")
	monitor.SetUnhealthy()
	if err := awaitEvent[sessionevents.QueueSuspended](ctx, events); err != nil {
		return err
	}
	if err := session.Post(ctx, queue, []byte("never posted")); !errors.Is(err, bmq.ErrQueueSuspended) {
		return fmt.Errorf("a post to a suspended queue gave: %w", err)
	}
	fmt.Println("  a post is refused:", bmq.ErrQueueSuspended)
	if err := other.Post(ctx, queue, []byte("posted by another client meanwhile")); err != nil {
		return err
	}
	fmt.Println("  another client posts; the message stays with the broker")

	fmt.Println("The host is healthy again: the queue resumes.")
	monitor.SetHealthy()
	if err := awaitEvent[sessionevents.HostHealthRestored](ctx, events); err != nil {
		return err
	}
	if _, err := await(ctx, messages); err != nil {
		return err
	}
	return errors.Join(session.CloseQueue(ctx, queue), other.CloseQueue(ctx, queue))
}

// await returns the next of what comes.
func await[T any](ctx context.Context, from <-chan T) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var none T
	select {
	case v := <-from:
		return v, nil
	case <-ctx.Done():
		return none, fmt.Errorf("waited in vain: %w", ctx.Err())
	}
}

// awaitEvent waits for an event of the given type.
func awaitEvent[E sessionevents.SessionEvent](ctx context.Context, from <-chan sessionevents.SessionEvent) error {
	for {
		event, err := await(ctx, from)
		if err != nil {
			return err
		}
		if _, ok := event.(E); ok {
			return nil
		}
	}
}
