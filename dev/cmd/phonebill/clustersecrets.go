package main

import (
	"context"
	"flag"
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
	return secrets.WriteCluster(os.Stdout, root, *namespace, apps)
}
