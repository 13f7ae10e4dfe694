package drills_test

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/phonebill/phonebill/dev/chaos/drills"
	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// enabled is the environment variable that enables this test, because the system occupies the
// machine's ports for minutes.
const enabled = "PHONEBILL_E2E"

// The default is the short drill for regular test runs.
var trouble = flag.String("trouble", "", "`name` of the drill, or all")

func TestDrill(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	if os.Getenv(enabled) == "" {
		t.Skipf("starts the whole system; set %s=1, or use `make drill`", enabled)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, drill := range chosen(t) {
		t.Run(drill.Name, func(t *testing.T) { exercise(ctx, t, drill) })
	}
}

// chosen returns the drills of the flag.
func chosen(t *testing.T) []drills.Drill {
	t.Helper()
	switch *trouble {
	case "":
		return []drills.Drill{drills.Short()}
	case "all":
		return drills.All
	}
	drill, err := drills.Find(*trouble)
	if err != nil {
		t.Fatal(err)
	}
	return []drills.Drill{drill}
}

func exercise(ctx context.Context, t *testing.T, drill drills.Drill) {
	t.Helper()
	report, err := drills.Run(ctx, drill, os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	path, err := report.Save(root.Local("drills"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("report: %s\n%s\n%s", path, drills.TableHead, report.TableRow())
	for _, fault := range report.Faults() {
		t.Error(fault)
	}
}
