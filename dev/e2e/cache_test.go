package e2e

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// wantCalls checks how many bill inquiries about the line have reached KOS so far.
func wantCalls(t testing.TB, c customer, want int, when string) {
	t.Helper()
	if n := billCalls(t, c.Line); n != want {
		t.Errorf("%s: KOS was called %d times, want %d", when, n, want)
	}
}

func TestBillIsRequestedOnce(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	for n := range 3 {
		first := c.see(t, api.Month(n))
		wantCalls(t, c, n+1, "first inquiry")
		second := c.see(t, api.Month(n))
		wantCalls(t, c, n+1, "second inquiry")
		if diff := cmp.Diff(first.Bill, second.Bill); diff != "" {
			t.Errorf("the cached bill differs: %s", diff)
		}
	}
}

func TestConcurrentInquiriesShareOneCall(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1} {
		c := resident(t)
		answers := make([]api.Answer[api.Inquiry], 100)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = c.Inquire(c.Line, api.Month(n)) })
		}
		group.Wait()
		ids := map[string]bool{}
		for _, answer := range answers {
			inquiry := answer.OK(t)
			ids[inquiry.RequestID] = true
			if diff := cmp.Diff(answers[0].Data.Bill, inquiry.Bill); diff != "" {
				t.Fatalf("bills differ: %s", diff)
			}
		}
		if len(ids) != len(answers) {
			t.Errorf("%d inquiries have %d request ids", len(answers), len(ids))
		}
		// Concurrent inquiries at one replica share one KOS call.
		if n := billCalls(t, c.Line); n < 1 || n > replicas() {
			t.Errorf("a hundred inquiries at once: KOS was called %d times, want at most once per replica", n)
		}
	}
}

func TestRestartedServiceRepeatsNoCalls(t *testing.T) {
	disruptive(t)
	c := resident(t)
	current, past := c.see(t, api.Month(0)), c.see(t, api.Month(1))
	wantCalls(t, c, 2, "first inquiries")

	respawn(t, bills)
	same(t, current, c.see(t, api.Month(0)))
	wantCalls(t, c, 2, "this month, from L2")

	clearCaches(t)
	respawn(t, bills)
	same(t, past, c.see(t, api.Month(1)))
	wantCalls(t, c, 2, "a past month, from the archive")

	c.see(t, api.Month(0))
	wantCalls(t, c, 3, "this month, neither cached nor final")
}

// same checks that two inquiries returned the same bill as of the same time.
func same(t testing.TB, want, got api.Inquiry) {
	t.Helper()
	if diff := cmp.Diff(want.Bill, got.Bill); diff != "" {
		t.Errorf("the bill has changed: %s", diff)
	}
	if !got.AsOf.Equal(want.AsOf) || got.Stale {
		t.Errorf("as of %s (stale %t), want %s", got.AsOf, got.Stale, want.AsOf)
	}
}
