package drills

import (
	"fmt"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Drill is a trouble with its load and its bounds.
type Drill struct {
	Name        string
	Description string // description in the report
	// Regulars each send a request every Pace for a bill seen before the drill: mostly the current
	// one, sometimes last month's or the menu. Without Past they do not request last month's.
	Regulars int
	Pace     time.Duration
	Past     bool
	// Newcomers arrive every Every, in the quiet phase and during the trouble. With Crowd they
	// arrive during the trouble only, Crowd of them, each with another line.
	Every time.Duration
	Crowd int
	// Quiet is the duration of the phase before the trouble, For that of the trouble, and After the
	// minimum duration of the recovery phase.
	Quiet, For, After time.Duration
	// ColdCaches clears all caches when the trouble begins.
	ColdCaches bool
	// RealLimit keeps KOS's rate limit of bill inquiries and the service's budget.
	RealLimit bool
	Trouble   Trouble
	Bounds    Bounds
}

// Trouble is the fault of a drill.
type Trouble struct {
	KOS  string // name of a KOS trouble; empty for none
	Line bool   // affects the first newcomer's line only
	// Redis is true if Redis is killed and stays down.
	Redis bool
}

// Bounds must hold in addition to the general rules: every regular is answered, and every newcomer
// eventually. Zero fields are not checked.
type Bounds struct {
	// Longest bounds the duration of every answer.
	Longest time.Duration
	// SoftTimeout bounds the regulars' 99th percentile during the trouble.
	SoftTimeout time.Duration
	// Refusal bounds the median duration of newcomers' refusals during the trouble.
	Refusal time.Duration
	// Slower bounds the ratio of the regulars' medians during and before the trouble, Tail that of
	// the 99th percentiles.
	Slower, Tail float64
	// Stale requires stale answers during the trouble. Unmarked bounds the age of answers for this
	// month that are not marked stale.
	Stale    bool
	Unmarked time.Duration
	// Fresh bounds the time from the end of the trouble to the last stale answer.
	Fresh time.Duration
	// Calls bounds the calls that reach KOS during the trouble. If Limited, Throttled bounds the
	// 429 answers in the whole drill, and Busiest the calls within any minute.
	Calls     int
	Limited   bool
	Throttled int
	Busiest   int
	// Served bounds the time from the start of the trouble to the last newcomer's bill.
	Served time.Duration
	// Once requires that a newcomer who retries after Retry-After finds the bill.
	Once bool
	// AllServed requires that no newcomer is refused, OthersServed that only the bad line's
	// newcomer is.
	AllServed, OthersServed bool
	// Flat requires that goroutines and memory do not grow.
	Flat bool
	// SameParts requires that no part was restarted, and that logins work again.
	SameParts bool
}

const (
	users      = 200
	pace       = 4 * time.Second
	oneASecond = time.Second
	// longest bounds every answer, softTimeout one for which a stale copy exists, refusal one while
	// KOS is known to be down (product.md).
	longest     = 8 * time.Second
	softTimeout = time.Second
	refusal     = 50 * time.Millisecond
	// recent is the age up to which an answer is not marked stale: the lifetime in L1.
	recent = 5 * time.Minute
	// perMinute is KOS's rate limit of bill inquiries.
	perMinute = 100
	// breaker is how long the breaker towards KOS stays open, plus the time until all regulars have
	// sent another request.
	breaker = 60*time.Second + 30*time.Second
)

// All are all drills.
var All = []Drill{
	steady("slow-ramp", kos.SlowRamp, 90*time.Second,
		"Latency of KOS rises to 5 s.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, Fresh: breaker}),
	steady("error-storm", kos.ErrorStorm, 60*time.Second,
		"Four of five calls to KOS fail.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, Stale: true, Fresh: breaker}),
	hang(),
	steady("flapping", kos.Flapping, 80*time.Second,
		"KOS alternates between 10 s of outage and 10 s of normal operation.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, Stale: true, Fresh: breaker}),
	limitDrop(),
	steady("outage", kos.Outage, 120*time.Second,
		"KOS answers every call with 503.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, Refusal: refusal, Stale: true, Unmarked: recent, Fresh: 90 * time.Second, Calls: 20}),
	badLine(),
	redisGone(),
	crowd(),
}

// Short is a short outage for regular test runs. The breaker towards KOS takes a minute of it. Its
// bounds do not depend on the speed of the machine.
func Short() Drill {
	d := steady("short", kos.Outage, 10*time.Second, "KOS answers every call with 503 for a moment.",
		Bounds{Stale: true, Unmarked: recent, Fresh: 2 * time.Minute, Calls: 20})
	d.Regulars, d.Pace, d.Quiet, d.After = 50, 2*time.Second, 4*time.Second, 0
	return d
}

// Find returns the drill with that name.
func Find(name string) (Drill, error) {
	names := make([]string, len(All))
	for i, drill := range All {
		if drill.Name == name {
			return drill, nil
		}
		names[i] = drill.Name
	}
	return Drill{}, fmt.Errorf("unknown trouble %q, want one of %s", name, strings.Join(names, ", "))
}

// steady returns a drill with 200 regulars and cold caches, without which KOS would not be needed.
func steady(name, trouble string, lasts time.Duration, story string, bounds Bounds) Drill {
	return Drill{
		Name: name, Description: story, Regulars: users, Pace: pace, Past: true, Every: oneASecond,
		Quiet: 30 * time.Second, For: lasts, After: 20 * time.Second,
		ColdCaches: true, Trouble: Trouble{KOS: trouble}, Bounds: bounds,
	}
}

// hang keeps the caches warm, because it measures requests that do not need KOS.
func hang() Drill {
	d := steady("hang", kos.Hang, 60*time.Second, "KOS accepts calls and answers none.",
		Bounds{Longest: longest, Tail: 2, Flat: true})
	d.Quiet, d.ColdCaches = 60*time.Second, false
	return d
}

// limitDrop uses the real limits. KOS answers a round of calls with 429 for each halving of the
// budget, from 97 calls a minute to less than 20, and another one each half minute when the budget
// has grown by a tenth and is too large again: 3 and 4 rounds in two minutes. Calls are at least
// half a second apart and shorter than that, so a round is one call, except for an initial burst of
// three.
func limitDrop() Drill {
	d := steady("limit-drop", kos.LimitDrop, 120*time.Second, "KOS lowers its rate limit to a fifth.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, Limited: true, Throttled: 7 + 2})
	d.RealLimit, d.Past, d.ColdCaches = true, false, false
	return d
}

func badLine() Drill {
	d := steady("bad-line", kos.BadLine, 60*time.Second, "Calls about one line fail, others do not.",
		Bounds{Longest: longest, SoftTimeout: softTimeout, OthersServed: true})
	d.Trouble.Line = true
	return d
}

// redisGone clears the processes' caches as well, which leaves the archive of final months and KOS.
func redisGone() Drill {
	d := steady("redis-gone", "", 120*time.Second, "Redis is killed and stays down.",
		Bounds{Longest: longest, AllServed: true, SameParts: true})
	d.Trouble = Trouble{Redis: true}
	return d
}

// crowd returns a drill with 1,000 newcomers with 1,000 lines within one minute.
func crowd() Drill {
	return Drill{
		Name: "crowd", Description: "A thousand customers with uncached lines arrive within a minute.",
		Regulars: 20, Pace: oneASecond, Past: true, Every: 60 * time.Millisecond, Crowd: 1000,
		Quiet: 60 * time.Second, For: 60 * time.Second, After: 10 * time.Second, RealLimit: true,
		Bounds: Bounds{
			Longest: longest, Slower: 1.2, Limited: true, Busiest: perMinute,
			Served: 11 * time.Minute, Once: true, AllServed: true,
		},
	}
}
