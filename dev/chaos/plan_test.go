package chaos

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/system"
)

func TestSeedDeterminesThePlan(t *testing.T) {
	t.Parallel()
	size := Size{Changes: 500, Kills: 30}
	plan := NewPlan(7, size)
	if diff := cmp.Diff(plan, NewPlan(7, size)); diff != "" {
		t.Errorf("the same seed (-first +second):\n%s", diff)
	}
	other := NewPlan(8, size)
	if cmp.Equal(plan.Customers, other.Customers) || cmp.Equal(plan.Disruptions, other.Disruptions) || cmp.Equal(plan.Faults, other.Faults) {
		t.Error("another seed gives the same")
	}
	calmer := NewPlan(7, Size{Changes: 500, Kills: 3})
	if diff := cmp.Diff(plan.Customers, calmer.Customers); diff != "" {
		t.Errorf("fewer kills change the customers' requests:\n%s", diff)
	}
}

func TestPlanMatchesItsSize(t *testing.T) {
	t.Parallel()
	plan := NewPlan(7, Size{Changes: 499, Kills: 30})

	keys := map[string]bool{}
	async, later := 0, 0
	for _, requests := range plan.Customers {
		if !slices.IsSortedFunc(requests, func(a, b ChangeRequest) int { return int(a.At - b.At) }) {
			t.Error("a customer's requests are not in order")
		}
		for i, request := range requests {
			keys[request.Key] = true
			if request.At < 0 || request.At >= 499*changePace {
				t.Errorf("a request at %s", request.At)
			}
			if request.Async {
				async++
			}
			if request.Later {
				later++
				if i == len(requests)-1 {
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
	for _, disrupt := range plan.Disruptions {
		killed[disrupt.Role]++
		if !disrupt.Pause {
			kills++
		}
		if disrupt.After < 0 || disrupt.After >= 499 || disrupt.For < 0 || disrupt.For >= 5*time.Second {
			t.Errorf("%+v", disrupt)
		}
	}
	if kills != 30 || len(plan.Disruptions) != 40 {
		t.Errorf("%d kills of %d disruptions", kills, len(plan.Disruptions))
	}
	for role, share := range shares {
		if killed[role] < share {
			t.Errorf("%s is disrupted %d times, its share is %d", role, killed[role], share)
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
