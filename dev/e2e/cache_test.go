package e2e

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// asks checks how many bill inquiries about the line have reached KOS so far.
func asks(t testing.TB, c customer, want int, when string) {
	t.Helper()
	if n := billCalls(t, c.Line); n != want {
		t.Errorf("%s: KOS was asked %d times, want %d", when, n, want)
	}
}

func TestBillIsAskedForOnce(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	for n := range 3 {
		first := c.see(t, month(n))
		asks(t, c, n+1, "first inquiry")
		second := c.see(t, month(n))
		asks(t, c, n+1, "second inquiry")
		if diff := cmp.Diff(first.Bill, second.Bill); diff != "" {
			t.Errorf("the cache tells another bill: %s", diff)
		}
	}
}

func TestHundredConcurrentInquiriesAskOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1} {
		c := resident(t)
		answers := make([]api.Answer[api.Inquiry], 100)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = c.Inquire(c.Line, month(n)) })
		}
		group.Wait()
		ids := map[string]bool{}
		for _, answer := range answers {
			inquiry := answer.OK(t)
			ids[inquiry.RequestID] = true
			if diff := cmp.Diff(answers[0].Data.Bill, inquiry.Bill); diff != "" {
				t.Fatalf("not all got the same bill: %s", diff)
			}
		}
		if len(ids) != len(answers) {
			t.Errorf("%d inquiries have %d request ids", len(answers), len(ids))
		}
		// Those who ask the same replica at once share one question.
		if n := billCalls(t, c.Line); n < 1 || n > replicas() {
			t.Errorf("a hundred inquiries at once: KOS was asked %d times, want once for each replica at most", n)
		}
	}
}

func TestRestartedServiceAsksNothingTwice(t *testing.T) {
	harm(t)
	c := resident(t)
	current, past := c.see(t, month(0)), c.see(t, month(1))
	asks(t, c, 2, "first inquiries")

	respawn(t, bills)
	same(t, current, c.see(t, month(0)))
	asks(t, c, 2, "this month, from the shared level of the cache")

	forgetBills(t)
	respawn(t, bills)
	same(t, past, c.see(t, month(1)))
	asks(t, c, 2, "a past month, from the archive")

	c.see(t, month(0))
	asks(t, c, 3, "this month, which no cache has any more and which may have changed")
}

// same checks that two inquiries told the same bill of the same time.
func same(t testing.TB, want, got api.Inquiry) {
	t.Helper()
	if diff := cmp.Diff(want.Bill, got.Bill); diff != "" {
		t.Errorf("another bill than before: %s", diff)
	}
	if !got.AsOf.Equal(want.AsOf) || got.Stale {
		t.Errorf("as of %s (stale %t), want %s", got.AsOf, got.Stale, want.AsOf)
	}
}
