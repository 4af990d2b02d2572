// Command quickstart posts messages to a queue, consumes and confirms them, and tells
// how many there were and how long they took.
//
//	go run ./examples/quickstart                                 on a broker inside the program
//	go run ./examples/quickstart -broker tcp://localhost:30114   on a real one
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/sessionevents"
)

const (
	connectTimeout = 5 * time.Second  // for the broker to answer at the start
	queueTimeout   = 10 * time.Second // for the broker to open, configure and close the queue
	settleTimeout  = 5 * time.Second  // for what is on its way after Ctrl-C
	stallTimeout   = 30 * time.Second // without a sign of the broker before giving up
)

// errStalled ends a run in which nothing happens any more.
var errStalled = fmt.Errorf("nothing came from the broker for %v", stallTimeout)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	broker, queue string
	n, size       int
}

// command returns the exit code: 0 if no message was lost or refused, 1 for
// failures, 2 for a wrong command line.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.broker, "broker", "", "`URI` of a broker, tcp://host:port; without it one runs inside this program")
	flags.StringVar(&o.queue, "queue", fmt.Sprintf("bmq://bmq.test.mem.priority/quickstart-%x", time.Now().UnixNano()), "`URI` of the queue")
	flags.IntVar(&o.n, "n", 10000, "`number` of messages")
	flags.IntVar(&o.size, "size", 1024, "`bytes` of each message")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0 || o.n < 1 || o.size < headerSize:
		fmt.Fprintf(stderr, "quickstart: -n must be at least 1, -size at least %d, and there are no other arguments\n", headerSize)
		return 2
	}
	t := newTally(o)
	err := run(ctx, o, t, stdout, stderr)
	if t.posted > 0 {
		t.summary(stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "quickstart: %v\n%s", err, embedded.Hint(err))
		return 1
	case t.missing()+t.nacked > 0:
		fmt.Fprintf(stderr, "quickstart: %d messages are missing, %d were refused\n", t.missing(), t.nacked)
		return 1
	case ctx.Err() != nil:
		fmt.Fprintln(stdout, "Interrupted; nothing that was posted is missing.")
	default:
		fmt.Fprintln(stdout, "Every message arrived.")
	}
	return 0
}

// run posts o.n messages and returns when all have come back and all acks are there.
func run(parent context.Context, o options, t *tally, stdout, stderr io.Writer) error {
	broker, err := embedded.Use(o.broker)
	if err != nil {
		return err
	}
	defer broker.Stop()
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	session, err := bmq.NewSession(parent, sessionevents.Logger(log),
		bmq.WithBroker(broker.URI),
		bmq.WithOnMessage(t.onMessage),
		bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: connectTimeout, DisconnectTimeout: settleTimeout}),
		bmq.WithTimeout(queueTimeout),
		bmq.WithLogger(log))
	if err != nil {
		return err
	}
	defer session.Close()
	fmt.Fprintln(stdout, "broker     ", broker)
	if err := session.OpenQueue(parent, o.queue, bmq.WithRead(), bmq.WithWrite()); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "queue      ", o.queue)
	fmt.Fprintf(stdout, "messages    %d of %d bytes\n", o.n, o.size)

	ctx, cancel := context.WithCancelCause(parent)
	defer t.watch(stderr, cancel)()
	for range o.n {
		// A place is free again when the message has come back: no more messages wait in
		// the queue than a broker with small quotas takes.
		select {
		case t.inFlight <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		if err := session.Post(ctx, o.queue, t.next(), bmq.WithOnAck(t.onAck)); err != nil {
			t.takeBack()
			if ctx.Err() == nil {
				return err
			}
		}
	}
	select {
	case <-t.complete():
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errStalled) {
			return errStalled
		}
		select { // interrupted: what is on its way may still arrive
		case <-t.done:
		case <-time.After(settleTimeout / 10):
			fmt.Fprintln(stderr, "quickstart: waiting for what is on its way; Ctrl-C ends it at once")
			select {
			case <-t.done:
			case <-time.After(settleTimeout):
				return fmt.Errorf("what was on its way did not arrive within %v", settleTimeout)
			}
		}
	}
	// No more messages from here on; what was handed out has been confirmed.
	closing := context.WithoutCancel(parent)
	if err := session.ConfigureQueue(closing, o.queue, bmq.Paused()); err != nil {
		return err
	}
	return session.CloseQueue(closing, o.queue)
}
