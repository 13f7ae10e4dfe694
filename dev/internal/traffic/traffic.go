// Package traffic keeps a system busy at a steady pace while a test harms it,
// and remembers what came of every call.
package traffic

import (
	"slices"
	"sync"
	"time"
)

// Call is one call and what came of it.
type Call struct {
	Start  time.Time
	Took   time.Duration
	OK     bool
	Status int    // HTTP; 0 without an answer
	Made   string // names what the call made, if it succeeded
	// Asked is what the call was for, Got what kind of answer came, both in the
	// words of who makes the calls.
	Asked, Got string
	// AsOf is since when what came is known, if it says so.
	AsOf   time.Time
	Reason string // of a failure, for people
}

// End is when the call was over.
func (c Call) End() time.Time { return c.Start.Add(c.Took) }

// Traffic is traffic that runs. Its methods may be called concurrently.
type Traffic struct {
	stop    chan struct{}
	once    sync.Once
	workers sync.WaitGroup

	mu    sync.Mutex
	calls []Call
}

// Start lets each of so many workers make a call at every interval, or as soon
// as its last one is over if that takes longer. Call is told which worker it
// works for.
func Start(workers int, interval time.Duration, call func(worker int) Call) *Traffic {
	return start(workers, interval, func(int) time.Duration { return interval }, call)
}

// Spread is Start with workers that begin one after the other, evenly within the
// first interval, so that calls come at a steady pace from now on.
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

// Stop waits for the calls that run and returns all of them. Traffic may be
// stopped twice.
func (t *Traffic) Stop() []Call {
	t.once.Do(func() { close(t.stop) })
	t.workers.Wait()
	return t.Calls()
}

// Calls returns the calls that are over, in the order of their ends.
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

// Median returns the middle of the durations of calls, 0 without calls.
func Median(calls []Call) time.Duration { return Quantile(calls, 0.5) }

// Quantile returns how long calls took at most, but for the slowest of them: at
// 0.99 the slowest hundredth. It is 0 without calls.
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
