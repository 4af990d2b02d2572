// Package embedded gives the examples a broker to run on when they are not told one.
package embedded

import (
	"cmp"
	"flag"
	"fmt"
	"os"

	"github.com/bmq-go/bmq/bmqtest"
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
