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
	t := &Traffic{stop: make(chan struct{})}
	for worker := range workers {
		t.workers.Go(func() { t.work(interval, func() Call { return call(worker) }) })
	}
	return t
}

func (t *Traffic) work(interval time.Duration, call func() Call) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-ticker.C:
			done := call()
			t.mu.Lock()
			t.calls = append(t.calls, done)
			t.mu.Unlock()
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
func Median(calls []Call) time.Duration {
	if len(calls) == 0 {
		return 0
	}
	took := make([]time.Duration, len(calls))
	for i, call := range calls {
		took[i] = call.Took
	}
	slices.Sort(took)
	return took[len(took)/2]
}
