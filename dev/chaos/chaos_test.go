package chaos

import (
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// enabled is the variable without which no system is started: it needs the
// machine's ports for minutes.
const enabled = "PHONEBILL_E2E"

// The defaults are a short run, for every day. Its seed is one that kills
// PostgreSQL, Redis, apps and a sidecar, but leaves KOS nearly alone: the breaker
// towards it would take most of the time.
var (
	seed    = flag.Uint64("seed", 5, "`number` from which all harm follows")
	changes = flag.Int("changes", 60, "how many `changes` customers ask for")
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
	if report.Wishes < *changes {
		t.Errorf("%d changes of %d were asked for", report.Wishes, *changes)
	}
}
