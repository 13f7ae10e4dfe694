package chaos

import (
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// enabled is the environment variable that enables this test, because the system occupies the
// machine's ports for minutes.
const enabled = "PHONEBILL_E2E"

// The defaults are a short run for regular test runs. Its seed kills PostgreSQL, Redis, apps and a
// sidecar, but KOS hardly ever, because the breaker towards KOS would take most of the time.
var (
	seed    = flag.Uint64("seed", 5, "`number` of the random disruptions")
	changes = flag.Int("changes", 60, "`number` of changes that customers request")
	kills   = flag.Int("kills", 6, "how many `times` a part is killed")
)

func TestChaos(t *testing.T) {
	t.Parallel()
	if os.Getenv(enabled) == "" {
		t.Skipf("starts the whole system; set %s=1, or use `make chaos`", enabled)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t.Logf("replay: make chaos SEED=%d CHANGES=%d KILLS=%d", *seed, *changes, *kills)
	report, err := Run(ctx, NewPlan(*seed, Size{*changes, *kills}), os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s\n%s\n%s", report, TableHead, report.TableRow(*seed))
	for _, fault := range report.Faults() {
		t.Error(fault)
	}
	if report.Kills < *kills {
		t.Errorf("%d kills of %d", report.Kills, *kills)
	}
	if report.Requests < *changes {
		t.Errorf("%d changes of %d were requested", report.Requests, *changes)
	}
}
