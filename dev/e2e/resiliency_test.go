package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/system"
)

// The policies in resiliency/kos.yaml.
const (
	attempts     = 3
	tripsAfter   = 5 // consecutive failures
	openFor      = 60 * time.Second
	closedAfter  = 3               // consecutive successful probes
	clientsLimit = 8 * time.Second // product rule
)

func TestFaultsOfKOSAreRetried(t *testing.T) {
	disruptive(t)
	for _, status := range []int{500, 502, 503, 504} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			c := resident(t)
			setBillBehavior(t, kos.Behavior{Script: []kos.Step{{Line: c.Line, Status: status, Times: attempts - 1}}})
			c.see(t, "")
			if n := billCalls(t, c.Line); n != attempts {
				t.Errorf("%d twice, then success: KOS was called %d times, want %d", status, n, attempts)
			}
		})
	}
}

func TestRefusalsOfKOSAreNotRetried(t *testing.T) {
	disruptive(t)
	for _, status := range []int{400, 404} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			c := resident(t)
			setBillBehavior(t, kos.Behavior{Script: []kos.Step{{Line: c.Line, Status: status}}})
			unavailable(t, c.Inquire(c.Line, ""), "KOS_UNAVAILABLE")
			if n := billCalls(t, c.Line); n != 1 {
				t.Errorf("%d: KOS was called %d times, want once", status, n)
			}
			c.see(t, "") // a success resets the count of failures
		})
	}
}

// KOS's Retry-After is respected; the inquiry stays in the queue meanwhile.
func TestRetryAfterOfKOSIsRespected(t *testing.T) {
	disruptive(t)
	c := resident(t)
	setBillBehavior(t, kos.Behavior{Script: []kos.Step{{Line: c.Line, Status: http.StatusTooManyRequests}}})
	c.see(t, "")
	if n := billCalls(t, c.Line); n != 2 {
		t.Errorf("KOS was called %d times, want once more", n)
	}
}

func TestTokenThatKOSRefusesIsReplacedOnce(t *testing.T) {
	disruptive(t)
	resident(t).see(t, "") // ensures that there is a token
	c := resident(t)
	tokens := kos.Query{Endpoint: kos.Auth, Client: string(bills)}
	before := count(t, tokens).Total
	setBillBehavior(t, kos.Behavior{Script: []kos.Step{{Line: c.Line, Status: http.StatusUnauthorized}}})
	c.see(t, "")
	if n := billCalls(t, c.Line); n != 2 {
		t.Errorf("KOS was called %d times, want once with each token", n)
	}
	if n := count(t, tokens).Total - before; n != 1 {
		t.Errorf("%d tokens were fetched, want one", n)
	}
}

func TestHangOfKOS(t *testing.T) {
	disruptive(t)
	c := resident(t)
	setBillBehavior(t, kos.Behavior{Hang: true})
	answer := c.Inquire(c.Line, "")
	unavailable(t, answer, "KOS_UNAVAILABLE")
	if answer.Took > clientsLimit {
		t.Errorf("answered after %s, later than %s", answer.Took, clientsLimit)
	}
	if n := billCalls(t, c.Line); n != attempts {
		t.Errorf("KOS was called %d times, want %d", n, attempts)
	}
	t.Logf("answered after %s", answer.Took.Round(time.Millisecond))
}

func TestBreaker(t *testing.T) {
	disruptive(t)
	seen := resident(t)
	open, final := seen.see(t, api.Month(0)), seen.see(t, api.Month(1))
	clearCaches(t)
	respawn(t, bills)

	c := resident(t)
	opened := openBreaker(t, c)
	fastRefusals(t, c)
	answersFromArchive(t, seen, open, final)
	if n := billCalls(t, c.Line) + billCalls(t, seen.Line) - 2; n != tripsAfter {
		t.Errorf("KOS was called %d times, want %d and none with the breaker open", n, tripsAfter)
	}

	// A client that retries sees the breaker close; no other call reaches KOS.
	await(t, openFor+15*time.Second, "recovery", func() error {
		if answer := c.Inquire(c.Line, api.Month(0)); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
	if after := time.Since(opened); after < openFor {
		t.Errorf("the breaker admitted a call after %s, want %s or more", after, openFor)
	}
	closes(t, c)
}

// openBreaker makes KOS fail until the breaker opens, and returns the time.
func openBreaker(t *testing.T, c customer) time.Time {
	t.Helper()
	setBillBehavior(t, kos.Behavior{ErrorShare: 1, ErrorStatus: http.StatusServiceUnavailable})
	unavailable(t, c.Inquire(c.Line, api.Month(0)), "KOS_UNAVAILABLE")
	if n := billCalls(t, c.Line); n != attempts {
		t.Fatalf("KOS was called %d times, want %d", n, attempts)
	}
	opened := time.Now()
	unavailable(t, c.Inquire(c.Line, api.Month(1)), "KOS_UNAVAILABLE")
	if n := billCalls(t, c.Line); n != tripsAfter {
		t.Fatalf("KOS was called %d times, want %d", n, tripsAfter)
	}
	setBillBehavior(t, kos.Calm) // KOS has recovered, which the breaker cannot know
	return opened
}

// fastRefusals checks that calls are refused at once while the breaker is open.
func fastRefusals(t *testing.T, c customer) {
	t.Helper()
	const goal = 50 * time.Millisecond
	var calls []traffic.Call
	for range 40 {
		answer := c.Inquire(c.Line, api.Month(0))
		unavailable(t, answer, "KOS_UNAVAILABLE")
		calls = append(calls, traffic.Call{Took: answer.Took})
	}
	median := traffic.Median(calls)
	t.Logf("with the breaker open, refused in %s (median)", median.Round(100*time.Microsecond))
	if median > goal {
		t.Errorf("refused in %s (median), want %s or less", median, goal)
	}
}

// answersFromArchive checks that archived bills are served with their age when no cache contains
// them.
func answersFromArchive(t *testing.T, c customer, open, final api.Inquiry) {
	t.Helper()
	for _, want := range []api.Inquiry{open, final} {
		got := c.see(t, want.Bill.Month)
		if diff := cmp.Diff(want.Bill, got.Bill); diff != "" {
			t.Errorf("the bill has changed: %s", diff)
		}
		if !got.AsOf.Equal(want.AsOf) {
			t.Errorf("bill of %s as of %s, want %s", want.Bill.Month, got.AsOf, want.AsOf)
		}
		// A final bill is never stale.
		if stale := want.Bill.Status == "OPEN"; got.Stale != stale {
			t.Errorf("bill of %s: stale is %t, want %t", want.Bill.Month, got.Stale, stale)
		}
	}
}

// closes checks that the breaker is closed after enough successful probes, one of which has been
// made: a single failure does not open it again.
func closes(t *testing.T, c customer) {
	t.Helper()
	for probe := 1; probe < closedAfter; probe++ {
		c.see(t, api.Month(probe))
	}
	before := billCalls(t, c.Line)
	setBillBehavior(t, kos.Behavior{Script: []kos.Step{{Line: c.Line, Status: http.StatusServiceUnavailable}}})
	c.see(t, api.Month(closedAfter))
	if n := billCalls(t, c.Line) - before; n != 2 {
		t.Errorf("KOS was called %d times, want a failure and its retry", n)
	}
}

func TestNewSidecarHasAClosedBreaker(t *testing.T) {
	disruptive(t)
	c := resident(t)
	openBreaker(t, c)
	respawn(t, system.Sidecar(bills))
	// The services pause calls for a moment after the old breaker's refusals.
	await(t, openFor/4, "the new sidecar calls KOS", func() error {
		if answer := c.Inquire(c.Line, api.Month(0)); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
}
