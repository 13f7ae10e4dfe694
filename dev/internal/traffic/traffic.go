// Package traffic generates load at a steady rate during fault tests, and records the result of
// every call.
package traffic

import (
	"slices"
	"sync"
	"time"
)

// Call is a call with its result.
type Call struct {
	Start  time.Time
	Took   time.Duration
	OK     bool
	Status int    // HTTP; 0 without an answer
	Made   string // what a successful call created
	// Asked is the kind of request and Got the kind of answer, as defined by the caller.
	Asked, Got string
	// AsOf is the age of the answer's data, if known.
	AsOf   time.Time
	Reason string // description of a failure
}

// End returns the end of the call.
func (c Call) End() time.Time { return c.Start.Add(c.Took) }

// Traffic is running load. Its methods may be called concurrently.
type Traffic struct {
	stop    chan struct{}
	once    sync.Once
	workers sync.WaitGroup

	mu    sync.Mutex
	calls []Call
}

// Start makes each worker call at every interval, or right after its previous call if that takes
// longer. call gets the number of its worker.
func Start(workers int, interval time.Duration, call func(worker int) Call) *Traffic {
	return start(workers, interval, func(int) time.Duration { return interval }, call)
}

// Spread is Start with workers whose first calls are spread over the first interval, for a steady
// rate.
func Spread(workers int, interval time.Duration, call func(worker int) Call) *Traffic {
	apart := interval / time.Duration(max(1, workers))
	return start(workers, interval, func(worker int) time.Duration { return time.Duration(worker) * apart }, call)
}

func start(workers int, interval time.Duration, first func(worker int) time.Duration, call func(worker int) Call) *Traffic {
	t := &Traffic{stop: make(chan struct{})}
	for worker := range workers {
		t.workers.Go(func() { t.work(first(worker), interval, func() Call { return call(worker) }) })
	}
	return t
}

func (t *Traffic) work(first, interval time.Duration, call func() Call) {
	begin := time.NewTimer(first)
	defer begin.Stop()
	select {
	case <-t.stop:
		return
	case <-begin.C:
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		done := call()
		t.mu.Lock()
		t.calls = append(t.calls, done)
		t.mu.Unlock()
		select {
		case <-t.stop:
			return
		case <-ticker.C:
		}
	}
}

// Stop waits for calls in progress and returns all calls. It may be called twice.
func (t *Traffic) Stop() []Call {
	t.once.Do(func() { close(t.stop) })
	t.workers.Wait()
	return t.Calls()
}

// Calls returns the finished calls, ordered by end.
func (t *Traffic) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// Succeeded returns how many calls that started at or after since succeeded.
func (t *Traffic) Succeeded(since time.Time) int {
	n := 0
	for _, call := range t.Calls() {
		if call.OK && !call.Start.Before(since) {
			n++
		}
	}
	return n
}

// Failures returns the calls that failed.
func Failures(calls []Call) []Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c Call) bool { return c.OK })
}

// Median returns the median duration of calls; 0 without calls.
func Median(calls []Call) time.Duration { return Quantile(calls, 0.5) }

// Quantile returns a quantile of the durations of calls, such as 0.99; 0 without calls.
func Quantile(calls []Call, q float64) time.Duration {
	if len(calls) == 0 {
		return 0
	}
	took := make([]time.Duration, len(calls))
	for i, call := range calls {
		took[i] = call.Took
	}
	slices.Sort(took)
	return took[min(int(q*float64(len(took))), len(took)-1)]
}
