package drills

import (
	"net/http"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

// Results of calls at KOS.
const (
	answered   = "answered"
	throttled  = "429"
	broken     = "5xx"
	unanswered = "no answer"
)

var reactions = []string{answered, throttled, broken, unanswered}

// moment is one second, or a few if the drill is long.
type moment struct {
	got                        map[string]float64 // answers per second, by kind
	kos                        map[string]float64 // calls per second, by result
	median, tail, slowest      time.Duration      // of regulars, of regulars, of newcomers; 0 if there are none
	goroutines, memory         float64            // maximum; memory in MB
	regularTimes, newcomerTime []traffic.Call
}

// timeline is the sequence of moments.
type timeline struct {
	step    time.Duration
	moments []moment
}

// mostMoments is the maximum number of moments in a chart.
const mostMoments = 420

func newTimeline(r Report) timeline {
	whole := r.Ended.Sub(r.Began)
	t := timeline{step: time.Second}
	for whole/t.step > mostMoments {
		t.step += time.Second
	}
	t.moments = make([]moment, max(1, (whole+t.step-1)/t.step))
	for i := range t.moments {
		t.moments[i].got, t.moments[i].kos = map[string]float64{}, map[string]float64{}
	}
	rate := 1 / t.step.Seconds()
	t.answers(r, rate)
	for _, call := range r.KOS {
		t.at(r, call.At).kos[reaction(call.Status)] += rate
	}
	for _, gauge := range r.Gauges {
		m := t.at(r, gauge.At)
		m.goroutines, m.memory = max(m.goroutines, float64(gauge.Goroutines)), max(m.memory, megabytes(gauge.Memory))
	}
	return t
}

// answers counts answers at the time of their arrival.
func (t timeline) answers(r Report, rate float64) {
	for _, call := range r.Regulars {
		m := t.at(r, call.End())
		m.got[call.Got] += rate
		m.regularTimes = append(m.regularTimes, call)
	}
	for _, call := range r.newcomers(r.whole(), true) {
		m := t.at(r, call.End())
		m.got[seen(call)] += rate
		m.newcomerTime = append(m.newcomerTime, call)
	}
	for i := range t.moments {
		m := &t.moments[i]
		m.median, m.tail = traffic.Median(m.regularTimes), traffic.Quantile(m.regularTimes, 0.99)
		m.slowest = slowest(m.newcomerTime).Took
	}
}

// queued is the displayed kind of a poll at Location before the bill arrives.
const queued = "still in line"

// seen returns the displayed kind of an answer.
func seen(call traffic.Call) string {
	if call.Asked == progress && call.Got == waiting {
		return queued
	}
	return call.Got
}

// at returns the moment of a time; later times belong to the last one.
func (t timeline) at(r Report, at time.Time) *moment {
	return &t.moments[min(max(0, int(at.Sub(r.Began)/t.step)), len(t.moments)-1)]
}

func reaction(status int) string {
	switch {
	case status == 0:
		return unanswered
	case status == http.StatusTooManyRequests:
		return throttled
	case status >= http.StatusInternalServerError:
		return broken
	}
	return answered
}
