package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/system"
)

// healTimeout bounds the wait for a restarted part.
var healTimeout = 30 * time.Second

// disruptive marks a test that injects faults or changes the behaviour of KOS. Afterwards it
// restores the system: everything runs and is ready, and KOS behaves normally.
func disruptive(t *testing.T) {
	t.Helper()
	singly(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
		defer cancel()
		for _, role := range whole.parts.Roles() {
			if gone(role) {
				if err := whole.parts.Restart(ctx, role); err != nil {
					t.Fatalf("start %s again: %v", role, err)
				}
			}
		}
		if err := whole.parts.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		if err := whole.kos.CalmDown(); err != nil {
			t.Fatal(err)
		}
		awaitLogin(t)
		closeBreaker(t)
		awaitNoInquiries(t)
	})
}

// awaitNoInquiries waits until bill-inquiry-service has asked KOS everything that the test has left in
// its queue: a call of the next test's fault would count for the breaker.
func awaitNoInquiries(t testing.TB) {
	t.Helper()
	if whole.remote != nil {
		return // the database is out of reach
	}
	await(t, healTimeout, "an empty queue", func() error {
		left, err := stage.Query[struct{ Items int }](context.Background(), &stage.Stage{Secrets: whole.secrets}, "bill_inquiry",
			"SELECT count(*) FROM kos_queue WHERE due_at < now() + interval '1 minute'")
		if err == nil && left[0].Items > 0 {
			err = fmt.Errorf("%d inquiries wait for KOS", left[0].Items)
		}
		return err
	})
}

// closeBreaker checks that bill inquiries reach KOS. If a failed test has left a breaker open, it
// restarts the sidecar instead of waiting.
func closeBreaker(t testing.TB) {
	t.Helper()
	c := resident(t)
	if c.Inquire(c.Line, "").Succeeded() {
		return
	}
	respawn(t, system.Sidecar(bills))
	reachesKOS(t, c)
}

// pid returns the process id of a part on this machine.
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
	return errors.Is(whole.parts.Ready(context.Background(), role), proc.ErrGone)
}

func kill(t testing.TB, role system.Role) {
	t.Helper()
	if err := whole.parts.Kill(role); err != nil {
		t.Fatal(err)
	}
}

// restart starts parts and waits until they and everything that needs them are ready.
func restart(t testing.TB, roles ...system.Role) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
	defer cancel()
	for _, role := range roles {
		if err := whole.parts.Restart(ctx, role); err != nil {
			t.Fatal(err)
		}
	}
	if err := whole.parts.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// respawn kills a part and restarts it.
func respawn(t testing.TB, role system.Role) {
	t.Helper()
	kill(t, role)
	restart(t, role)
}

// clearCaches removes all entries of cache-store.
func clearCaches(t testing.TB) {
	t.Helper()
	if whole.remote != nil {
		flush(t, system.RedisCache, "redis-cache-auth-key")
		return
	}
	if err := whole.system.ClearStore(t.Context(), "cache-store"); err != nil {
		t.Fatal(err)
	}
}

// setBillBehavior sets the behaviour of bill inquiries in KOS.
func setBillBehavior(t testing.TB, behavior kos.Behavior) {
	t.Helper()
	if err := whole.kos.Behave(kos.BillInquiry, behavior); err != nil {
		t.Fatal(err)
	}
}

// retryAfter returns the Retry-After of a refusal, in seconds.
func retryAfter[T any](t testing.TB, answer api.Answer[T]) int {
	t.Helper()
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Errorf("%s\nhas the Retry-After %q", answer, answer.Header.Get("Retry-After"))
	}
	return seconds
}

// errAwaited describes an unfulfilled condition.
type errAwaited string

func (e errAwaited) Error() string { return string(e) }

// liveSessions checks that each session is seen by both services and can be refreshed.
func liveSessions(t testing.TB, customers []customer) {
	t.Helper()
	for _, c := range customers {
		c.Verify().OK(t)
		c.see(t, "")
		c.Refresh(c.Tokens.Refresh).OK(t)
	}
}

// unavailable checks for a 503 with a code and Retry-After.
func unavailable[T any](t testing.TB, answer api.Answer[T], code string) {
	t.Helper()
	answer.Refused(t, http.StatusServiceUnavailable, code)
	retryAfter(t, answer)
}
