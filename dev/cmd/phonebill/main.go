// Command phonebill runs and checks PhoneBill in its checkout. It is called by the Makefile; `make
// help` describes the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/checks"
	"github.com/phonebill/phonebill/dev/system"
)

// commands are called with their arguments in a folder of the checkout.
var commands = map[string]func(ctx context.Context, args []string) error{
	"run":             run,
	"stop":            func(ctx context.Context, _ []string) error { return system.StopRunning(ctx, ".", os.Stdout) },
	"status":          func(ctx context.Context, _ []string) error { return system.Status(ctx, ".", os.Stdout) },
	"observe":         observing,
	"seed":            seed,
	"dead-letters":    deadLetters,
	"log-level":       logLevel,
	"trouble":         trouble,
	"clean":           func(ctx context.Context, _ []string) error { return system.Clean(ctx, ".", os.Stdout) },
	"images":          buildImages,
	"cluster-secrets": clusterSecrets,
	"dapr-issuer":     daprIssuer,
	"build":           checks.Build,
	"test":            checks.Test,
	"test-cluster":    checks.Cluster,
	"chaos":           checks.Whole("chaos", "TestChaos"),
	"outage":          checks.Whole("chaos", "TestOutage"),
	"drill":           checks.Whole("chaos", "TestDrill"),
	"load":            checks.Whole("load", "TestLoad"),
	"alerts":          checks.Whole("e2e/observe", "TestAlerts"),
	"upgrade":         checks.Whole("upgrade", "TestUpgrade"),
	"bench":           checks.Bench,
	"storm":           checks.WholeBench("e2e", "BenchmarkLoginStorm"),
	"fuzz":            checks.Fuzz,
	"fuzz-client":     checks.Whole("e2e", "TestFuzzClient"),
	"lint":            checks.Lint,
	"fmt":             checks.Format,
	"tidy":            checks.Tidy,
}

func main() {
	os.Exit(exitCode())
}

func exitCode() int {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: phonebill "+strings.Join(slices.Sorted(maps.Keys(commands)), "|"))
		return 2
	}
	// Ignore SIGPIPE: a closed reader, as in `make run | head`, must not kill this process, because
	// it could not stop what it has started.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	err := commands[os.Args[1]](ctx, os.Args[2:])
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "interrupted")
		return 130
	}
	fmt.Fprintln(os.Stderr, "phonebill:", err)
	return 1
}
