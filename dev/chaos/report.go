package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/stage"
	"github.com/phonebill/phonebill/dev/internal/traffic"
	"github.com/phonebill/phonebill/dev/system"
)

// Report is the result of a run.
type Report struct {
	Scenario Scenario
	// Opened is the start of the system and Began that of the quiet phase, Trouble and Over are the
	// start and end of the trouble, and Ended is the end of the run. Gap is when regulars were paused
	// to clear the caches before the trouble; zero without that.
	Opened, Began, Gap, Trouble, Over, Ended time.Time

	Regulars  []traffic.Call
	Newcomers []Newcomer // by arrival
	KOS       []KOSCall  // by time
	Gauges    []Gauge    // by time
	BadLine   string     // empty if there was none
	Changed   []string   // parts that were restarted although they should not

	Records       Records        // of the changes
	Answers       map[string]int // number of calls about changes by result
	Kills, Pauses int
	Crashed       []system.Role // parts that ended by themselves, each time
}

// collect completes the report. Customers read the plan of their line once more.
func (r *run) collect(ctx context.Context) (err error) {
	r.pause()
	r.report.Newcomers, r.report.Gauges = r.newcomers.results(), r.gauges.stop()
	r.report.Kills, r.report.Pauses, r.report.Crashed = r.injector.kills, r.injector.pauses, r.injector.crashed
	if r.report.KOS, err = r.calls(ctx, r.report.Began); err != nil {
		return err
	}
	if r.report.Records.Orders, err = r.KOS.Orders(string(stage.Products)); err != nil {
		return err
	}
	r.report.Answers, r.report.Records.Shown = map[string]int{}, map[string]string{}
	for _, c := range r.customers {
		r.report.Records.Observed = append(r.report.Records.Observed, c.observed...)
		seen := c.api.Subscription(c.line)
		if !seen.Succeeded() {
			return fmt.Errorf("plan of a line: %s", seen)
		}
		r.report.Records.Shown[c.line] = seen.Data.Current.Code
		for kind, n := range maps.All(c.answers) {
			r.report.Answers[kind] += n
		}
	}
	return nil
}

// span is a half-open time range.
type span struct{ from, to time.Time }

func (s span) has(at time.Time) bool { return !at.Before(s.from) && at.Before(s.to) }

// quiet, trouble and recovery return the phases.
func (r Report) quiet() span {
	if !r.Gap.IsZero() {
		return span{r.Began, r.Gap}
	}
	return span{r.Began, r.Trouble}
}

func (r Report) trouble() span  { return span{r.Trouble, r.Over} }
func (r Report) recovery() span { return span{r.Over, r.Ended.Add(time.Hour)} }
func (r Report) whole() span    { return span{r.Began, r.Ended.Add(time.Hour)} }

// regulars returns the regulars' calls that began in a phase.
func (r Report) regulars(phase span) []traffic.Call { return within(r.Regulars, phase) }

// newcomers returns the newcomers' calls that began in a phase. Calls about the bad line are
// included only if badLine is true.
func (r Report) newcomers(phase span, badLine bool) []traffic.Call {
	var calls []traffic.Call
	for _, newcomer := range r.Newcomers {
		if badLine || newcomer.Line != r.BadLine {
			calls = append(calls, within(newcomer.Visits, phase)...)
		}
	}
	return calls
}

func within(calls []traffic.Call, phase span) []traffic.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c traffic.Call) bool { return !phase.has(c.Start) })
}

// got returns the calls with one of these kinds of answers.
func got(calls []traffic.Call, kinds ...string) []traffic.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c traffic.Call) bool { return !slices.Contains(kinds, c.Got) })
}

// last returns the start of the last of the calls.
func last(calls []traffic.Call) (last time.Time) {
	for _, call := range calls {
		if call.Start.After(last) {
			last = call.Start
		}
	}
	return last
}

// lastStale returns the start of the last call with a stale answer.
func lastStale(calls []traffic.Call) time.Time { return last(got(calls, stale)) }

// slowest returns the longest call.
func slowest(calls []traffic.Call) (slowest traffic.Call) {
	for _, call := range calls {
		if call.Took > slowest.Took {
			slowest = call
		}
	}
	return slowest
}

// calls counts the calls that reached KOS in a phase, with the given status; 0 counts all.
func (r Report) calls(phase span, status int) (n int) {
	for _, call := range r.KOS {
		if phase.has(call.At) && (status == 0 || call.Status == status) {
			n++
		}
	}
	return n
}

// inquiryTimes returns the times of the bill inquiries that reached KOS, including refused ones.
func (r Report) inquiryTimes() (times []time.Time) {
	for _, call := range r.KOS {
		if call.Endpoint == kos.BillInquiry {
			times = append(times, call.At)
		}
	}
	return times
}

// busiest returns the maximum number of times within any minute. They are in order.
func busiest(times []time.Time) (most int) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// peak returns the maximum of goroutines and memory, in MB, in a phase.
func (r Report) peak(phase span) (goroutines int, memory float64) {
	for _, gauge := range r.Gauges {
		if phase.has(gauge.At) {
			goroutines, memory = max(goroutines, gauge.Goroutines), max(memory, megabytes(gauge.Memory))
		}
	}
	return goroutines, memory
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// unserved counts the newcomers who never got their bill.
func (r Report) unserved() (n int) {
	for _, newcomer := range r.Newcomers {
		if newcomer.Served.IsZero() {
			n++
		}
	}
	return n
}

// LastServed returns how long after the start of the trouble the last newcomer was served.
func (r Report) LastServed() (last time.Duration) {
	for _, newcomer := range r.Newcomers {
		last = max(last, newcomer.Served.Sub(r.Trouble))
	}
	return last
}

// settled returns how long after the end of the trouble, or after its acceptance if that was later,
// the last change became final.
func (r Report) settled() (longest time.Duration) {
	for _, row := range r.Records.Rows {
		from := r.Over
		if row.RequestedAt.After(from) {
			from = row.RequestedAt
		}
		if row.ProcessedAt != nil {
			longest = max(longest, row.ProcessedAt.Sub(from))
		}
	}
	return longest
}
