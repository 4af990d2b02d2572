// Package embedded gives the examples a broker to run on when they are not told one.
package embedded

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
)

// ParseFlags is flag.Parse for programs without further arguments. One that is given all
// the same is a mistake: the program would run, on another broker than was meant maybe.
func ParseFlags() {
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(flag.CommandLine.Output(), "unexpected argument %q; a broker is given by -broker\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
}

// Fail ends a program with what went wrong.
func Fail(program string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n%s", program, err, Hint(err))
	os.Exit(1)
}

// Hint says what to do about an error, if it is that there is no broker.
func Hint(err error) string {
	e := (*bmq.Error)(nil)
	if !errors.As(err, &e) || e.Op != "start" || errors.Is(err, context.Canceled) || errors.Is(err, bmq.ErrInvalidArgument) {
		return ""
	}
	return "Is there a broker? \"go run ./cmd/bmq broker\" starts one. Without -broker and BMQ_BROKER_URI the program has its own.\n"
}

// EndTimeout is how long ending in good order may take.
const EndTimeout = 5 * time.Second

// End ends something in good order, though ctx may be over.
func End(ctx context.Context, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), EndTimeout)
	defer cancel()
	return end(ctx)
}

// Tell prints those events of a session that explain why a program waits.
func Tell(e sessionevents.SessionEvent) {
	switch e.(type) {
	case sessionevents.ConnectionLost:
		fmt.Fprintln(os.Stderr, "The connection to the broker is lost; waiting for it")
	case sessionevents.StateRestored:
		fmt.Fprintln(os.Stderr, "The connection to the broker is back")
	}
}

// Broker is a broker for an example to use.
type Broker struct {
	URI    string // tcp://host:port
	Inside bool   // it runs inside this program
	stop   func()
}

// Use returns the broker with the given URI or, without one, a broker that it starts
// inside this program. The environment variable BMQ_BROKER_URI wins over uri, as it
// does for sessions.
func Use(uri string) (*Broker, error) {
	if uri = cmp.Or(os.Getenv("BMQ_BROKER_URI"), uri); uri != "" {
		return &Broker{URI: uri, stop: func() {}}, nil
	}
	b, err := bmqtest.New()
	if err != nil {
		return nil, err
	}
	return &Broker{URI: b.URI(), Inside: true, stop: b.Kill}, nil
}

// Stop ends the broker if it runs inside this program.
func (b *Broker) Stop() { b.stop() }

// String says where the broker is.
func (b *Broker) String() string {
	if b.Inside {
		return b.URI + " (inside this program)"
	}
	return b.URI
}
