package drills

import (
	"fmt"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// Drill is one trouble, and what must hold in it.
type Drill struct {
	Name  string
	Story string // what happens, for people
	// Regulars each ask at every Pace for a bill that was seen before the drill:
	// mostly this month's, sometimes last month's or the menu. Without Past they
	// ask for no last month's.
	Regulars int
	Pace     time.Duration
	Past     bool
	// Newcomers come one at every Every, in the quiet phase and in the trouble,
	// or if there is a Crowd only in the trouble: so many, each with another line.
	Every time.Duration
	Crowd int
	// Quiet is how long all is well before, For how long the trouble lasts, and
	// After how long the recovery is watched at least.
	Quiet, For, After time.Duration
	// Forgotten says that the caches have lost everything when the trouble begins.
	Forgotten bool
	// RealLimit keeps KOS's limit of bill inquiries, and the service's budget.
	RealLimit bool
	Trouble   Trouble
	Bounds    Bounds
}

// Trouble is what happens to the system.
type Trouble struct {
	KOS  string // one of KOS's troubles; none if empty
	Line bool   // it hits the first newcomer's line only
	// Redis says that the server is killed, and away.
	Redis bool
}

// Bounds are what must hold besides what always must: regulars are answered,
// and newcomers are by the end. What is zero is not looked at.
type Bounds struct {
	// Longest bounds the wait for any answer, of anybody.
	Longest time.Duration
	// Glance bounds what regulars wait in the trouble, but for a hundredth.
	Glance time.Duration
	// Refusal bounds the median time that a refused newcomer waits for the
	// refusal in the trouble.
	Refusal time.Duration
	// Slower bounds the regulars' median and Tail their 99th percentile in the
	// trouble, in parts of those of the quiet phase.
	Slower, Tail float64
	// Stale says that old answers were given and marked as such. Unmarked bounds
	// the age of those about this month that were not, in the trouble.
	Stale    bool
	Unmarked time.Duration
	// Fresh bounds the time between the trouble and the last old answer.
	Fresh time.Duration
	// Calls bounds the calls that reach KOS in the trouble, Throttled those that
	// it refuses with 429 in the whole drill, if Limited, and Busiest those
	// within any minute.
	Calls     int
	Limited   bool
	Throttled int
	Busiest   int
	// Served bounds the time between the trouble's begin and the last newcomer's
	// bill.
	Served time.Duration
	// Once says that who comes back when told so finds the bill.
	Once bool
	// AllServed says that no newcomer is refused, OthersServed that none is but
	// the owner of the bad line.
	AllServed, OthersServed bool
	// Flat says that goroutines and memory do not grow.
	Flat bool
	// SameParts says that no part was started anew, and logins work again.
	SameParts bool
}

const (
	users      = 200
	pace       = 4 * time.Second
	oneASecond = time.Second
	// longest is what nobody waits longer than for an answer, glance where an
	// older answer exists, refusal where KOS is known to be away (product.md).
	longest = 8 * time.Second
	glance  = time.Second
	refusal = 50 * time.Millisecond
	// recent is how old an answer may be without saying so: what a process keeps
	// to itself may be as old.
	recent = 5 * time.Minute
	// perMinute is what KOS allows of bill inquiries.
	perMinute = 100
	// breaker is how long the breaker towards KOS stays open, with what it takes
	// until everybody has asked again.
	breaker = 60*time.Second + 30*time.Second
)

// All are all drills.
var All = []Drill{
	steady("slow-ramp", kos.SlowRamp, 90*time.Second,
		"KOS's answers take longer and longer, up to 5 s.",
		Bounds{Longest: longest, Glance: glance, Fresh: breaker}),
	steady("error-storm", kos.ErrorStorm, 60*time.Second,
		"Four of five calls to KOS fail.",
		Bounds{Longest: longest, Glance: glance, Stale: true, Fresh: breaker}),
	hang(),
	steady("flapping", kos.Flapping, 80*time.Second,
		"KOS is out for 10 s, and well for 10 s, in turn.",
		Bounds{Longest: longest, Glance: glance, Stale: true, Fresh: breaker}),
	limitDrop(),
	steady("outage", kos.Outage, 120*time.Second,
		"KOS answers 503 to everything.",
		Bounds{Longest: longest, Glance: glance, Refusal: refusal, Stale: true, Unmarked: recent, Fresh: 90 * time.Second, Calls: 20}),
	badLine(),
	redisGone(),
	crowd(),
}

// Short is an outage for every day. The breaker towards KOS takes a minute of
// it. It asserts nothing that a busy machine could make untrue.
func Short() Drill {
	d := steady("short", kos.Outage, 10*time.Second, "KOS answers 503 to everything, for a moment.",
		Bounds{Stale: true, Unmarked: recent, Fresh: 2 * time.Minute, Calls: 20})
	d.Regulars, d.Pace, d.Quiet, d.After = 50, 2*time.Second, 4*time.Second, 0
	return d
}

// Find returns the drill of a name.
func Find(name string) (Drill, error) {
	names := make([]string, len(All))
	for i, drill := range All {
		if drill.Name == name {
			return drill, nil
		}
		names[i] = drill.Name
	}
	return Drill{}, fmt.Errorf("no trouble %q, but %s", name, strings.Join(names, ", "))
}

// steady is a drill of 200 regulars, with caches that have lost everything when
// the trouble begins: else KOS would not be needed.
func steady(name, trouble string, lasts time.Duration, story string, bounds Bounds) Drill {
	return Drill{
		Name: name, Story: story, Regulars: users, Pace: pace, Past: true, Every: oneASecond,
		Quiet: 30 * time.Second, For: lasts, After: 20 * time.Second,
		Forgotten: true, Trouble: Trouble{KOS: trouble}, Bounds: bounds,
	}
}

// hang leaves the caches as they are: how those fare who need nothing of KOS is
// what it is about.
func hang() Drill {
	d := steady("hang", kos.Hang, 60*time.Second, "KOS takes calls and answers none.",
		Bounds{Longest: longest, Tail: 2, Flat: true})
	d.Quiet, d.Forgotten = 60*time.Second, false
	return d
}

// limitDrop is about limits, so they are real. For each halving of the budget,
// from 97 calls a minute to less than 20, KOS refuses a round of calls, and one
// more each half minute in which the budget grows by a tenth and is too large
// again: 3 and 4 in two minutes. Calls go out at least half a second apart and
// take less than that, so that a round is one call, but for the burst of three
// that may be left at first.
func limitDrop() Drill {
	d := steady("limit-drop", kos.LimitDrop, 120*time.Second, "KOS allows a fifth of the calls it used to.",
		Bounds{Longest: longest, Glance: glance, Limited: true, Throttled: 7 + 2})
	d.RealLimit, d.Past, d.Forgotten = true, false, false
	return d
}

func badLine() Drill {
	d := steady("bad-line", kos.BadLine, 60*time.Second, "Calls about one line fail, others do not.",
		Bounds{Longest: longest, Glance: glance, OthersServed: true})
	d.Trouble.Line = true
	return d
}

// redisGone has the caches in the processes forget too: what is left are the
// archive of final months, and KOS.
func redisGone() Drill {
	d := steady("redis-gone", "", 120*time.Second, "Redis is killed, and away.",
		Bounds{Longest: longest, AllServed: true, SameParts: true})
	d.Trouble = Trouble{Redis: true}
	return d
}

// crowd is 1,000 newcomers with 1,000 lines within one minute.
func crowd() Drill {
	return Drill{
		Name: "crowd", Story: "A thousand customers whose lines nobody has asked for come within a minute.",
		Regulars: 20, Pace: oneASecond, Past: true, Every: 60 * time.Millisecond, Crowd: 1000,
		Quiet: 60 * time.Second, For: 60 * time.Second, After: 10 * time.Second, RealLimit: true,
		Bounds: Bounds{
			Longest: longest, Slower: 1.2, Limited: true, Busiest: perMinute,
			Served: 11 * time.Minute, Once: true, AllServed: true,
		},
	}
}
