package main

import (
	"context"
	"fmt"
	"io"

	"github.com/bmq-go/bmq"
)

func runEngines(_ context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "usage: bmq engines\n\nLists the engines that were compiled in, the one that is taken first, with version and linkage.")
		if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
			return nil
		}
		return errUsage
	}
	for _, e := range bmq.Engines() {
		fmt.Fprintf(stdout, "%-8s version %s, linkage %s\n", e.Kind, e.Version, e.Linkage)
	}
	return nil
}
