package e2e

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/e2e/internal/api"
	"github.com/phonebill/phonebill/dev/e2e/internal/kos"
	"github.com/phonebill/phonebill/dev/e2e/internal/traffic"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/system"
)

// healTimeout bounds every wait for a part that was started again.
const healTimeout = 30 * time.Second

// harm says that the test harms the system or changes how KOS behaves. When it
// is over, everything runs, is ready, and KOS is calm and within reach.
func harm(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
		defer cancel()
		for _, role := range whole.system.Roles() {
			_ = whole.system.Resume(role) // has no effect on one that was not paused
			if gone(role) {
				if err := whole.system.Restart(ctx, role); err != nil {
					t.Fatalf("start %s again: %v", role, err)
				}
			}
		}
		if err := whole.system.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		if err := whole.kos.CalmDown(); err != nil {
			t.Fatal(err)
		}
		closeBreaker(t)
	})
}

// closeBreaker proves that bill inquiries reach KOS. A breaker that a failed
// test has left open is closed by a new sidecar, sooner than by waiting.
func closeBreaker(t testing.TB) {
	t.Helper()
	c := resident(t)
	if c.Inquire(c.Line, "").Succeeded() {
		return
	}
	respawn(t, system.Sidecar(bills))
	reachesKOS(t, c)
}

// pid returns the process id of a part.
func pid(t testing.TB, role system.Role) int {
	t.Helper()
	pid, err := whole.system.PID(role)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone reports whether a part has ended.
func gone(role system.Role) bool {
	return errors.Is(whole.system.Ready(context.Background(), role), proc.ErrGone)
}

func kill(t testing.TB, role system.Role) {
	t.Helper()
	if err := whole.system.Kill(role); err != nil {
		t.Fatal(err)
	}
}

// restart starts a part that does not run and waits until it, and all that
// needs it, is ready.
func restart(t testing.TB, role system.Role) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
	defer cancel()
	if err := whole.system.Restart(ctx, role); err != nil {
		t.Fatal(err)
	}
	if err := whole.system.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// respawn kills a part and brings it back.
func respawn(t testing.TB, role system.Role) {
	t.Helper()
	kill(t, role)
	restart(t, role)
}

// forgetBills empties the level of the cache that is shared.
func forgetBills(t testing.TB) {
	t.Helper()
	err := redis.Delete(t.Context(), system.RedisPort, whole.secrets["redis-auth-key"], "phonebill-cache||*")
	if err != nil {
		t.Fatal(err)
	}
}

// behave tells KOS how to answer bill inquiries.
func behave(t testing.TB, behavior kos.Behavior) {
	t.Helper()
	if err := whole.kos.Behave(kos.BillInquiry, behavior); err != nil {
		t.Fatal(err)
	}
}

// retryAfter returns the seconds that a refusal tells the client to wait.
func retryAfter[T any](t testing.TB, answer api.Answer[T]) int {
	t.Helper()
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Errorf("%s\nhas the Retry-After %q", answer, answer.Header.Get("Retry-After"))
	}
	return seconds
}

// inquiries lets customers ask for this month's bill again and again.
func inquiries(customers []customer) *traffic.Traffic {
	return traffic.Start(len(customers), 20*time.Millisecond, func(worker int) traffic.Call {
		c := customers[worker]
		start := time.Now()
		answer := c.Inquire(c.Line, "")
		call := traffic.Call{Start: start, Took: answer.Took, OK: answer.Succeeded(), ID: answer.Data.RequestID}
		if !call.OK {
			call.Reason = answer.String()
		}
		return call
	})
}

// passing waits until so many more calls have succeeded that started from now.
func passing(t testing.TB, load *traffic.Traffic, calls int) {
	t.Helper()
	since := time.Now()
	await(t, healTimeout, "traffic", func() error {
		if n := load.Succeeded(since); n < calls {
			return errAwaited(strconv.Itoa(n) + " inquiries succeeded of " + strconv.Itoa(calls))
		}
		return nil
	})
}

// errAwaited says what is still missing.
type errAwaited string

func (e errAwaited) Error() string { return string(e) }

// audience returns so many residents who have seen their bill of this month.
func audience(t testing.TB, size int) []customer {
	t.Helper()
	customers := make([]customer, size)
	for i := range customers {
		customers[i] = resident(t)
		customers[i].see(t, "")
	}
	return customers
}

// unharmed checks that traffic went on as if nothing had happened.
func unharmed(t testing.TB, calls []traffic.Call) {
	t.Helper()
	failed := traffic.Failures(calls)
	if len(failed) > 0 {
		t.Errorf("%d of %d inquiries failed, the first: %s", len(failed), len(calls), failed[0].Reason)
	}
	t.Logf("%d inquiries, median %s", len(calls), traffic.Median(calls).Round(100*time.Microsecond))
}

// liveSessions checks that customers need not log in again: each session is
// seen by both services and can be refreshed.
func liveSessions(t testing.TB, customers []customer) {
	t.Helper()
	for _, c := range customers {
		c.Verify().OK(t)
		c.see(t, "")
		c.Refresh(c.Tokens.Refresh).OK(t)
	}
}

// recorded waits until the histories of the customers hold every inquiry.
func recorded(t testing.TB, customers []customer, ids []string) {
	t.Helper()
	await(t, healTimeout, "complete histories", func() error {
		known := map[string]bool{}
		for _, c := range customers {
			if err := readHistory(c, known); err != nil {
				return err
			}
		}
		missing := 0
		for _, id := range ids {
			if !known[id] {
				missing++
			}
		}
		if missing > 0 {
			return errAwaited(strconv.Itoa(missing) + " of " + strconv.Itoa(len(ids)) + " acknowledged inquiries are not in the history")
		}
		return nil
	})
}

// readHistory adds all of a customer's inquiries to known.
func readHistory(c customer, known map[string]bool) error {
	for page := 1; ; page++ {
		answer := c.History("size=100&page=" + strconv.Itoa(page))
		if !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		for _, item := range answer.Data.Items {
			known[item.RequestID] = true
		}
		if !answer.Data.Pagination.HasNext {
			return nil
		}
	}
}

// acknowledged returns the ids of the inquiries that were answered.
func acknowledged(calls []traffic.Call) []string {
	var ids []string
	for _, call := range calls {
		if call.OK {
			ids = append(ids, call.ID)
		}
	}
	return ids
}

// unavailable checks that a call is refused for now, and when to come back.
func unavailable[T any](t testing.TB, answer api.Answer[T], code string) {
	t.Helper()
	answer.Refused(t, http.StatusServiceUnavailable, code)
	retryAfter(t, answer)
}
