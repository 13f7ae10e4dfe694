package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/stage"
)

// Launch is the busy first minute: users who were never seen before log in within spread, and see
// the first screen; then everybody returns. KOS has its latencies, faults and limits, of which the
// preload needs none.
func Launch(users int, spread time.Duration, preloaded bool) Scenario {
	s := Scenario{
		Name: "launch", Description: "Users whom no service knows log in and open the first screen.",
		Users: users, Behaviors: realistic(!preloaded), Env: quiet[1:],
		Rounds: []Round{
			{Name: "first visit", Visit: append([]Act{{Login, 1}}, FirstScreen...), Spread: spread, Patience: spread + launchPatience},
			{Name: "second visit", Visit: FirstScreen, Spread: spread / 6, Patience: time.Minute},
		},
		Bounds: Bounds{Once: true, NoRefusals: true},
	}
	if preloaded {
		s.Name, s.Description = "launch-preloaded", "Users whose lines are preloaded log in and open the first screen."
		s.Preload, s.Env = true, slices.Concat(ample, s.Env)
	}
	return s
}

// launchPatience is how long users of a launch wait: KOS answers 100 inquiries a minute.
const launchPatience = 14 * time.Minute

// Crowd is a number of users who act every think time, in the open model, with warm caches.
func Crowd(users int, think, lasts time.Duration) Scenario {
	return Scenario{
		Name: "crowd", Description: fmt.Sprintf("Users act every %s, however long answers take, for %s.", think, lasts),
		Users: users, Env: slices.Concat(ample, cheapLogins, quiet), Preload: true, WarmUp: warmUp,
		Rounds: []Round{{Name: fmt.Sprintf("%d users, every %s", users, think), Visit: Usual, Spread: think, Every: think, For: lasts}},
		Bounds: Bounds{NoRefusals: true},
	}
}

// Portal is a number of users who open the home page and the page of the bill in turn, every think
// time, with warm caches.
func Portal(users int, think, lasts time.Duration) Scenario {
	s := Crowd(users, think, lasts)
	s.Name, s.Description = "portal", fmt.Sprintf("Users open a page of the portal every %s, for %s.", think, lasts)
	s.Rounds[0].Visit = []Act{{HomePage, 1}, {BillPage, 1}}
	return s
}

// Soak is Crowd in the closed model, with a quiet time before and after for comparison.
func Soak(users int, think, lasts, rest time.Duration) Scenario {
	s := Crowd(users, think, lasts)
	s.Name, s.Description = "soak", fmt.Sprintf("Users think for %s on average, for %s.", think, lasts)
	s.Rounds = []Round{
		{Name: "before", For: rest},
		{Name: fmt.Sprintf("%d users, think %s", users, think), Visit: Usual, Spread: think, Think: think, For: lasts},
		{Name: "after", For: rest},
	}
	return s
}

// Stale compares bills that only the archive has, while KOS's budget is spent, with bills of L2:
// rounds of each in turn, each with as many different lines as users.
func Stale(users, turns int) Scenario {
	s := Scenario{
		Name: "stale", Description: "Each user inquires once, 64 at a time: bills of L2 and stale ones of the archive in turn.",
		Users: users, Sync: true, Env: slices.Concat(ample, cheapLogins, quiet), WarmUp: warmUp,
		Bounds: Bounds{NoRefusals: true, Stale: true},
	}
	inquire := Round{Visit: []Act{{Inquiry, 1}}, AtOnce: 64, Patience: time.Minute}
	for range turns {
		inquire.Name, inquire.before = "L2", emptyL1
		s.Rounds = append(s.Rounds, inquire)
	}
	for range turns {
		inquire.Name, inquire.before = "stale", onlyArchive
		s.Rounds = append(s.Rounds, inquire)
	}
	return s
}

// emptyL1 restarts the bill service, and opens its connections.
func emptyL1(ctx context.Context, r *run) error {
	if err := errors.Join(r.System.Restart(ctx, stage.Bills), r.System.WaitReady(ctx)); err != nil {
		return err
	}
	return r.play(ctx, Round{Visit: []Act{{Menu, 1}}, AtOnce: 64, Patience: time.Minute}, newMeter())
}

// staleAge is the age from which an archived bill is stale even while others wait for KOS.
const staleAge = 5 * time.Minute

// onlyArchive waits until all archived bills are stale, spends KOS's budget, and empties the
// caches. The age of a bill is sealed, so that it cannot be changed.
func onlyArchive(ctx context.Context, r *run) error {
	newest, err := stage.Query[struct{ At time.Time }](ctx, r.Stage, "bill_inquiry", "SELECT max(as_of) FROM customer_bill")
	if err != nil {
		return err
	}
	if err := proc.Pause(ctx, time.Until(newest[0].At.Add(staleAge))); err != nil {
		return err
	}
	const spend = "UPDATE kos_budget SET full_at = now() + interval '1 hour'"
	if _, err := stage.Query[struct{}](ctx, r.Stage, "bill_inquiry", spend); err != nil {
		return err
	}
	err = r.System.ClearStore(ctx, "cache-store")
	return errors.Join(err, emptyL1(ctx, r))
}

// Costs measures the CPU time of each step for itself, and then mixes of them at other rates, for
// the capacity model. Users act every think time, so that the age of cached sessions is the usual
// one.
func Costs(users int, think, lasts time.Duration) Scenario {
	s := Crowd(users, think, lasts)
	s.Name, s.Description = "costs", fmt.Sprintf("Nothing, then each step alone, then mixes: users act every %s.", think)
	s.Rounds = []Round{{Name: "idle", For: lasts}}
	add := func(name string, visit []Act, every time.Duration, users int) {
		s.Rounds = append(s.Rounds, Round{Name: name, Visit: visit, Users: users, Spread: every, Every: every, For: lasts})
	}
	for _, step := range []Step{Login, Customer, Menu, Inquiry, Month, History, Plans, Check} {
		add(string(step), []Act{{step, 1}}, think, users/2)
	}
	add("usual", Usual, think, users)
	add("plain", Plain, think, users)
	add(string(Change), []Act{{Change, 1}}, lasts, users/10) // last, as it empties caches
	return s
}
