package chaos

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Check is the result of one check.
type Check struct {
	Says  string // description with the measured value
	Wrong bool
}

// Faults returns the descriptions of failed checks.
func (r Report) Faults() []string {
	var faults []string
	for _, check := range r.Checks() {
		if check.Wrong {
			faults = append(faults, check.Says)
		}
	}
	return faults
}

// Checks returns the results of all checks of the scenario.
func (r Report) Checks() []Check {
	c := &checks{}
	if r.Scenario.Regulars > 0 {
		r.judgeAnswers(c)
		r.judgeTimes(c)
		r.judgeAge(c)
	}
	if r.Scenario.Every > 0 {
		r.judgeNewcomers(c)
	}
	r.judgeChanges(c)
	r.judgeKOS(c)
	r.judgeSystem(c)
	return c.all
}

type checks struct{ all []Check }

func (c *checks) add(wrong bool, format string, args ...any) {
	c.all = append(c.all, Check{fmt.Sprintf(format, args...), wrong})
}

// bound adds a check of a duration, unless most is zero.
func (c *checks) bound(is, most time.Duration, what string) {
	if most > 0 {
		c.add(is > most, "%s: %s; at most %s", what, short(is), short(most))
	}
}

// short rounds a duration for display.
func short(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	case d < 10*time.Second:
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// judgeAnswers checks that every regular is answered, and that there were requests since the trouble
// began.
func (r Report) judgeAnswers(c *checks) {
	lost, since := got(r.Regulars, waiting, refused, failed), r.regulars(span{r.Trouble, r.whole().to})
	c.add(len(lost) > 0 || len(since) == 0,
		"regular requests that were not answered: %d of %d%s", len(lost), len(r.Regulars), first(lost))
}

// first formats the first of the calls.
func first(calls []traffic.Call) string {
	if len(calls) == 0 {
		return ""
	}
	return ", the first: " + calls[0].Reason
}

func (r Report) judgeNewcomers(c *checks) {
	b, all := r.Scenario.Bounds, r.newcomers(r.whole(), true)
	lost := got(all, failed)
	c.add(len(lost) > 0, "newcomers' calls that got neither an answer nor a retry time: %d of %d%s", len(lost), len(all), first(lost))
	c.add(r.unserved() > 0 || len(r.Newcomers) == 0, "newcomers without a bill at the end: %d of %d", r.unserved(), len(r.Newcomers))
	if b.AllServed {
		turned := got(all, refused)
		c.add(len(turned) > 0, "newcomers' calls that were refused: %d of %d%s", len(turned), len(all), first(turned))
	}
	if b.OthersServed {
		others := r.newcomers(r.whole(), false)
		turned := got(others, refused)
		c.add(len(turned) > 0, "newcomers' calls about other lines that were refused: %d of %d%s", len(turned), len(others), first(turned))
	}
	if b.Once {
		twice := 0
		for _, newcomer := range r.Newcomers {
			if newcomer.returnedTwice() {
				twice++
			}
		}
		c.add(twice > 0, "newcomers who retried on time and found no bill: %d", twice)
	}
	c.bound(r.LastServed(), b.Served, "from the first newcomer to the last one's bill")
}

func (r Report) judgeTimes(c *checks) {
	b := r.Scenario.Bounds
	before, during := r.regulars(r.quiet()), r.regulars(r.trouble())
	everybody := append(r.regulars(r.whole()), r.newcomers(r.whole(), true)...)
	c.bound(slowest(everybody).Took, b.Longest, "the longest wait for an answer")
	c.bound(traffic.Quantile(during, 0.99), b.SoftTimeout, "99th percentile of regular answers")
	c.bound(traffic.Median(got(r.newcomers(r.trouble(), true), refused)), b.Refusal, "median duration of a refusal")
	r.compare(c, b.Slower, "the median", traffic.Median(before), traffic.Median(during))
	r.compare(c, b.Tail, "the 99th percentile", traffic.Quantile(before, 0.99), traffic.Quantile(during, 0.99))
}

// compare adds a check of a ratio of two durations, unless most is zero.
func (r Report) compare(c *checks, most float64, what string, before, during time.Duration) {
	if most > 0 {
		ratio := float64(during) / float64(max(before, 1))
		c.add(ratio > most || before == 0, "%s of regular answers: %s, %s before, that is %.2f times; at most %.1f",
			what, short(during), short(before), ratio, most)
	}
}

// judgeAge checks the ages of answers, and that stale ones are marked and temporary.
func (r Report) judgeAge(c *checks) {
	b, during := r.Scenario.Bounds, r.regulars(r.trouble())
	if b.Stale {
		c.add(len(got(during, stale)) == 0, "stale answers during the trouble: %d of %d", len(got(during, stale)), len(during))
	}
	if b.Unmarked > 0 {
		var oldest time.Duration
		for _, call := range aboutThisMonth(got(during, fresh)) {
			oldest = max(oldest, call.Start.Sub(call.AsOf))
		}
		c.bound(oldest, b.Unmarked, "maximum age of answers about this month not marked stale")
	}
	if b.Fresh > 0 {
		c.bound(max(0, lastStale(r.Regulars).Sub(r.Over)), b.Fresh, "stale answers after the trouble for")
		c.add(last(aboutThisMonth(got(r.Regulars, fresh))).Before(r.Over), "fresh answers are given after the trouble")
	}
}

// aboutThisMonth returns the calls about this month's bill.
func aboutThisMonth(calls []traffic.Call) []traffic.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c traffic.Call) bool { return c.Asked != thisMonth })
}

// judgeChanges checks that changes are neither lost nor doubled, that all records of them agree, and
// that all faults were injected.
func (r Report) judgeChanges(c *checks) {
	b, intended := r.Scenario.Bounds, 0
	for _, requests := range r.Scenario.Changes {
		intended += len(requests)
	}
	if intended == 0 {
		return
	}
	observed, refused, unanswered := r.Records.Observed, 0, 0
	for _, change := range observed {
		switch {
		case change.Refusal != "":
			refused++
		case len(change.Answers) == 0:
			unanswered++
		}
	}
	for _, finding := range Compare(r.Records) {
		c.add(true, "%s: %s", finding.Kind, finding.What)
	}
	c.add(len(observed) < intended, "changes that were requested: %d of %d", len(observed), intended)
	// Customers know their plans, so a refusal means that they got wrong data.
	c.add(refused > 0, "changes that were refused: %d", refused)
	c.add(unanswered > 0, "changes that were never answered: %d", unanswered)
	c.bound(r.settled(), b.Final, "from the last recovery to the last final change")
	for _, kind := range slices.Sorted(maps.Keys(r.Answers)) {
		if strings.Contains(kind, ": 500") { // an unavailable part is 502 or 503
			c.add(true, "answers that were internal errors: %d %s", r.Answers[kind], kind)
		}
	}
	if b.InOrder {
		n := len(r.Records.Rows) - r.Records.count(api.Completed)
		c.add(n > 0, "changes that were not completed: %d", n)
		behind, outOfOrder := r.Records.disorder()
		c.add(outOfOrder > 0, "changes that were carried out of order: %d, one %d places behind", outOfOrder, behind)
		n = busiest(r.Records.orderTimes())
		c.add(n > b.Orders, "orders in KOS's busiest minute: %d; at most %d", n, b.Orders)
	}
}

func (r Report) judgeKOS(c *checks) {
	b := r.Scenario.Bounds
	if b.Calls > 0 {
		n := r.calls(r.trouble(), 0)
		c.add(n >= b.Calls, "calls that reached KOS during the trouble: %d; fewer than %d", n, b.Calls)
	}
	if b.Limited {
		n := r.calls(r.whole(), http.StatusTooManyRequests)
		c.add(n > b.Throttled, "calls that KOS refused as too many: %d; at most %d", n, b.Throttled)
	}
	if b.Busiest > 0 {
		n := busiest(r.inquiryTimes())
		c.add(n > b.Busiest, "bill inquiries in KOS's busiest minute: %d; at most %d", n, b.Busiest)
	}
}

// Tolerances: each request that waits for KOS has a few goroutines, and the heap grows until the
// next collection.
const (
	moreGoroutines, someGoroutines = 1.5, 50
	moreMemory, someMemory         = 1.25, 16 // MB
)

func (r Report) judgeSystem(c *checks) {
	b, kills := r.Scenario.Bounds, 0
	for _, disruption := range r.Scenario.Disruptions {
		if !disruption.Pause {
			kills++
		}
	}
	if kills > 0 {
		c.add(r.Kills < kills, "kills: %d of %d", r.Kills, kills)
	}
	if b.Flat {
		before, small := r.peak(r.quiet())
		during, large := r.peak(r.trouble())
		c.add(float64(during) > moreGoroutines*float64(before)+someGoroutines || before == 0,
			"goroutines at most: %d, %d before", during, before)
		c.add(large > moreMemory*small+someMemory || small == 0, "memory at most: %.0f MB, %.0f MB before", large, small)
	}
	if b.SameParts {
		c.add(len(r.Changed) > 0, "parts that did not recover by themselves: %d %q", len(r.Changed), r.Changed)
	}
}
