package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bmq-go/bmq"
)

func runEngines(_ context.Context, args []string, stdout, stderr io.Writer) error {
	const usage = "usage: bmq engines\n\nLists the engines that were compiled in, the one that is taken first, with version and linkage."
	if len(args) > 0 && !helpWanted(args[0]) {
		fmt.Fprintln(stderr, usage)
		return errUsage
	}
	if len(args) > 0 {
		_, err := fmt.Fprintln(stdout, usage)
		return err
	}
	var errs []error
	for _, e := range bmq.Engines() {
		_, err := fmt.Fprintf(stdout, "%-8s version %s, linkage %s\n", e.Kind, e.Version, e.Linkage)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
