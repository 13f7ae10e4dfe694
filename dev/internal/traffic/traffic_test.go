package traffic_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/traffic"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	var calls []traffic.Call
	for i := range 100 {
		calls = append(calls, traffic.Call{Took: time.Duration(100-i) * time.Millisecond})
	}
	for q, want := range map[float64]time.Duration{
		0: time.Millisecond, 0.5: 51 * time.Millisecond, 0.99: 100 * time.Millisecond, 1: 100 * time.Millisecond,
	} {
		t.Run(fmt.Sprint(q), func(t *testing.T) {
			if got := traffic.Quantile(calls, q); got != want {
				t.Errorf("%v: %s, want %s", q, got, want)
			}
		})
	}
	if got := traffic.Median(nil); got != 0 {
		t.Errorf("without calls: %s", got)
	}
}

func TestSpreadWorkersBeginOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const workers, interval = 4, 400 * time.Millisecond
	firsts := make(chan int, 100)
	load := traffic.Spread(workers, interval, func(worker int) traffic.Call {
		firsts <- worker
		return traffic.Call{Start: time.Now()}
	})
	for want := range workers { // the first worker calls again only after all others have started
		if got := <-firsts; got != want {
			t.Errorf("worker %d calls, want %d", got, want)
		}
	}
	if calls := load.Stop(); len(calls) < workers {
		t.Errorf("%d calls are recorded", len(calls))
	}
}

func TestStopEndsWorkersThatHaveNotBegun(t *testing.T) {
	t.Parallel()
	begun := make(chan int, 2)
	load := traffic.Spread(2, time.Hour, func(worker int) traffic.Call {
		begun <- worker
		return traffic.Call{}
	})
	<-begun
	if calls := load.Stop(); len(calls) != 1 {
		t.Errorf("%d calls", len(calls))
	}
}
