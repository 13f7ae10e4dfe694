package drills

import (
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Report is what became of a drill.
type Report struct {
	Drill Drill
	// Began is when all was well, Trouble when the trouble began, Over when it was
	// over, and Ended when nobody looked any more. Gap is when regulars were kept
	// from asking until the trouble began, because the caches were made to
	// forget; zero if they were not.
	Began, Gap, Trouble, Over, Ended time.Time

	Regulars  []traffic.Call
	Newcomers []Newcomer // in the order in which they came
	KOS       []KOSCall  // in their order
	Gauges    []Gauge    // in their order
	BadLine   string     // if there was one
	Changed   []string   // what must not have been another after the trouble
}

// span is a time from which the start belongs to it and the end does not.
type span struct{ from, to time.Time }

func (s span) has(at time.Time) bool { return !at.Before(s.from) && at.Before(s.to) }

// quiet, trouble and recovery are the phases.
func (r Report) quiet() span {
	if !r.Gap.IsZero() {
		return span{r.Began, r.Gap}
	}
	return span{r.Began, r.Trouble}
}

func (r Report) trouble() span  { return span{r.Trouble, r.Over} }
func (r Report) recovery() span { return span{r.Over, r.Ended.Add(time.Hour)} }
func (r Report) whole() span    { return span{r.Began, r.Ended.Add(time.Hour)} }

// regulars returns the regulars' calls that began within a phase.
func (r Report) regulars(phase span) []traffic.Call { return within(r.Regulars, phase) }

// newcomers returns the newcomers' calls that began within a phase. Those about
// the bad line are left out unless they are asked for.
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

// got returns the calls that got one of these kinds of answers.
func got(calls []traffic.Call, kinds ...string) []traffic.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c traffic.Call) bool { return !slices.Contains(kinds, c.Got) })
}

// lastStale is when the last one began that got an old answer.
func lastStale(calls []traffic.Call) (last time.Time) {
	for _, call := range got(calls, stale) {
		if call.Start.After(last) {
			last = call.Start
		}
	}
	return last
}

// slowest returns the call that took longest.
func slowest(calls []traffic.Call) (slowest traffic.Call) {
	for _, call := range calls {
		if call.Took > slowest.Took {
			slowest = call
		}
	}
	return slowest
}

// calls counts those that reached KOS within a phase; status 0 is all of them.
func (r Report) calls(phase span, status int) (n int) {
	for _, call := range r.KOS {
		if phase.has(call.At) && (status == 0 || call.Status == status) {
			n++
		}
	}
	return n
}

// busiest returns the most bill inquiries within any minute, refused ones too.
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

// peak returns the most goroutines and memory, in MB, within a phase.
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

// lastServed is how long after the trouble began the last newcomer was served.
func (r Report) lastServed() (last time.Duration) {
	for _, newcomer := range r.Newcomers {
		last = max(last, newcomer.Served.Sub(r.Trouble))
	}
	return last
}
