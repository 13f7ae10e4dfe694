package chaos

import (
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

// The defaults are short runs for regular test runs. The seed kills PostgreSQL, Redis, apps and a
// sidecar, but KOS hardly ever, because the breaker towards KOS would take most of the time.
var (
	seed    = flag.Uint64("seed", 5, "`number` of the random disruptions")
	changes = flag.Int("changes", 60, "`number` of changes that customers request")
	kills   = flag.Int("kills", 6, "how many `times` a part is killed")
	waits   = flag.Int("waiting", 20, "how many `changes` wait while KOS is out")
	outage  = flag.Duration("outage", 5*time.Second, "how `long` KOS is out")
	trouble = flag.String("trouble", "", "`name` of the drill, or all")
)

func TestChaos(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	t.Logf("replay: make chaos SEED=%d CHANGES=%d KILLS=%d", *seed, *changes, *kills)
	exercise(t, Kills(*seed, Size{*changes, *kills}))
}

func TestOutage(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	exercise(t, Outage(*waits, *outage))
}

func TestDrill(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	for _, drill := range chosen(t) {
		t.Run(drill.Name, func(t *testing.T) { exercise(t, drill) })
	}
}

// chosen returns the drills of the flag.
func chosen(t *testing.T) []Scenario {
	t.Helper()
	switch *trouble {
	case "":
		return []Scenario{ShortDrill()}
	case "all":
		return Drills()
	}
	drill, err := FindDrill(*trouble)
	if err != nil {
		t.Fatal(err)
	}
	return []Scenario{drill}
}

// exercise runs a scenario, saves its report and fails the test for each fault.
func exercise(t *testing.T, scenario Scenario) {
	t.Helper()
	if os.Getenv(enabled) == "" {
		t.Skipf("starts the whole system; set %s=1, or use `make chaos`, `make outage` or `make drill`", enabled)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := Run(ctx, scenario, os.Stdout)
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
	t.Logf("report: %s\n%s", path, report.Table())
	for _, fault := range report.Faults() {
		t.Error(fault)
	}
}
