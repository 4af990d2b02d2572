package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmq-go/bmq/bench/internal/brokers"
	"github.com/bmq-go/bmq/bench/internal/client"
	"github.com/bmq-go/bmq/bench/internal/plan"
	"github.com/bmq-go/bmq/bench/internal/report"
	"github.com/bmq-go/bmq/bench/internal/result"
	"github.com/bmq-go/bmq/bench/internal/run"
)

// options are the flags of a comparison.
type options struct {
	pattern, clients, against, profiles string
	rounds                              int
	time                                time.Duration
	brokers                             string
	quick, list, save                   bool
}

func parse(args []string, output io.Writer) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(output)
	f.StringVar(&o.pattern, "run", "", "measure the scenarios whose names match this `pattern` (default: all)")
	f.StringVar(&o.clients, "clients", "", "compare only these `clients`, separated by commas")
	f.StringVar(&o.brokers, "brokers", "", "measure with only these `brokers`, separated by commas: official, embedded")
	f.IntVar(&o.rounds, "rounds", 5, "how often each measurement is made")
	f.DurationVar(&o.time, "time", time.Second, "about how long one measurement takes")
	f.BoolVar(&o.quick, "quick", false, "a choice of scenarios that takes two minutes")
	f.BoolVar(&o.list, "list", false, "list the scenarios")
	f.BoolVar(&o.save, "save", false, "put the results into the repository's documentation, in place of those of the same scenarios")
	f.StringVar(&o.against, "against", filepath.Join("..", "docs", "benchmarks", "results.csv"), "earlier results to compare with")
	f.StringVar(&o.profiles, "profiles", "", "write CPU profiles of the Go clients into this `folder`")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q; -help shows what there is", f.Arg(0))
	}
	if o.quick && o.time == time.Second {
		o.time = quickTime
	}
	return o, nil
}

// quickTime is how long a measurement of the short run takes.
const quickTime = 300 * time.Millisecond

// compare measures and shows the results.
func compare(ctx context.Context, args []string) error {
	o, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	scenarios, err := plan.Select(plan.All(), o.pattern, o.quick)
	if err != nil {
		return err
	}
	if o.list {
		for i := range scenarios {
			fmt.Println(scenarios[i].Name)
		}
		return nil
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o750); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp("", "bmq-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	finder := client.Finder{Dir: ".", Temp: temp}
	clients, err := finder.Find(ctx)
	if err != nil {
		return err
	}
	about := report.About(clients, finder.Missing)
	taking, err := chosen(clients, o.clients)
	if err != nil {
		return err
	}
	names, err := o.chooseBrokers(brokers.Available())
	if err != nil {
		return err
	}
	for _, name := range names {
		samples, err := measure(ctx, o, scenarios, &run.Runner{
			Clients: taking, Producer: clients[0], Rounds: o.rounds, Time: o.time, Profiles: o.profiles, Log: os.Stderr,
		}, name)
		if err != nil {
			return err
		}
		if err := show(o, samples, name, about); err != nil {
			return err
		}
	}
	return nil
}

// chooseBrokers returns the brokers to measure with; for the short run it is one.
func (o *options) chooseBrokers(available []string) ([]string, error) {
	list := slices.DeleteFunc(slices.Clone(available), func(name string) bool { return !listed(o.brokers, name) })
	if err := known("brokers", o.brokers, list); err != nil {
		return nil, err
	}
	if o.quick && len(list) > 1 {
		list = list[:1]
	}
	return list, nil
}

// chosen returns the clients whose names are in a list. Each of them has to be there.
func chosen(clients []*client.Client, names string) (list []*client.Client, err error) {
	for _, c := range clients {
		if listed(names, c.Name) {
			list = append(list, c)
		}
	}
	var here []string
	for _, c := range list {
		here = append(here, c.Name)
	}
	return list, known("clients", names, here)
}

// known answers with an error where a flag names what is not here.
func known(flag, names string, here []string) error {
	if names == "" {
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		if !slices.Contains(here, name) {
			return fmt.Errorf("-%s: there is no %q here; a run without the flag says what is missing", flag, name)
		}
	}
	return nil
}

// listed tells whether a name is in a list; every one is if that is empty.
func listed(names, name string) bool {
	return names == "" || strings.Contains(","+names+",", ","+name+",")
}

// measure runs the scenarios with one broker.
func measure(ctx context.Context, o *options, scenarios []plan.Scenario, r *run.Runner, broker string) (result.Set, error) {
	b, err := brokers.Start(broker)
	if err != nil {
		return nil, err
	}
	none, err := brokers.StartNull()
	if err != nil {
		return nil, err
	}
	r.Broker, r.Null = b, none
	err = r.Run(ctx, scenarios)
	for _, b := range []*brokers.Broker{b, none} {
		if stopErr := b.Stop(); stopErr != nil && err == nil {
			err = fmt.Errorf("the %s broker: %w", b.Name, stopErr)
		}
	}
	return r.Samples, err
}

// show prints results and puts them where they are kept.
func show(o *options, samples result.Set, broker string, about []string) error {
	fmt.Printf("\n%s broker\n\n", broker)
	for _, line := range about {
		fmt.Println(line)
	}
	fmt.Println()
	report.Text(os.Stdout, samples)
	fmt.Println()
	report.WriteMarks(os.Stdout, samples, false)
	path := o.against
	if broker != brokers.Embedded {
		path = strings.TrimSuffix(path, ".csv") + "-" + broker + ".csv"
	}
	older, err := load(path)
	if err != nil {
		return err
	}
	if len(older) > 0 {
		fmt.Printf("\nagainst %s\n", path)
		report.Changes(os.Stdout, result.Compare(older, samples))
	}
	if !o.save {
		return nil
	}
	var names []string
	for _, s := range plan.All() {
		names = append(names, s.Name)
	}
	return report.Save(path, result.Merge(older, samples, names), broker, about)
}

// load reads earlier results. There may be none.
func load(path string) (result.Set, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return result.ReadCSV(f)
}
