package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/system"
)

// TestStop stops the system while customers wait for KOS, and restarts it.
func TestStop(t *testing.T) {
	locally(t)
	disruptive(t)
	customers := make([]customer, 8)
	for i := range customers {
		customers[i] = resident(t)
	}
	running := allProcesses(t)
	for _, leak := range append(leaks(), violations()...) { // the next start writes to other files
		t.Error(leak)
	}

	const latency = 1500 // milliseconds
	setBillBehavior(t, kos.Behavior{Latency: kos.Latency{Min: latency, Max: latency}})
	answers := make([]api.Answer[api.Inquiry], len(customers))
	var group sync.WaitGroup
	for i, c := range customers {
		group.Go(func() { answers[i] = c.Inquire(c.Line, "") })
	}
	await(t, seenWithin, "inquiries that wait for KOS", func() error { return allAsked(t, customers) })
	ctx, cancel := context.WithTimeout(t.Context(), stopTimeout)
	defer cancel()
	begun := time.Now()
	if err := whole.system.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped within %s", time.Since(begun).Round(time.Millisecond))
	group.Wait()
	for i, answer := range answers {
		plausible(t, answer.OK(t), customers[i].Line, api.Month(0))
	}
	nothingIsLeft(t, running)

	begun = time.Now()
	if err := startSystem(false); err != nil {
		t.Fatal(err)
	}
	t.Logf("started within %s", time.Since(begun).Round(time.Millisecond))
	ids := make([]string, len(answers))
	for i, answer := range answers {
		ids[i] = answer.Data.RequestID
	}
	recorded(t, customers, ids)
	liveSessions(t, customers)
}

// allAsked returns an error until KOS processes an inquiry of every customer.
func allAsked(t *testing.T, customers []customer) error {
	t.Helper()
	for _, c := range customers {
		if calls := count(t, kos.Query{Endpoint: kos.BillInquiry, Line: c.Line}); calls.Unanswered != 1 {
			return errAwaited(fmt.Sprintf("KOS has %+v for one customer", calls))
		}
	}
	return nil
}

// allProcesses returns every process of the system.
func allProcesses(t *testing.T) []proc.Process {
	t.Helper()
	var all []proc.Process
	for _, role := range whole.system.Roles() {
		first, err := proc.Get(pid(t, role))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, first.Family()...)
	}
	return all
}

// nothingIsLeft checks that the processes are gone and the ports are free.
func nothingIsLeft(t *testing.T, running []proc.Process) {
	t.Helper()
	for _, process := range running {
		if process.Alive() {
			t.Errorf("%s is still running", process)
		}
	}
	ports := []runfile.Port{{Number: system.IngressPort}, {Number: system.PostgresPort}, {Number: system.RedisPort}, {Number: system.CachePort}, {Number: system.RabbitMQPort}}
	for _, app := range whole.system.Apps {
		ports = append(ports, app.Ports()...)
	}
	for _, port := range ports {
		if !proc.PortFree(port.Number) {
			t.Errorf("port %d is still taken by %s", port.Number, proc.PortHolder(port.Number))
		}
	}
}

func TestSecondSystemIsRefused(t *testing.T) {
	locally(t)
	t.Parallel()
	_, err := system.Start(t.Context(), system.Options{Dir: ".", Data: "e2e-second"})
	if running := (*system.RunningError)(nil); !errors.As(err, &running) {
		t.Fatalf("a second system: %v", err)
	}
}
