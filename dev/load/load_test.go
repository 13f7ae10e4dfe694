package load

import (
	"encoding/json"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// enabled is the environment variable that enables these tests, because the system occupies the
// machine's ports for minutes.
const enabled = "PHONEBILL_E2E"

// The defaults are short runs for regular test runs, which check behaviour and not speed.
var (
	scenario = flag.String("scenario", "", "`name` of the scenario")
	users    = flag.Int("users", 0, "`number` of users")
	think    = flag.Duration("think", 10*time.Second, "`time` between two requests of a user")
	lasts    = flag.Duration("for", time.Minute, "`duration` of the load")
)

// chosen returns the scenario of the flags.
func chosen() (Scenario, bool) {
	number := func(otherwise int) int {
		if *users > 0 {
			return *users
		}
		return otherwise
	}
	switch *scenario {
	case "crowd":
		return Crowd(number(10_000), *think, *lasts), true
	case "launch":
		return Launch(number(1_000), time.Minute, false), true
	case "launch-preloaded":
		return Launch(number(1_000), time.Minute, true), true
	case "portal":
		return Portal(number(200), *think, *lasts), true
	case "soak":
		return Soak(number(10_000), *think, *lasts, 2*time.Minute), true
	case "stale":
		return Stale(number(600), 5), true
	case "paths":
		return Paths(number(64), 5, 5*time.Second), true
	case "costs":
		return Costs(number(3_000), *think, *lasts), true
	}
	return Scenario{}, false
}

func TestLoad(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	if os.Getenv(enabled) == "" {
		t.Skipf("starts the whole system; set %s=1, or use `make load`", enabled)
	}
	if *scenario != "" {
		s, found := chosen()
		if !found {
			t.Fatalf("there is no scenario %q", *scenario)
		}
		exercise(t, s)
		return
	}
	for _, s := range []Scenario{Launch(40, 5*time.Second, false), Crowd(100, time.Second, 5*time.Second)} {
		t.Run(s.Name, func(t *testing.T) { exercise(t, s) })
	}
}

// exercise runs a scenario, saves its report and fails the test for each fault.
func exercise(t *testing.T, s Scenario) {
	t.Helper()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := Run(ctx, s, os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	path, err := report.Save(root.Local("reports"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("report: %s\n%s", path, report)
	if s.Name == "costs" {
		saveCosts(t, report, root.Local("reports", "costs.json"))
	}
	for _, fault := range report.Faults(s.Bounds) {
		t.Error(fault)
	}
}

// saveCosts writes the input of the capacity model.
func saveCosts(t *testing.T, r Report, file string) {
	t.Helper()
	encoded, err := json.MarshalIndent(Measure(r), "", "\t")
	if err == nil {
		err = os.WriteFile(file, append(encoded, '\n'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("copy %s to dev/load, then run make docs", file)
}
