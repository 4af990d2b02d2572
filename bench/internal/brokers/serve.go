// Package brokers runs the brokers that clients are measured with, each in a process of
// its own.
package brokers

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/bmq-go/bmq/bench/internal/null"
	"github.com/bmq-go/bmq/bmqtest"
)

// Apps are the applications of the fanout domain.
var Apps = []string{"a", "b", "c", "d", "e"}

// Domains are what the embedded and the official broker have.
var Domains = []bmqtest.Domain{
	{Name: "bench.priority", Mode: bmqtest.Priority, MessageTTL: ttl},
	{Name: "bench.fanout", Mode: bmqtest.Fanout, AppIDs: Apps, MessageTTL: ttl},
	{Name: "bench.broadcast", Mode: bmqtest.Broadcast, MessageTTL: ttl},
}

const (
	ttl         = time.Hour
	stopTimeout = 5 * time.Second
)

// ServeEmbedded runs the embedded broker until in ends, and says on out where it is.
func ServeEmbedded(in io.Reader, out io.Writer) error {
	var opts []bmqtest.Option
	for _, d := range Domains {
		opts = append(opts, bmqtest.WithDomain(d))
	}
	b, err := bmqtest.New(opts...)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, b.URI())
	_, _ = io.Copy(io.Discard, in) // until whoever started it is gone
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return b.Stop(ctx)
}

// ServeNull runs the null broker, in the same way.
func ServeNull(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "tcp://"+l.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, in) // see above
		_ = l.Close()
	}()
	return null.Serve(l)
}
