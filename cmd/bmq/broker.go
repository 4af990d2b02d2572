package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/control"
)

// stopTimeout is how long clients may take to read what they were sent when the
// broker stops.
const stopTimeout = 5 * time.Second

const banner = `bmq broker: an embedded broker for tests and development, not for production.
All messages are in memory and end with this process. Stop it with Ctrl-C.
`

func runBroker(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bmq broker", flag.ContinueOnError)
	var said bytes.Buffer
	flags.SetOutput(&said)
	listen := flags.String("listen", "127.0.0.1:30114", "`address` to listen on; port 0 takes a free one; with -config the default is its port")
	config := flags.String("config", "", "configuration `directory` of an official broker; without it the built-in domains exist")
	controlAddress := flags.String("http", "", "`address` on loopback, as 127.0.0.1:8080, for a web page and for control over HTTP; default none")
	verbose := flags.Bool("v", false, "log what clients do")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) { // it was asked for
			_, err = stdout.Write(said.Bytes())
			return err
		}
		_, _ = stderr.Write(said.Bytes())
		return errUsage
	}
	flags.SetOutput(stderr)
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
	address := *listen
	var settings broker.Config
	if *config != "" {
		d, err := broker.ReadDirectory(*config)
		if err != nil {
			return err
		}
		for _, w := range d.Warnings {
			logger.Warn(w)
		}
		settings = d.Config
		if d.Port != 0 && !given(flags, "listen") {
			address = net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Port))
		}
	}
	settings.Logger = logger
	b, err := broker.New(settings)
	if err != nil {
		return err
	}
	return serve(ctx, b, address, *controlAddress, stdout)
}

// serve runs a broker, and what controls it, until ctx ends.
func serve(ctx context.Context, b *broker.Broker, address, controlAddress string, stdout io.Writer) (err error) {
	if err := b.Listen(address); err != nil {
		return fmt.Errorf("%w; -listen takes host:port, port 0 is a free one", err)
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if stopped := b.Stop(stopCtx); !errors.Is(stopped, context.DeadlineExceeded) {
			err = errors.Join(err, stopped)
		}
	}()
	page := ""
	if controlAddress != "" {
		c, err := control.Start(b, controlAddress)
		if err != nil {
			return fmt.Errorf("%w; -http takes host:port, port 0 is a free one", err)
		}
		defer func() {
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			err = errors.Join(err, c.Stop(stopCtx))
		}()
		page = fmt.Sprintf("It is shown and controlled at %s\n", c.URL())
	}
	if !onLoopback(address) {
		page += fmt.Sprintf("It listens on %s: everybody who can reach this machine can use it.\n", address)
	}
	if _, err := fmt.Fprint(stdout, b.URI(), "\n", banner, page); err != nil {
		return fmt.Errorf("nobody would know where the broker is: %w", err)
	}
	<-ctx.Done()
	return nil
}

// given tells whether a flag is on the command line.
func given(flags *flag.FlagSet, name string) (found bool) {
	flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
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
