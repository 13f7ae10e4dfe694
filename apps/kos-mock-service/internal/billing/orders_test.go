package billing_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

func TestRequestIDStandsForOneOrder(t *testing.T) {
	t.Parallel()
	book, orders := newOrders("2026-01-17")
	first := place(t, orders, order("r-1", "5G-PREMIUM-001"))
	refused := place(t, orders, order("r-2", "5G-STANDARD-001")) // no longer the current plan
	if refused.Refusal != billing.ErrOtherCurrent {
		t.Fatalf("the second got %+v", refused.Decision)
	}
	back := order("r-3", "LTE-BASIC-001")
	back.Current = "5G-PREMIUM-001"
	place(t, orders, back)
	// Both orders would be decided differently today.
	book.setDay(day("2026-08-01"))
	for change, want := range map[billing.Change]billing.Placed{
		order("r-1", "5G-PREMIUM-001"): first, order("r-2", "5G-STANDARD-001"): refused,
	} {
		if diff := cmp.Diff(want, place(t, orders, change)); diff != "" {
			t.Error(diff)
		}
	}
	for name, edit := range map[string]func(*billing.Change){
		"client":  func(c *billing.Change) { c.Client = "bill-inquiry-service" },
		"line":    func(c *billing.Change) { c.Number = "01012345678" },
		"current": func(c *billing.Change) { c.Current = "5G-STANDARD-001" },
		"target":  func(c *billing.Change) { c.Target = "5G-STANDARD-001" },
		"day":     func(c *billing.Change) { c.On = day("2026-01-17") },
		"bad day": func(c *billing.Change) { c.On = day("2020-01-01") },
	} {
		t.Run(name, func(t *testing.T) {
			change := order("r-1", "5G-PREMIUM-001")
			edit(&change)
			if _, err := orders.Place(t.Context(), change, 0); !errors.Is(err, billing.ErrRequestReused) {
				t.Errorf("other %s: %v", name, err)
			}
		})
	}
}

func TestClientsFindTheirOwnOrders(t *testing.T) {
	t.Parallel()
	_, orders := newOrders("2026-01-17")
	placed := place(t, orders, order("r-1", "5G-PREMIUM-001"))
	got, found, err := orders.Find(t.Context(), "product-change-service", "r-1")
	if err != nil || !found || cmp.Diff(placed, got) != "" {
		t.Errorf("own order: %+v, %v, %v", got, found, err)
	}
	for client, requestID := range map[string]string{"product-change-service": "r-2", "bill-inquiry-service": "r-1"} {
		if _, found, err := orders.Find(t.Context(), client, requestID); err != nil || found {
			t.Errorf("%s finds %s: %v, %v", client, requestID, found, err)
		}
	}
}

// After any sequence of orders and repeats, the plan in force is that of the last applied order,
// and each order exists once.
func TestPlanInForceIsThatOfTheLastAppliedOrder(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		book, orders := newOrders("2026-01-01")
		var sent []billing.Change
		answers := map[string]billing.Placed{}
		for n := range 40 {
			book.setDay(book.today().AddDate(0, 0, random.IntN(4)))
			change := anyOrder(random, book.today(), fmt.Sprintf("r-%d", n))
			if len(sent) > 0 && random.IntN(3) == 0 {
				change = sent[random.IntN(len(sent))]
			}
			sent = append(sent, change)
			placed := place(t, orders, change)
			if before, known := answers[change.RequestID]; known && cmp.Diff(before, placed) != "" {
				t.Fatalf("seed %d: %s was answered twice:\n%+v\n%+v", seed, change.RequestID, before, placed)
			}
			answers[change.RequestID] = placed
			seen[fmt.Sprint(placed.ResultCode(), placed.Scheduled())]++
			checkPlan(t, seed, book)
		}
		if len(book.placed) != len(answers) {
			t.Errorf("seed %d: %d orders are %d in the log", seed, len(answers), len(book.placed))
		}
	}
	for _, kind := range []string{"0000false", "0000true", "2004false", "2005false", "2006false", "2099false"} {
		if seen[kind] == 0 {
			t.Errorf("no order got %s: %v", kind, seen)
		}
	}
}

// anyOrder returns a random order, valid or not.
func anyOrder(random *rand.Rand, today time.Time, requestID string) billing.Change {
	plans := billing.Plans()
	change := order(requestID, plans[random.IntN(len(plans))].Code)
	change.Current = plans[random.IntN(4)].Code // those on sale at the line's operator
	if random.IntN(3) == 0 {
		change.On = today.AddDate(0, 0, random.IntN(10))
	}
	return change
}

func checkPlan(t *testing.T, seed uint64, book *memoryLog) {
	t.Helper()
	want := "LTE-BASIC-001"
	for _, placed := range book.placed {
		if placed.Applied(book.now) {
			if placed.Current != want {
				t.Errorf("seed %d: %s took the line from %s, not %s", seed, placed.RequestID, placed.Current, want)
			}
			want = placed.Target
		}
	}
	if got := book.line(t, "01099998888").PlanOn(book.today()).Code; got != want {
		t.Fatalf("seed %d: %s is in force, want %s", seed, got, want)
	}
}
