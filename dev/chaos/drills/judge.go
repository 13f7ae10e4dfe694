package drills

import (
	"fmt"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Finding is the result of one check.
type Finding struct {
	Says  string // description with the measured value
	Wrong bool
}

// Faults returns the descriptions of failed checks.
func (r Report) Faults() []string {
	var faults []string
	for _, finding := range r.Findings() {
		if finding.Wrong {
			faults = append(faults, finding.Says)
		}
	}
	return faults
}

// Findings returns the results of all checks of the drill.
func (r Report) Findings() []Finding {
	f := &findings{}
	r.judgeAnswers(f)
	r.judgeNewcomers(f)
	r.judgeTimes(f)
	r.judgeAge(f)
	r.judgeKOS(f)
	r.judgeSystem(f)
	return f.all
}

type findings struct{ all []Finding }

func (f *findings) add(wrong bool, format string, args ...any) {
	f.all = append(f.all, Finding{fmt.Sprintf(format, args...), wrong})
}

// bound adds a check of a duration, unless most is zero.
func (f *findings) bound(is, most time.Duration, what string) {
	if most > 0 {
		f.add(is > most, "%s: %s; at most %s", what, short(is), short(most))
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

// judgeAnswers checks that every regular is answered.
func (r Report) judgeAnswers(f *findings) {
	lost := got(r.Regulars, waiting, refused, failed)
	f.add(len(lost) > 0 || len(r.Regulars) == 0,
		"regular requests that were not answered: %d of %d%s", len(lost), len(r.Regulars), first(lost))
}

// first formats the first of the calls.
func first(calls []traffic.Call) string {
	if len(calls) == 0 {
		return ""
	}
	return ", the first: " + calls[0].Reason
}

func (r Report) judgeNewcomers(f *findings) {
	b, all := r.Drill.Bounds, r.newcomers(r.whole(), true)
	lost := got(all, failed)
	f.add(len(lost) > 0, "newcomers' calls that got neither an answer nor a retry time: %d of %d%s", len(lost), len(all), first(lost))
	f.add(r.unserved() > 0 || len(r.Newcomers) == 0, "newcomers without a bill at the end: %d of %d", r.unserved(), len(r.Newcomers))
	if b.AllServed {
		turned := got(all, refused)
		f.add(len(turned) > 0, "newcomers' calls that were refused: %d of %d%s", len(turned), len(all), first(turned))
	}
	if b.OthersServed {
		others := r.newcomers(r.whole(), false)
		turned := got(others, refused)
		f.add(len(turned) > 0, "newcomers' calls about other lines that were refused: %d of %d%s", len(turned), len(others), first(turned))
	}
	if b.Once {
		twice := 0
		for _, newcomer := range r.Newcomers {
			if newcomer.returnedTwice() {
				twice++
			}
		}
		f.add(twice > 0, "newcomers who retried on time and found no bill: %d", twice)
	}
	f.bound(r.lastServed(), b.Served, "from the first newcomer to the last one's bill")
}

func (r Report) judgeTimes(f *findings) {
	b := r.Drill.Bounds
	before, during := r.regulars(r.quiet()), r.regulars(r.trouble())
	everybody := append(r.regulars(r.whole()), r.newcomers(r.whole(), true)...)
	f.bound(slowest(everybody).Took, b.Longest, "the longest wait for an answer")
	f.bound(traffic.Quantile(during, 0.99), b.SoftTimeout, "99th percentile of regular answers")
	f.bound(traffic.Median(got(r.newcomers(r.trouble(), true), refused)), b.Refusal, "median duration of a refusal")
	r.compare(f, b.Slower, "the median", traffic.Median(before), traffic.Median(during))
	r.compare(f, b.Tail, "the 99th percentile", traffic.Quantile(before, 0.99), traffic.Quantile(during, 0.99))
}

// compare adds a check of a ratio of two durations, unless most is zero.
func (r Report) compare(f *findings, most float64, what string, before, during time.Duration) {
	if most > 0 {
		ratio := float64(during) / float64(max(before, 1))
		f.add(ratio > most || before == 0, "%s of regular answers: %s, %s before, that is %.2f times; at most %.1f",
			what, short(during), short(before), ratio, most)
	}
}

// judgeAge checks the ages of answers, and that stale ones are marked and temporary.
func (r Report) judgeAge(f *findings) {
	b, during := r.Drill.Bounds, r.regulars(r.trouble())
	if b.Stale {
		f.add(len(got(during, stale)) == 0, "stale answers during the trouble: %d of %d", len(got(during, stale)), len(during))
	}
	if b.Unmarked > 0 {
		var oldest time.Duration
		for _, call := range got(during, fresh) {
			if call.Asked == thisMonth {
				oldest = max(oldest, call.Start.Sub(call.AsOf))
			}
		}
		f.bound(oldest, b.Unmarked, "maximum age of answers about this month not marked stale")
	}
	if b.Fresh > 0 {
		f.bound(max(0, lastStale(r.Regulars).Sub(r.Over)), b.Fresh, "stale answers after the trouble for")
		f.add(lastFresh(r.Regulars).Before(r.Over), "fresh answers are given after the trouble")
	}
}

func lastFresh(calls []traffic.Call) (last time.Time) {
	for _, call := range got(calls, fresh) {
		if call.Asked == thisMonth && call.Start.After(last) {
			last = call.Start
		}
	}
	return last
}

func (r Report) judgeKOS(f *findings) {
	b := r.Drill.Bounds
	if b.Calls > 0 {
		n := r.calls(r.trouble(), 0)
		f.add(n >= b.Calls, "calls that reached KOS during the trouble: %d; fewer than %d", n, b.Calls)
	}
	if b.Limited {
		n := r.calls(r.whole(), http.StatusTooManyRequests)
		f.add(n > b.Throttled, "calls that KOS refused as too many: %d; at most %d", n, b.Throttled)
	}
	if b.Busiest > 0 {
		f.add(r.busiest() > b.Busiest, "bill inquiries in KOS's busiest minute: %d; at most %d", r.busiest(), b.Busiest)
	}
}

// Tolerances: each request that waits for KOS has a few goroutines, and the heap grows until the
// next collection.
const (
	moreGoroutines, someGoroutines = 1.5, 50
	moreMemory, someMemory         = 1.25, 16 // MB
)

func (r Report) judgeSystem(f *findings) {
	b := r.Drill.Bounds
	if b.Flat {
		before, small := r.peak(r.quiet())
		during, large := r.peak(r.trouble())
		f.add(float64(during) > moreGoroutines*float64(before)+someGoroutines || before == 0,
			"goroutines at most: %d, %d before", during, before)
		f.add(large > moreMemory*small+someMemory || small == 0, "memory at most: %.0f MB, %.0f MB before", large, small)
	}
	if b.SameParts {
		f.add(len(r.Changed) > 0, "parts that did not recover by themselves: %d %q", len(r.Changed), r.Changed)
	}
}
