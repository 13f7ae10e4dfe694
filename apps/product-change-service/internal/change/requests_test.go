package change_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// desk is Requests with fakes.
type desk struct {
	*change.Requests
	ledger *ledger
	plans  *plans
	now    time.Time
}

func newDesk() *desk {
	d := &desk{ledger: newLedger(), plans: goodPlans(), now: noon}
	var ids atomic.Int64
	d.Requests = change.NewRequests(change.RequestsParams{
		Plans: d.plans, Changes: d.ledger, History: d.ledger,
		Now:   func() time.Time { return d.now },
		NewID: func() string { return fmt.Sprint("request-", ids.Add(1)) },
	})
	return d
}

func TestSubmitAcceptsAndWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		go func() {
			bubble.Advance(2 * time.Second)
			d.ledger.complete("request-1")
		}()
		start := time.Now()
		got, err := d.Submit(t.Context(), caller, validOrder, change.Key{}, false)
		if err != nil || got.Status != change.Completed || got.RequestID != "request-1" || time.Since(start) != 2*time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
		}
		want := change.Change{
			RequestID: "request-1", UserID: "testuser01", CustomerID: "CUST001", Line: line, CurrentCode: "A", CurrentName: "가",
			Target: product.Product{Code: "B", Name: "나", Operator: "KT", OnSale: true}, Status: change.Completed, RequestedAt: noon,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// The notification of the end, on another replica, is lost.
func TestSubmitPollsIfANotificationIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		go func() {
			bubble.Advance(2500 * time.Millisecond)
			d.ledger.mu.Lock()
			defer d.ledger.mu.Unlock()
			d.ledger.changes["request-1"].Status = change.Failed
		}()
		start := time.Now()
		got, err := d.Submit(t.Context(), caller, validOrder, change.Key{}, false)
		if err != nil || got.Status != change.Failed || time.Since(start) > 4*time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
		}
	})
}

func TestSubmitReturnsAtItsDeadline(t *testing.T) {
	t.Parallel()
	for name, async := range map[string]bool{"waits": false, "does not want to wait": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				start := time.Now()
				got, err := d.Submit(t.Context(), caller, validOrder, change.Key{}, async)
				took := time.Since(start)
				if err != nil || got.Status != change.Pending || took > 7500*time.Millisecond || async != (took == 0) {
					t.Errorf("after %s: %+v, %v", took, got, err)
				}
			})
		})
	}
}

// A fault of the database during the wait does not fail the request.
func TestSubmitSurvivesAFaultWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		go func() {
			bubble.Advance(1500 * time.Millisecond)
			d.ledger.mu.Lock()
			d.ledger.fault = errDatabase
			d.ledger.mu.Unlock()
			bubble.Advance(time.Second)
			d.ledger.complete("request-1")
		}()
		if got, err := d.Submit(t.Context(), caller, validOrder, change.Key{}, false); err != nil || got.Status != change.Completed {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	suspended := goodPlans().inspection
	suspended.Checks[2].Passed = false
	discontinued := goodPlans().inspection
	discontinued.Checks[0].Passed, discontinued.Checks[0].Message = false, "판매가 종료된 상품입니다."
	tests := map[string]struct {
		before func(d *desk)
		order  change.Order
		want   error
	}{
		"another user's line":  {order: change.Order{Line: "01087654321", Current: "A", Target: "B"}, want: product.ErrNotYourLine},
		"yesterday":            {order: change.Order{Line: line, Effective: "2026-11-21"}, want: change.ErrPastDay},
		"too far ahead":        {order: change.Order{Line: line, Effective: "2027-01-22"}, want: change.ErrDayTooFar},
		"change in progress":   {before: func(d *desk) { d.ledger.changes[id] = &change.Change{Line: line} }, order: validOrder, want: change.ErrInProgress},
		"a suspended line":     {before: func(d *desk) { d.plans.inspection = suspended }, order: validOrder, want: change.ErrSuspended},
		"a discontinued plan":  {before: func(d *desk) { d.plans.inspection = discontinued }, order: validOrder, want: change.ErrInvalid},
		"KOS out":              {before: func(d *desk) { d.plans.err = product.ErrUnavailable }, order: validOrder, want: product.ErrUnavailable},
		"database unavailable": {before: func(d *desk) { d.ledger.fault = errDatabase }, order: validOrder, want: errDatabase},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk()
			if test.before != nil {
				test.before(d)
			}
			_, err := d.Submit(t.Context(), caller, test.order, change.Key{Text: "key"}, true)
			if !errors.Is(err, test.want) || d.ledger.accepts != 0 {
				t.Errorf("got %v and accepted %d", err, d.ledger.accepts)
			}
		})
	}
}

func TestRefusalListsAllChecks(t *testing.T) {
	t.Parallel()
	d := newDesk()
	d.plans.inspection = product.Inspect(d.plans.inspection.Subscriber, product.Catalogue{}, "A", "B")
	_, err := d.Submit(t.Context(), caller, validOrder, change.Key{}, true)
	refusal := problem.From(err)
	if refusal.Code != "VALIDATION_FAILED" || refusal.Message != "존재하지 않는 상품입니다." || refusal.Details == nil {
		t.Errorf("got %+v", refusal)
	}
}

func TestEffectiveDays(t *testing.T) {
	t.Parallel()
	for wanted, want := range map[change.Day]change.Day{
		"": "", "2026-11-22": "", "2026-11-23": "2026-11-23", "2027-01-21": "2027-01-21",
	} {
		d := newDesk()
		order := validOrder
		order.Effective = wanted
		if got, err := d.Submit(t.Context(), caller, order, change.Key{}, true); err != nil || got.Effective != want {
			t.Errorf("%q: %q, %v", wanted, got.Effective, err)
		}
	}
}

func TestAKeyStandsForOneChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		key := change.Key{Text: "key"}
		first, err := d.Submit(t.Context(), caller, validOrder, key, true)
		if err != nil {
			t.Fatal(err)
		}
		again, err := d.Submit(t.Context(), caller, validOrder, key, true)
		if diff := cmp.Diff(first, again); diff != "" || err != nil {
			t.Errorf("%v (-first +again):\n%s", err, diff)
		}
		d.ledger.complete(first.RequestID)
		final, err := d.Submit(t.Context(), caller, validOrder, key, false)
		if err != nil || final.Status != change.Completed || final.RequestID != first.RequestID {
			t.Errorf("when it is final: %+v, %v", final, err)
		}
		other := validOrder
		other.Target = "OTHER"
		if _, err := d.Submit(t.Context(), caller, other, key, true); !errors.Is(err, change.ErrKeyReused) {
			t.Errorf("another order: %v", err)
		}
		if d.ledger.accepts != 1 || d.plans.asked != 1 {
			t.Errorf("accepted %d, called KOS %d times", d.ledger.accepts, d.plans.asked)
		}
	})
}

// A concurrent request with the same key may be accepted, and even completed, while this one
// is checked. Whatever then fails here, the other's change is returned.
func TestConcurrentRequestWithTheSameKeyIsFound(t *testing.T) {
	t.Parallel()
	key := change.Key{Text: "key", Body: change.Digest(validOrder)}
	tests := map[string]func(d *desk){
		"key taken":     func(*desk) {},
		"line taken":    func(d *desk) { d.plans.err = change.ErrInProgress },
		"plan changed":  func(d *desk) { d.plans.inspection.Checks[3].Passed = false },
		"KOS out":       func(d *desk) { d.plans.err = product.ErrUnavailable },
		"another fault": func(d *desk) { d.plans.err = errDatabase },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk()
			d.plans.before = func() {
				d.plans.before = nil
				twin := change.Change{RequestID: "twin", UserID: caller.UserID, Line: line, Status: change.Completed}
				if err := d.ledger.Accept(context.Background(), twin, key, product.Version{}); err != nil {
					t.Error(err)
				}
				spoil(d)
			}
			got, err := d.Submit(t.Context(), caller, validOrder, key, true)
			if err != nil || got.RequestID != "twin" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAHundredRequestsWithOneKeyGetOneAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		key := change.Key{Text: "key"}
		answers := make([]change.Change, 100)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				got, err := d.Submit(context.Background(), caller, validOrder, key, false)
				if err != nil {
					t.Error(err)
				}
				answers[i] = got
			})
		}
		synctest.Wait()
		for requestID := range d.ledger.changes {
			d.ledger.complete(requestID)
		}
		group.Wait()
		for _, got := range answers {
			if diff := cmp.Diff(answers[0], got); diff != "" {
				t.Fatalf("answers differ:\n%s", diff)
			}
		}
		if d.ledger.accepts != 1 || answers[0].Status != change.Completed {
			t.Errorf("accepted %d: %+v", d.ledger.accepts, answers[0])
		}
	})
}

func TestResultIsForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	d := newDesk()
	accepted, err := d.Submit(t.Context(), caller, validOrder, change.Key{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Result(t.Context(), caller, accepted.RequestID); err != nil || got.RequestID != accepted.RequestID {
		t.Errorf("the owner: %+v, %v", got, err)
	}
	for name, other := range map[string]change.Caller{
		"a stranger":             {UserID: "testuser02", Lines: []msisdn.Number{line}},
		"a former owner":         {UserID: "testuser01", Lines: []msisdn.Number{"01087654321"}},
		"a user without changes": {UserID: "testuser03"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.Result(t.Context(), other, accepted.RequestID); !errors.Is(err, change.ErrNoChange) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestHistoryIsOfOwnLinesOnly(t *testing.T) {
	t.Parallel()
	d := newDesk()
	if page, err := d.History(t.Context(), caller, change.Filter{}); err != nil || page.Total != 1 {
		t.Errorf("all lines: %+v, %v", page, err)
	}
	_, err := d.History(t.Context(), caller, change.Filter{Lines: []msisdn.Number{"01087654321"}})
	if !errors.Is(err, product.ErrNotYourLine) {
		t.Errorf("another user's line: %v", err)
	}
}

// TestSpellingsOfADayAreTheSameOrder repeats a key with another spelling of the day, also
// after midnight.
func TestSpellingsOfADayAreTheSameOrder(t *testing.T) {
	t.Parallel()
	today, tomorrow := change.DayOf(noon), change.DayOf(noon.AddDate(0, 0, 1))
	for first, again := range map[change.Day]map[change.Day]error{
		"":       {"": nil, today: nil, tomorrow: change.ErrKeyReused},
		today:    {"": nil, today: nil, tomorrow: change.ErrKeyReused},
		tomorrow: {"": change.ErrKeyReused, today: change.ErrKeyReused, tomorrow: nil},
	} {
		d := newDesk()
		order, key := validOrder, change.Key{Text: "key"}
		order.Effective = first
		accepted, err := d.Submit(t.Context(), caller, order, key, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range []time.Time{noon, noon.AddDate(0, 0, 1)} {
			d.now = now
			for day, want := range again {
				order.Effective = day
				if got, err := d.Submit(t.Context(), caller, order, key, true); !errors.Is(err, want) || err == nil && got.RequestID != accepted.RequestID {
					t.Errorf("%q after %q, on %s: %s, %v", day, first, now, got.RequestID, err)
				}
			}
		}
	}
}

func TestWaitIsAsLongAsTheClientAsks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait  time.Duration
		async bool
		took  time.Duration
	}{
		"not at all":      {0, false, 0},
		"shorter":         {2 * time.Second, false, 2 * time.Second},
		"longer":          {time.Minute, false, 7500 * time.Millisecond},
		"asynchronous":    {0, true, 0},
		"first wait":      {3 * time.Second, true, 3 * time.Second},
		"async and never": {time.Hour, true, 7500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				waiting := caller
				waiting.Wait = &c.wait
				start := time.Now()
				got, err := d.Submit(t.Context(), waiting, validOrder, change.Key{}, c.async)
				if took := time.Since(start); err != nil || got.Status.Final() || took != c.took {
					t.Errorf("%+v, %v after %s", got, err, took)
				}
			})
		})
	}
}
