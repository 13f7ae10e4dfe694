package chaos

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

const (
	users      = 200
	pace       = 4 * time.Second
	oneASecond = time.Second
	// longest bounds every answer, softTimeout one for which a stale copy exists, refusalTime one
	// while KOS is known to be down (product.md).
	longest     = 8 * time.Second
	softTimeout = time.Second
	refusalTime = 50 * time.Millisecond
	// recent is the age up to which an answer is not marked stale: the lifetime in L1.
	recent = 5 * time.Minute
	// perMinute is KOS's rate limit of bill inquiries.
	perMinute = 100
	// breaker is how long the breaker towards KOS stays open, plus the time until all regulars have
	// sent another request.
	breaker = 60*time.Second + 30*time.Second
)

// normal is the behaviour of KOS in drills.
var normal = kos.Behavior{Latency: kos.Latency{Min: 200, Max: 500}, ErrorShare: 0.005}

// billRequests are what regulars request: mostly this month's bill, sometimes last month's or the
// menu.
var billRequests = []string{menu, thisMonth, thisMonth, thisMonth, thisMonth, pastMonth, thisMonth, thisMonth, thisMonth, thisMonth}

// Drills returns all drills: what customers see during one trouble of KOS or Redis.
func Drills() []Scenario {
	return []Scenario{
		drill("slow-ramp", kos.SlowRamp, 90*time.Second,
			"Latency of KOS rises to 5 s.",
			Bounds{Longest: longest, SoftTimeout: softTimeout, Fresh: breaker}),
		drill("error-storm", kos.ErrorStorm, 60*time.Second,
			"Four of five calls to KOS fail.",
			Bounds{Longest: longest, SoftTimeout: softTimeout, Stale: true, Fresh: breaker}),
		hang(),
		drill("flapping", kos.Flapping, 80*time.Second,
			"KOS alternates between 10 s of outage and 10 s of normal operation.",
			Bounds{Longest: longest, SoftTimeout: softTimeout, Stale: true, Fresh: breaker}),
		limitDrop(),
		drill("outage", kos.Outage, 120*time.Second,
			"KOS answers every call with 503.",
			Bounds{
				Longest: longest, SoftTimeout: softTimeout, Refusal: refusalTime,
				Stale: true, Unmarked: recent, Fresh: 90 * time.Second, Calls: 20,
			}),
		badLine(),
		redisGone(),
		crowd(),
	}
}

// ShortDrill is a short outage for regular test runs. The breaker towards KOS takes a minute of it.
// Its bounds do not depend on the speed of the machine.
func ShortDrill() Scenario {
	d := drill("short", kos.Outage, 10*time.Second, "KOS answers every call with 503 for a moment.",
		Bounds{Stale: true, Unmarked: recent, Fresh: 2 * time.Minute, Calls: 20})
	d.Regulars, d.Pace, d.Quiet, d.After = 50, 2*time.Second, 4*time.Second, 0
	return d
}

// FindDrill returns the drill with that name.
func FindDrill(name string) (Scenario, error) {
	var names []string
	for _, drill := range Drills() {
		if drill.Name == name {
			return drill, nil
		}
		names = append(names, drill.Name)
	}
	return Scenario{}, fmt.Errorf("unknown trouble %q, want one of %s", name, strings.Join(names, ", "))
}

// drill returns a drill with 200 regulars and cold caches, without which KOS would not be needed.
// Prefetching is off, because it would warm the caches for newcomers.
func drill(name, trouble string, lasts time.Duration, story string, bounds Bounds) Scenario {
	return Scenario{
		Name: name, Description: story, Regulars: users, Pace: pace, Asks: billRequests, Every: oneASecond,
		Quiet: 30 * time.Second, For: lasts, After: 20 * time.Second,
		Env: []string{
			"PREFETCH_ENABLED=false", "NIGHTLY_REFRESH_ENABLED=false", "KOS_PRODUCT_INQUIRY_PER_MINUTE=3000", raisedLimit,
		},
		Behaviors:  map[string]kos.Behavior{kos.BillInquiry: normal, kos.ProductInquiry: normal},
		ColdCaches: true, Trouble: Trouble{KOS: trouble}, begin: (*run).startTrouble, Bounds: bounds, table: drillTable,
	}
}

// raisedLimit raises the service's budget of bill inquiries.
const raisedLimit = "KOS_BILL_INQUIRY_PER_MINUTE=3000"

// realLimit keeps KOS's rate limit of bill inquiries and the service's budget.
func realLimit(d Scenario) Scenario {
	limited := normal
	limited.LimitPerMinute = perMinute
	d.Behaviors[kos.BillInquiry] = limited
	d.Env = slices.DeleteFunc(d.Env, func(variable string) bool { return variable == raisedLimit })
	return d
}

// hang keeps the caches warm, because it measures requests that do not need KOS.
func hang() Scenario {
	d := drill("hang", kos.Hang, 60*time.Second, "KOS accepts calls and answers none.",
		Bounds{Longest: longest, Tail: 2, Flat: true})
	d.Quiet, d.ColdCaches = 60*time.Second, false
	return d
}

// limitDrop uses the real limits. KOS answers a round of calls with 429 for each halving of the
// budget, from 97 calls a minute to less than 20, and another one each half minute when the budget
// has grown by a tenth and is too large again: 3 and 4 rounds in two minutes. Calls are at least
// half a second apart and shorter than that, so a round is one call, except for an initial burst of
// three.
func limitDrop() Scenario {
	d := realLimit(drill("limit-drop", kos.LimitDrop, 120*time.Second, "KOS lowers its rate limit to a fifth.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, Limited: true, Throttled: 7 + 2}))
	d.Asks, d.ColdCaches = slices.Clone(billRequests), false
	d.Asks[slices.Index(d.Asks, pastMonth)] = thisMonth
	return d
}

func badLine() Scenario {
	d := drill("bad-line", kos.BadLine, 60*time.Second, "Calls about one line fail, others do not.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, OthersServed: true})
	d.Trouble.Line = true
	return d
}

// redisGone clears the processes' caches as well, which leaves the archive of final months and KOS.
func redisGone() Scenario {
	d := drill("redis-gone", "", 120*time.Second, "Redis is killed and stays down.",
		Bounds{Longest: longest, AllServed: true, SameParts: true})
	d.Trouble = Trouble{Redis: true}
	return d
}

// crowd returns a drill with 1,000 newcomers with 1,000 lines within one minute.
func crowd() Scenario {
	d := realLimit(drill("crowd", "", 60*time.Second, "A thousand customers with uncached lines arrive within a minute.",
		Bounds{
			Longest: longest, Slower: 1.2, Limited: true, Busiest: perMinute,
			Served: 11 * time.Minute, Once: true, AllServed: true,
		}))
	d.Regulars, d.Pace, d.Every, d.Crowd = 20, oneASecond, 60*time.Millisecond, 1000
	d.Quiet, d.After, d.ColdCaches = 60*time.Second, 10*time.Second, false
	return d
}

// drillTable returns the report of a drill as a Markdown table.
func drillTable(r Report) string {
	before, during := r.phase("", r.quiet()), r.phase("", r.trouble())
	holds := "yes"
	if len(r.Faults()) > 0 {
		holds = "**no**"
	}
	return `| trouble | lasted | regular answers | failed | stale | median before / during | p99 before / during | newcomers | their slowest answer | calls of KOS before / during | refused by KOS | stale until | holds |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|
` + fmt.Sprintf("| [%s](pictures/%s.svg) | %s | %d | %d | %d | %s / %s | %s / %s | %d | %s | %d / %d | %d | %s | %s |",
		r.Scenario.Name, r.Scenario.Name, r.Over.Sub(r.Trouble).Round(time.Second), len(r.Regulars),
		len(got(r.Regulars, waiting, refused, failed)), len(got(r.Regulars, stale)),
		short(before.Median), short(during.Median), short(before.Tail), short(during.Tail),
		len(r.Newcomers), short(slowest(r.newcomers(r.whole(), true)).Took), before.Calls, during.Calls,
		r.calls(r.whole(), http.StatusTooManyRequests), r.oldUntil(), holds)
}

// oldUntil returns how long after the trouble stale answers were given.
func (r Report) oldUntil() string {
	last := lastStale(r.Regulars)
	switch {
	case last.IsZero():
		return "none"
	case last.Before(r.Over):
		return "its end"
	}
	return "+" + last.Sub(r.Over).Round(time.Second).String()
}
