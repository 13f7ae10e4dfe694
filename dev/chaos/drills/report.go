package drills

import (
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Report is the result of a drill.
type Report struct {
	Drill Drill
	// Began is the start of the quiet phase, Trouble and Over are the start and end of the trouble,
	// and Ended is the end of the drill. Gap is when regulars were paused to clear the caches
	// before the trouble; zero without that.
	Began, Gap, Trouble, Over, Ended time.Time

	Regulars  []traffic.Call
	Newcomers []Newcomer // by arrival
	KOS       []KOSCall  // by time
	Gauges    []Gauge    // by time
	BadLine   string     // empty if there was none
	Changed   []string   // parts that were restarted although they should not
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

// lastStale returns the start of the last call with a stale answer.
func lastStale(calls []traffic.Call) (last time.Time) {
	for _, call := range got(calls, stale) {
		if call.Start.After(last) {
			last = call.Start
		}
	}
	return last
}

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

// busiest returns the maximum number of bill inquiries within any minute, including refused ones.
func (r Report) busiest() (most int) {
	var times []time.Time
	for _, call := range r.KOS {
		if call.Endpoint == kos.BillInquiry {
			times = append(times, call.At)
		}
	}
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

// lastServed returns how long after the start of the trouble the last newcomer was served.
func (r Report) lastServed() (last time.Duration) {
	for _, newcomer := range r.Newcomers {
		last = max(last, newcomer.Served.Sub(r.Trouble))
	}
	return last
}
