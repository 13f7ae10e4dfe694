package upgrade

import (
	"cmp"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// enabled is the environment variable that enables the drill, because the system occupies the
// machine's ports for minutes.
const enabled = "PHONEBILL_E2E"

var (
	from  = flag.String("from", "", "`commit` of the older release; default: "+DefaultFrom)
	lines = flag.Int("lines", 40, "how many lines wait at first with a change, and how many with an inquiry")
)

func TestUpgrade(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	if os.Getenv(enabled) == "" {
		t.Skipf("starts the whole system; set %s=1, or use `make upgrade`", enabled)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reports, err := Run(ctx, cmp.Or(*from, DefaultFrom), *lines, os.Stdout)
	for _, report := range reports {
		t.Logf("\n%s\n%s", TableHead, report.TableRow())
		for _, fault := range report.Faults {
			t.Errorf("%s: %s", report.Name, fault)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
