package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/bmq-go/bmq/bmqtest"
)

// stopTimeout is how long clients may take to read what they were sent when the
// broker stops.
const stopTimeout = 5 * time.Second

const banner = `bmq broker: an embedded broker for tests and development, not for production.
All messages are in memory and end with this process. Stop it with Ctrl-C.
`

func runBroker(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bmq broker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:30114", "`address` to listen on; port 0 takes a free one")
	verbose := flags.Bool("v", false, "log what clients do")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "bmq broker: unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return errUsage
	}
	level := slog.LevelWarn
	if *verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	opts := []bmqtest.Option{bmqtest.WithListenAddress(*listen), bmqtest.WithLogger(logger)}
	b, err := bmqtest.New(opts...)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, b.URI())
	fmt.Fprint(stdout, banner)
	if !onLoopback(*listen) {
		fmt.Fprintf(stdout, "It listens on %s: everybody who can reach this machine can use it.\n", *listen)
	}
	<-ctx.Done()
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := b.Stop(stopCtx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// onLoopback tells whether only this machine can reach an address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
