// Command bench compares the Go client with the official SDKs: the same work, the same
// broker, one run. See docs/benchmarks.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bench/internal/brokers"
	"github.com/bmq-go/bmq/bench/internal/floor"
	"github.com/bmq-go/bmq/bench/internal/gosdk"
	"github.com/bmq-go/bmq/bench/internal/job"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// command does what the arguments ask for. The program runs itself as the clients and
// brokers that it measures.
func command(args []string) error {
	if len(args) == 1 {
		switch args[0] {
		case "client-go":
			return job.Serve(os.Stdin, os.Stdout, profiled(gosdk.Do))
		case "client-floor":
			return job.Serve(os.Stdin, os.Stdout, profiled(floor.Do))
		case "native-version":
			fmt.Println(bmq.Engines()[0].Version)
			return nil
		case "embedded-broker":
			return brokers.ServeEmbedded(os.Stdin, os.Stdout)
		case "null-broker":
			return brokers.ServeNull(os.Stdin, os.Stdout)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return compare(ctx, args)
}

// profiled writes a CPU profile where a job asks for one.
func profiled(do func(*job.Job) (*job.Result, error)) func(*job.Job) (*job.Result, error) {
	return func(j *job.Job) (*job.Result, error) {
		if j.Profile == "" {
			return do(j)
		}
		f, err := os.Create(j.Profile)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
		return do(j)
	}
}
