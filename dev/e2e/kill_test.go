package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/system"
)

// outage is the time in which a part was away.
type outage struct{ from, until time.Time }

// TestKilled kills every part, again and again, while customers keep asking
// and logging in.
func TestKilled(t *testing.T) {
	locally(t)
	roles := []system.Role{
		auth, system.Sidecar(auth), bills, system.Sidecar(bills), kosMock, system.Sidecar(kosMock), system.Redis, system.RedisCache, system.Postgres,
	}
	for _, role := range roles {
		t.Run(string(role), func(t *testing.T) {
			harm(t)
			customers := audience(t, 4)
			asking, entering := inquiries(customers), logins(t, resident(t))
			defer asking.Stop()
			defer entering.Stop()

			var outages []outage
			for range 3 {
				passing(t, asking, 50)
				killed := time.Now()
				respawn(t, role)
				outages = append(outages, outage{killed, time.Now()})
			}
			passing(t, asking, 50)

			calls := asking.Stop()
			if role == bills {
				onlyFailsDuring(t, calls, outages)
				calls = surelyCommitted(calls, outages)
			} else {
				unharmed(t, calls)
			}
			recorded(t, customers, acknowledged(calls))
			liveSessions(t, customers)
			entered(t, entering.Stop())
			reachesKOS(t, customers[0])
		})
	}
}

// reachesKOS waits until a bill can be had from KOS. A sidecar that has lost
// another one waits a second before it looks for it again, and each attempt
// until then counts for the breaker: asking at once and again opens it.
func reachesKOS(t testing.TB, c customer) {
	t.Helper()
	awaitEvery(t, 2*time.Second, healTimeout, "a bill from KOS", func() error {
		if answer := c.Inquire(c.Line, month(2)); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
}

// TestNoAnswerIsAheadOfItsCommit kills the service while the database hangs: no
// inquiry may have been acknowledged as if its row were safe.
func TestNoAnswerIsAheadOfItsCommit(t *testing.T) {
	locally(t)
	harm(t)
	customers := audience(t, 4)
	asking := inquiries(customers)
	defer asking.Stop()
	passing(t, asking, 20)
	pause(t, system.Postgres)
	passing(t, asking, 40)

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

// onlyFailsDuring checks that a call failed only if the service was away for a
// part of its time, and that the ingress said so.
func onlyFailsDuring(t testing.TB, calls []traffic.Call, outages []outage) {
	t.Helper()
	failures := traffic.Failures(calls)
	for _, call := range failures {
		if !during(call, outages) {
			t.Errorf("failed although the service ran: %s", call.Reason)
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

// surelyCommitted returns the calls whose rows a crash of the service may not
// lose. The service answers when the row is committed, or after 50 ms without
// having waited for it: an answer that came sooner says that it is, and one that
// came after the last crash needs to say nothing.
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
