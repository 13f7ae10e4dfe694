package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// The defaults are a short run for regular test runs. The breaker towards KOS takes a minute of it.
var (
	waiting = flag.Int("waiting", 20, "how many `changes` wait while KOS is out")
	outage  = flag.Duration("outage", 5*time.Second, "how `long` KOS is out")
)

func TestOutage(t *testing.T) { //nolint:paralleltest // a machine runs one system at a time
	if os.Getenv(enabled) == "" {
		t.Skipf("starts the whole system; set %s=1, or use `make outage`", enabled)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := RunOutage(ctx, Outage{*waiting, *outage}, os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s\n%s", OutageHead, report.TableRow())
	for _, fault := range report.Faults() {
		t.Error(fault)
	}
	if report.Looks == 0 {
		t.Error("no reads")
	}
}

func TestDisorder(t *testing.T) {
	t.Parallel()
	var accepted []string
	var inOrder []kos.Order
	for i := range 10 {
		id := fmt.Sprint(i)
		accepted = append(accepted, id)
		inOrder = append(inOrder, kos.Order{RequestID: id, CreatedAt: time.Unix(int64(i), 0)})
	}
	if behind, out := disorder(accepted, inOrder); behind != 0 || out != 0 {
		t.Errorf("in order: %d behind, %d out of order", behind, out)
	}
	inOrder[0].CreatedAt = time.Unix(99, 0)
	if behind, out := disorder(accepted, inOrder); behind != 9 || out != 1 {
		t.Errorf("the first is carried out last: %d behind, %d out of order", behind, out)
	}
}

func TestBusiest(t *testing.T) {
	t.Parallel()
	var orders []kos.Order
	for i := range 100 {
		orders = append(orders, kos.Order{CreatedAt: time.Unix(int64(i*2), 0)})
	}
	if got := busiest(orders); got != 30 {
		t.Errorf("the busiest minute has %d of one in two seconds", got)
	}
	if got := busiest(nil); got != 0 {
		t.Errorf("a minute without orders has %d", got)
	}
}
