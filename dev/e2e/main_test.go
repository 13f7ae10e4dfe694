package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// enabled is the environment variable that enables these tests, because they occupy the machine's
// ports for minutes.
const enabled = "PHONEBILL_E2E"

// whole is the system under test. Parallel tests only use it. A test that injects faults or changes
// the behaviour of KOS is not parallel and restores the system; see disruptive.
var whole world

type world struct {
	checkout checkout.Checkout
	secrets  secrets.Set
	system   *system.System         // replaced by TestStop; nil for a remote system
	remote   *remote                // nil for a local system
	parts    parts                  // nil if they are not accessible
	docs     map[system.Role][]byte // the services' OpenAPI documents
	kos      *kos.Admin             // for use outside of tests
}

const (
	auth    system.Role = "auth-service"
	bills   system.Role = "bill-inquiry-service"
	plans   system.Role = "product-change-service"
	kosMock system.Role = "kos-mock-service"
)

var apps = []system.Role{auth, bills, plans, kosMock}

// portOf are the ports of the apps of a local system, as in dapr.yaml.
var portOf = map[system.Role]int{auth: 8081, bills: 8082, plans: 8083, kosMock: 8084}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if os.Getenv(enabled) == "" {
		fmt.Printf("skipped: these tests start the whole system; set %s=1, or use `make test`\n", enabled)
		return 0
	}
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	if whole.remote != nil {
		return max(code, whole.leave())
	}
	return max(code, finish())
}

// finish checks the system after all tests, and stops it.
func finish() (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	// No part may have ended unless a test killed it.
	if err := whole.system.WaitReady(ctx); err != nil {
		code = 1
		fmt.Fprintln(os.Stderr, "e2e: after all tests:", err)
	}
	// The logs now contain what all tests have produced.
	if found := append(leaks(), violations()...); len(found) > 0 {
		code = 1
		for _, leak := range found {
			fmt.Fprintln(os.Stderr, "e2e: after all tests:", leak)
		}
	}
	if err := whole.system.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: stop:", err)
		return 1
	}
	return code
}

const (
	startTimeout = 3 * time.Minute // with an empty data folder and without build cache
	stopTimeout  = time.Minute
	seededUsers  = 400
	// fuzzUsers are seeded in addition for TestFuzzClient.
	fuzzUsers = 600
)

// start starts an empty system, unless a remote one is used.
func start() (err error) {
	if whole.checkout, err = checkout.Find("."); err != nil {
		return err
	}
	whole.docs = map[system.Role][]byte{}
	for _, app := range apps {
		doc, err := os.ReadFile("../../apps/" + string(app) + "/api/openapi.yaml")
		if err != nil {
			return err
		}
		whole.docs[app] = doc
	}
	if whole.remote, err = remoteSystem(); err != nil {
		return err
	}
	whole.kos = kos.New(direct(kosMock, ""), nil)
	if whole.remote != nil {
		return whole.visit()
	}
	return startSystem(true)
}

// environ removes the services' rate limits and background calls, because tests count the calls
// that reach KOS, and the limit of repeated log records, because tests read them.
var environ = append(slices.Clone(kos.Unlimited), "LOG_BURST=0", "PREFETCH_ENABLED=false", "NIGHTLY_REFRESH_ENABLED=false")

// startSystem starts the system with its existing data or without, and seeds users.
func startSystem(fresh bool) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	whole.system, err = system.Start(ctx, system.Options{Dir: ".", Data: "e2e", Fresh: fresh, Env: environ, Out: os.Stdout})
	if err != nil {
		return err
	}
	whole.parts = processes{whole.system}
	err = errors.Join(
		whole.system.RunApp(ctx, auth, "seed-demo", "--users", fmt.Sprint(lastSeeded())),
		whole.kos.CalmDown(),
	)
	if err == nil {
		whole.secrets, err = secrets.Load(whole.checkout.Secrets())
	}
	if err != nil {
		return errors.Join(err, whole.system.Stop(ctx))
	}
	return nil
}
