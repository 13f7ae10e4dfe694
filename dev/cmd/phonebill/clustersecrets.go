package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/phonebill/phonebill/dev/internal/secrets"
)

// clusterSecrets prints the Kubernetes Secrets of a namespace.
func clusterSecrets(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("cluster-secrets", flag.ContinueOnError)
	namespace := flags.String("namespace", "phonebill", "the `namespace` that the apps run in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, apps, err := appsOf(".")
	if err != nil {
		return err
	}
	written, err := secrets.WriteCluster(os.Stdout, root, *namespace, apps)
	if err != nil {
		return err
	}
	// The standard output is piped to kubectl.
	fmt.Fprintf(os.Stderr, "%d Secrets of namespace %s, %d of them new, from %s\n", written.Secrets, *namespace, written.New, root.Relative(written.File))
	return nil
}
