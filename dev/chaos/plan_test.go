package chaos

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/system"
)

func TestASeedAlwaysGivesTheSamePlan(t *testing.T) {
	t.Parallel()
	size := Size{Changes: 500, Kills: 30}
	plan := NewPlan(7, size)
	if diff := cmp.Diff(plan, NewPlan(7, size)); diff != "" {
		t.Errorf("the same seed (-first +second):\n%s", diff)
	}
	other := NewPlan(8, size)
	if cmp.Equal(plan.Customers, other.Customers) || cmp.Equal(plan.Harms, other.Harms) || cmp.Equal(plan.Faults, other.Faults) {
		t.Error("another seed gives the same")
	}
	calmer := NewPlan(7, Size{Changes: 500, Kills: 3})
	if diff := cmp.Diff(plan.Customers, calmer.Customers); diff != "" {
		t.Errorf("fewer kills change what customers want:\n%s", diff)
	}
}

func TestAPlanHasWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	plan := NewPlan(7, Size{Changes: 499, Kills: 30})

	keys := map[string]bool{}
	async, later := 0, 0
	for _, wishes := range plan.Customers {
		if !slices.IsSortedFunc(wishes, func(a, b Wish) int { return int(a.At - b.At) }) {
			t.Error("a customer's wishes are not in order")
		}
		for i, wish := range wishes {
			keys[wish.Key] = true
			if wish.At < 0 || wish.At >= 499*pace {
				t.Errorf("a wish at %s", wish.At)
			}
			if wish.Async {
				async++
			}
			if wish.Later {
				later++
				if i == len(wishes)-1 {
					t.Error("nothing follows a change for a later day")
				}
			}
		}
	}
	if len(keys) != 499 || async == 0 || later == 0 || len(plan.Faults) == 0 {
		t.Errorf("%d keys, %d asynchronous, %d later, %d faults", len(keys), async, later, len(plan.Faults))
	}

	killed := map[system.Role]int{}
	kills := 0
	for _, harm := range plan.Harms {
		killed[harm.Role]++
		if !harm.Pause {
			kills++
		}
		if harm.After < 0 || harm.After >= 499 || harm.For < 0 || harm.For >= 5*time.Second {
			t.Errorf("%+v", harm)
		}
	}
	if kills != 30 || len(plan.Harms) != 40 {
		t.Errorf("%d kills of %d harms", kills, len(plan.Harms))
	}
	for role, share := range shares {
		if killed[role] < share {
			t.Errorf("%s is harmed %d times, its share is %d", role, killed[role], share)
		}
	}
}

func TestSharesAreOfThirty(t *testing.T) {
	t.Parallel()
	sum := 0
	for _, share := range shares {
		sum += share
	}
	if sum != 30 {
		t.Errorf("the shares add up to %d", sum)
	}
}
