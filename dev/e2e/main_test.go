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

// enabled is the variable without which no test here runs: they need the
// machine's ports for minutes.
const enabled = "PHONEBILL_E2E"

// whole is the system under test. Tests that run in parallel only use it. A
// test that harms it, or changes how KOS behaves, does not run in parallel and
// leaves it as it was; see harm.
var whole world

type world struct {
	checkout checkout.Checkout
	secrets  secrets.Set
	system   *system.System         // another one after TestStop; nil where it runs elsewhere
	remote   *remote                // one that runs elsewhere, or nil
	parts    parts                  // of either; nil where they are not within reach
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

// portOf is where an app of a system of our own answers, as dapr.yaml has it.
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

// finish looks at what the tests have left behind, and stops the system.
func finish() (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	// A part that nobody has killed must not have ended.
	if err := whole.system.WaitReady(ctx); err != nil {
		code = 1
		fmt.Fprintln(os.Stderr, "e2e: after all tests:", err)
	}
	// Only now it is known what all tests together have brought into the logs.
	if found := leaks(); len(found) > 0 {
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
	startTimeout = 3 * time.Minute // with an empty data folder and nothing built
	stopTimeout  = time.Minute
	seededUsers  = 400
	// fuzzUsers are seeded besides, where TestFuzzClient runs.
	fuzzUsers = 600
)

// start starts the system with nothing in it, unless it runs elsewhere.
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

// environ has our services ask KOS as often as they like, but only what a test
// asks for: tests count what reaches KOS.
var environ = append(slices.Clone(kos.Unlimited), "PREFETCH_ENABLED=false", "NIGHTLY_REFRESH_ENABLED=false")

// startSystem starts the system with the data that it has, or with none, and
// gives it users.
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
