package chaos

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

var (
	began        = time.Date(2026, 1, 17, 9, 0, 0, 0, time.UTC)
	struck       = began.Add(30 * time.Second)
	over         = began.Add(90 * time.Second)
	ended        = began.Add(120 * time.Second)
	affectedLine = "01030000001"
)

// strict has all bounds that are compatible with one another.
var strict = Bounds{
	Longest: 8 * time.Second, SoftTimeout: time.Second, Refusal: 50 * time.Millisecond, Slower: 1.2, Tail: 2,
	Stale: true, Unmarked: 5 * time.Minute, Fresh: 20 * time.Second,
	Calls: 20, Limited: true, Throttled: 1, Busiest: 30,
	Served: 80 * time.Second, Once: true, OthersServed: true, Flat: true, SameParts: true,
}

// regular is an answered call of a regular.
func regular(at time.Time, kind string) traffic.Call {
	return traffic.Call{
		Start: at, Took: 10 * time.Millisecond, OK: true, Status: http.StatusOK, Asked: thisMonth, Got: kind, AsOf: at.Add(-time.Minute),
	}
}

// visit is a call of a newcomer.
func visit(at time.Time, kind string, took time.Duration) traffic.Call {
	return traffic.Call{Start: at, Took: took, OK: kind == fresh, Asked: thisMonth, Got: kind, Reason: "reason"}
}

// healthyDrill is a report without faults: answers were stale during the trouble and for 10 s after it,
// a newcomer waited, and the bad line's newcomer was refused.
func healthyDrill() Report {
	r := Report{
		Scenario: Scenario{Name: "healthy", Regulars: 1, Every: time.Second, Bounds: strict, table: drillTable}, Began: began, Trouble: struck, Over: over, Ended: ended, BadLine: affectedLine,
		Newcomers: []Newcomer{
			{Line: "01030000002", Served: struck.Add(time.Second), Visits: []traffic.Call{
				visit(struck, waiting, 7*time.Second), visit(struck.Add(9*time.Second), fresh, time.Millisecond),
			}},
			{Line: affectedLine, Served: over.Add(time.Second), Visits: []traffic.Call{
				visit(struck, refused, 9*time.Millisecond), visit(over, fresh, time.Second),
			}},
		},
	}
	for at := began; at.Before(ended); at = at.Add(100 * time.Millisecond) {
		kind := fresh
		if at.After(struck.Add(time.Second)) && at.Before(over.Add(10*time.Second)) {
			kind = stale
		}
		r.Regulars = append(r.Regulars, regular(at, kind))
	}
	for at := began; at.Before(ended); at = at.Add(4 * time.Second) {
		r.KOS = append(r.KOS, KOSCall{at, kos.BillInquiry, http.StatusOK})
		r.Gauges = append(r.Gauges, Gauge{at, 100, 40 << 20})
	}
	r.KOS[8].Status = http.StatusTooManyRequests
	return r
}

func TestHealthyDrillHasNoFaults(t *testing.T) {
	t.Parallel()
	if faults := healthyDrill().Faults(); len(faults) > 0 {
		t.Errorf("found %q", faults)
	}
	bare := healthyDrill()
	bare.Scenario.Bounds = Bounds{}
	if faults := bare.Faults(); len(faults) > 0 {
		t.Errorf("without bounds: %q", faults)
	}
	if n := len(bare.Checks()); n != 3 {
		t.Errorf("%d checks without bounds", n)
	}
}

// during returns the regulars' calls from the start of the trouble on.
func during(r *Report) []traffic.Call {
	first := slices.IndexFunc(r.Regulars, func(c traffic.Call) bool { return !c.Start.Before(struck) })
	return r.Regulars[first:]
}

func slow(calls []traffic.Call, took time.Duration) {
	for i := range calls {
		calls[i].Took = took
	}
}

// wrongs are single faults, each with part of its description.
var wrongs = map[string]struct {
	spoil func(*Report)
	want  string
}{
	"a regular is refused": {
		func(r *Report) { r.Regulars[0].Got, r.Regulars[0].Reason = refused, "why" },
		"not answered: 1 of 1200, the first: why",
	},
	"a regular must wait":      {func(r *Report) { r.Regulars[0].Got = waiting }, "not answered: 1 of 1200"},
	"a regular gets an error":  {func(r *Report) { during(r)[0].Got = failed }, "not answered: 1 of 1200"},
	"a newcomer gets an error": {func(r *Report) { r.Newcomers[0].Visits[0].Got = failed }, "neither an answer nor a retry time: 1 of 4"},
	"a newcomer has no bill":   {func(r *Report) { r.Newcomers[0].Served = time.Time{} }, "without a bill at the end: 1 of 2"},
	"no newcomers":             {func(r *Report) { r.Newcomers = nil }, "without a bill at the end: 0 of 0"},
	"another line is refused":  {func(r *Report) { r.Newcomers[0].Visits[0] = visit(struck, refused, 0) }, "about other lines that were refused: 1 of 2"},
	"a newcomer is refused": {
		func(r *Report) { r.Scenario.Bounds.AllServed = true },
		"calls that were refused: 1 of 4",
	},
	"a newcomer retries twice": {
		func(r *Report) {
			again := visit(struck.Add(8*time.Second), waiting, time.Second)
			r.Newcomers[0].Visits = slices.Insert(r.Newcomers[0].Visits, 1, again)
		},
		"found no bill: 1",
	},
	"the last one comes late": {
		func(r *Report) { r.Newcomers[1].Served = struck.Add(81 * time.Second) },
		"last one's bill: 1m21s",
	},
	"an answer is too slow": {func(r *Report) { r.Newcomers[0].Visits[0].Took = 8100 * time.Millisecond }, "longest wait for an answer: 8.1s"},
	"known answers take long": {
		func(r *Report) { slow(r.Regulars[:5], 3*time.Second); slow(during(r)[:10], 1100*time.Millisecond) },
		"99th percentile of regular answers: 1.1s",
	},
	"refusals take long": {func(r *Report) { r.Newcomers[1].Visits[0].Took = 60 * time.Millisecond }, "median duration of a refusal: 60ms"},
	"the median rises":   {func(r *Report) { slow(during(r), 13*time.Millisecond) }, "the median of regular answers: 13ms, 10ms before"},
	"the slowest rise":   {func(r *Report) { slow(during(r)[:10], 21*time.Millisecond) }, "the 99th percentile of regular answers"},
	"old answers do not say so": {
		func(r *Report) {
			for i := range r.Regulars {
				if r.Regulars[i].Start.Before(over) {
					r.Regulars[i].Got = fresh
				}
			}
		},
		"stale answers during the trouble: 0 of 600",
	},
	"an older answer does not say so": {
		func(r *Report) { during(r)[0].AsOf = struck.Add(-6 * time.Minute) },
		"not marked stale: 6m0s",
	},
	"old answers go on":        {func(r *Report) { r.Regulars[1190].Got = stale }, "stale answers after the trouble for: 29s"},
	"no answer is fresh again": {func(r *Report) { r.Regulars = r.Regulars[:1000] }, "fresh answers are given after the trouble"},
	"KOS is called during the outage": {
		func(r *Report) { r.KOS = append(r.KOS, calls(5, http.StatusBadGateway, 10*time.Second)...) },
		"reached KOS during the trouble: 20; fewer than 20",
	},
	"KOS refuses too many calls": {
		func(r *Report) { r.KOS = append(r.KOS, calls(2, http.StatusTooManyRequests, time.Second)...) },
		"refused as too many: 3; at most 1",
	},
	"a minute is too busy": {
		func(r *Report) { r.KOS = calls(31, http.StatusOK, time.Second); r.Scenario.Bounds.Calls = 0 },
		"busiest minute: 31; at most 30",
	},
	"goroutines grow":       {func(r *Report) { r.Gauges[10].Goroutines = 201 }, "goroutines at most: 201, 100 before"},
	"memory grows":          {func(r *Report) { r.Gauges[10].Memory = 67 << 20 }, "memory at most: 67 MB, 40 MB before"},
	"a part is another one": {func(r *Report) { r.Changed = []string{"redis"} }, `did not recover by themselves: 1 ["redis"]`},
	"a poll fails": {
		func(r *Report) { r.Newcomers[0].Visits[1].Got = failed },
		"neither an answer nor a retry time: 1 of 4",
	},
}

// calls are calls that reach KOS during the trouble.
func calls(n, status int, apart time.Duration) []KOSCall {
	var all []KOSCall
	for i := range n {
		all = append(all, KOSCall{struck.Add(time.Duration(i) * apart), kos.BillInquiry, status})
	}
	return all
}

func TestEachFaultOfADrillIsFound(t *testing.T) {
	t.Parallel()
	for name, wrong := range wrongs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := healthyDrill()
			wrong.spoil(&r)
			faults := r.Faults()
			if len(faults) != 1 || !strings.Contains(faults[0], wrong.want) {
				t.Errorf("found %q, want %q", faults, wrong.want)
			}
		})
	}
}

func TestMissingQuietPhaseIsAFault(t *testing.T) {
	t.Parallel()
	r := healthyDrill()
	r.Regulars, r.Gauges = during(&r), nil
	if faults := r.Faults(); len(faults) != 4 { // median, 99th percentile, goroutines, memory
		t.Errorf("found %q", faults)
	}
}

func TestMissingLoadIsAFault(t *testing.T) {
	t.Parallel()
	r := healthyDrill()
	r.Scenario.Bounds, r.Regulars = Bounds{}, r.Regulars[:300] // until the trouble
	if faults := r.Faults(); len(faults) != 1 || faults[0] != "regular requests that were not answered: 0 of 300" {
		t.Errorf("found %q", faults)
	}
}

func TestReturnedTwice(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		got   []string
		twice bool
	}{
		"at once":            {[]string{fresh}, false},
		"after waiting":      {[]string{waiting, fresh}, false},
		"after two waits":    {[]string{waiting, waiting, fresh}, true},
		"refused afterwards": {[]string{waiting, refused, fresh}, true},
		"refused before":     {[]string{refused, refused, waiting, stale}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var newcomer Newcomer
			for _, kind := range test.got {
				newcomer.note(traffic.Call{Got: kind, OK: kind == fresh || kind == stale})
			}
			if got := newcomer.returnedTwice(); got != test.twice {
				t.Errorf("%s: %t", name, got)
			}
		})
	}
	looks := Newcomer{Visits: []traffic.Call{{Asked: thisMonth, Got: waiting}, {Asked: progress, Got: waiting}}}
	if looks.returnedTwice() {
		t.Error("a poll counts as a retry")
	}
}
