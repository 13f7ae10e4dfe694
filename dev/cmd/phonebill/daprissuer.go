package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/phonebill/phonebill/dev/internal/issuer"
)

// daprIssuer prints a new issuer certificate as values of Dapr's chart.
func daprIssuer(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("dapr-issuer", flag.ContinueOnError)
	folder := flags.String("root", "", "the `folder` with root.crt and root.key, which are created if missing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *folder == "" {
		return errors.New("name the folder of the root: make dapr-issuer ROOT=folder")
	}
	expires, err := issuer.Write(os.Stdout, *folder, time.Now())
	if err != nil {
		return err
	}
	// The standard output is piped to helm.
	fmt.Fprintf(os.Stderr, "A new issuer, signed by the root in %s, valid until %s\n", *folder, expires.Format(time.DateOnly))
	return nil
}
