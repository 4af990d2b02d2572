package main

import (
	"context"
	"fmt"

	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/messaging"
)

// reply is the body of a reply: a result, or what is wrong with the request.
type reply struct {
	Result uint64 `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// server computes Fibonacci numbers.
type server struct {
	consumer *messaging.Consumer
	replies  *messaging.Producer
}

func newServer(ctx context.Context, client *messaging.Client, queue string) (*server, error) {
	replies, err := client.NewProducer(ctx, messaging.ProducerConfig{})
	if err != nil {
		return nil, err
	}
	consumer, err := client.NewConsumer(ctx, messaging.ConsumerConfig{
		Queues: []messaging.Queue{{URI: queue}}, Concurrency: 2, Grace: embedded.EndTimeout,
	})
	return &server{consumer, replies}, err
}

func (s *server) run(ctx context.Context) error {
	return s.consumer.Run(ctx, messaging.Handle(s.handle))
}

func (s *server) handle(ctx context.Context, n int, d *messaging.Delivery) error {
	answer := reply{}
	if n < 0 || n > 90 {
		answer.Error = fmt.Sprintf("%d is out of range", n)
	} else {
		answer.Result = fibonacci(n)
	}
	_, err := s.replies.Reply(ctx, d, answer)
	return err
}

func fibonacci(n int) uint64 {
	a, b := uint64(0), uint64(1)
	for range n {
		a, b = b, a+b
	}
	return a
}

// call calls the server, the last time with something that it has no answer to.
func call(ctx context.Context, client *messaging.Client, s settings) error {
	for i := range s.calls + 1 {
		n := i * 10
		if i == s.calls {
			n = -1
		}
		answer, err := fib(ctx, client, s, n)
		switch {
		case err != nil:
			return err
		case answer.Error != "":
			fmt.Printf("fib(%d): error: %s\n", n, answer.Error)
		default:
			fmt.Printf("fib(%d) = %d\n", n, answer.Result)
		}
	}
	return nil
}

func fib(ctx context.Context, client *messaging.Client, s settings, n int) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	d, err := client.Call(ctx, s.queue, n)
	if err != nil {
		return reply{}, err
	}
	return messaging.Decode[reply](d)
}
