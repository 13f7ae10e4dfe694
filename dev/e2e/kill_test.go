package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/system"
)

// outage is the time during which a part was unavailable.
type outage struct{ from, until time.Time }

// TestKilled kills every part repeatedly while customers inquire and log in.
func TestKilled(t *testing.T) {
	locally(t)
	roles := []system.Role{auth, system.Sidecar(auth), bills, system.Sidecar(bills), kosMock, system.Sidecar(kosMock)}
	for _, server := range []system.Role{system.Redis, system.RedisCache, system.RabbitMQ} {
		if has(server) {
			roles = append(roles, server)
		}
	}
	if has(system.Redis) { // with sessions in PostgreSQL, inquiries fail meanwhile
		roles = append(roles, system.Postgres)
	}
	for _, role := range roles {
		t.Run(string(role), func(t *testing.T) {
			disruptive(t)
			customers := residentsWithBill(t, 4)
			asking, entering := inquiries(customers), logins(t, resident(t))
			defer asking.Stop()
			defer entering.Stop()

			var outages []outage
			for range 3 {
				awaitSuccesses(t, asking, 50)
				killed := time.Now()
				respawn(t, role)
				outages = append(outages, outage{killed, time.Now()})
			}
			awaitSuccesses(t, asking, 50)

			calls := asking.Stop()
			if role == bills {
				onlyFailsDuring(t, calls, outages)
				calls = surelyCommitted(calls, outages)
			} else {
				wantNoFailures(t, calls)
			}
			recorded(t, customers, acknowledged(calls))
			liveSessions(t, customers)
			wantLiveSessions(t, entering.Stop())
			reachesKOS(t, customers[0])
		})
	}
}

// reachesKOS waits until a bill is read from KOS. A sidecar that has lost another one resolves it
// again after a second, and earlier attempts count for the breaker: immediate retries would open
// it.
func reachesKOS(t testing.TB, c customer) {
	t.Helper()
	awaitEvery(t, 2*time.Second, healTimeout, "a bill from KOS", func() error {
		if answer := c.Inquire(c.Line, api.Month(2)); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
}

// TestNoAnswerIsAheadOfItsCommit kills the service while the database hangs: no inquiry may have
// been acknowledged before its row was committed.
func TestNoAnswerIsAheadOfItsCommit(t *testing.T) {
	locally(t)
	disruptive(t)
	customers := residentsWithBill(t, 4)
	asking := inquiries(customers)
	defer asking.Stop()
	awaitSuccesses(t, asking, 20)
	pause(t, system.Postgres)
	awaitSuccesses(t, asking, 40)

	killed := time.Now()
	kill(t, bills)
	calls := asking.Stop()
	resume(t, system.Postgres)
	restart(t, bills)

	onlyFailsDuring(t, calls, []outage{{killed, time.Now()}})
	safe := surelyCommitted(calls, []outage{{killed, time.Now()}})
	if len(safe) == len(calls) {
		t.Error("no inquiry waited for the database")
	}
	recorded(t, customers, acknowledged(safe))
}

// onlyFailsDuring checks that calls fail only during an outage, and that the ingress answers them.
func onlyFailsDuring(t testing.TB, calls []traffic.Call, outages []outage) {
	t.Helper()
	failures := traffic.Failures(calls)
	for _, call := range failures {
		if !during(call, outages) {
			t.Errorf("failed outside of an outage: %s", call.Reason)
		}
		if call.Status != http.StatusBadGateway && call.Status != http.StatusServiceUnavailable {
			t.Errorf("not refused by the ingress: %s", call.Reason)
		}
	}
	t.Logf("%d of %d inquiries failed", len(failures), len(calls))
}

// during reports whether a call overlaps an outage.
func during(call traffic.Call, outages []outage) bool {
	for _, away := range outages {
		if call.Start.Before(away.until) && call.End().After(away.from) {
			return true
		}
	}
	return false
}

// surelyCommitted returns the calls whose rows must survive a crash. The service answers after the
// commit, or after 50 ms without it: a faster answer implies the commit, and answers after the last
// crash are safe anyway.
func surelyCommitted(calls []traffic.Call, outages []outage) []traffic.Call {
	const wait = 50 * time.Millisecond
	last := outages[len(outages)-1]
	var sure []traffic.Call
	for _, call := range calls {
		if call.Took < wait || call.Start.After(last.from) {
			sure = append(sure, call)
		}
	}
	return sure
}
