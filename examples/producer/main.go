// Command producer posts ten messages and shows which ack belongs to which.
//
//	go run ./examples/producer                                 on a broker inside the program
//	go run ./examples/producer -broker tcp://localhost:30114   on a real one
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/sessionevents"
)

const (
	messages   = 10
	ackTimeout = 30 * time.Second
)

func main() {
	uri := flag.String("broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	queue := flag.String("queue", "bmq://bmq.test.mmap.priority/go-examples", "`URI` of the queue")
	embedded.ParseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, *uri, *queue); err != nil {
		embedded.Fail("producer", err)
	}
}

func run(ctx context.Context, uri, queue string) error {
	broker, err := embedded.Use(uri)
	if err != nil {
		return err
	}
	defer broker.Stop()

	session, err := bmq.NewSession(ctx, sessionevents.LogSessionEvent,
		bmq.WithBroker(broker.URI),
		bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 5 * time.Second, DisconnectTimeout: 5 * time.Second}))
	if err != nil {
		return err
	}
	defer session.Close()
	fmt.Println("Connected to BlazingMQ broker", broker)

	if err := session.OpenQueue(ctx, queue, bmq.WithWrite()); err != nil {
		return err
	}
	var (
		outstanding sync.WaitGroup
		refused     int // written by the session's goroutine, read when all acks are there
	)
	for id := range messages {
		fmt.Println("Posting message number", id)
		outstanding.Add(1)
		onAck := func(ack *bmq.Ack) {
			defer outstanding.Done()
			if err := ack.Status.Err(); err != nil {
				refused++
				fmt.Printf("Received NAck for message number %d: %v\n", id, ack)
				return
			}
			fmt.Printf("Received Ack for message number %d: %v\n", id, ack)
		}
		if err := session.Post(ctx, queue, []byte("\xde\xad\x00\x00\xbe\xef"), bmq.WithOnAck(onAck)); err != nil {
			return err
		}
	}

	all := make(chan struct{})
	go func() {
		outstanding.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-time.After(ackTimeout):
		return fmt.Errorf("not all acks came within %v", ackTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
	if refused > 0 {
		return fmt.Errorf("the broker refused %d of %d messages", refused, messages)
	}
	return session.CloseQueue(ctx, queue)
}
