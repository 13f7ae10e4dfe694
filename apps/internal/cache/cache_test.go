package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache"
)

func TestEachLevelAnswersBeforeTheNext(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.want(f.bills, 89000, cache.FromSource)
		f.want(f.bills, 89000, cache.FromL1)
		other := f.replica()
		defer other.StopGoroutines()
		f.want(other, 89000, cache.FromL2)
		f.want(other, 89000, cache.FromL1)
		bubble.Advance(5 * time.Minute) // L1 expires
		f.want(f.bills, 89000, cache.FromL2)
		if f.source.asked != 1 {
			t.Errorf("%d loads", f.source.asked)
		}
		if diff := cmp.Diff([]time.Duration{ttl}, f.l2.ttls); diff != "" {
			t.Errorf("written to L2 (-want +got):\n%s", diff)
		}
		want := strings.NewReader(`
# HELP phonebill_cache_gets_total Reads of values, by kind and the level that had the value: l1, l2 or source.
# TYPE phonebill_cache_gets_total counter
phonebill_cache_gets_total{kind="bill",level="l1"} 2
phonebill_cache_gets_total{kind="bill",level="l2"} 2
phonebill_cache_gets_total{kind="bill",level="source"} 1
`)
		if err := testutil.GatherAndCompare(f.registry, want, "phonebill_cache_gets_total"); err != nil {
			t.Error(err)
		}
	})
}

func TestReadsAreExportedBeforeTheFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if n, err := testutil.GatherAndCount(f.registry, "phonebill_cache_gets_total"); n != 3 || err != nil {
		t.Errorf("%d series, %v; want one a level", n, err)
	}
}

func TestKeysAndKindsAreSeparate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.want(f.bills, 89000, cache.FromSource)
	plans := cache.New[bill](cache.Options{Kind: "plan", TTL: ttl, LoadTimeout: loadTimeout}, f.l2, nil, f.metrics)
	f.source.fee = 69000
	f.want(plans, 69000, cache.FromSource)
	got, level, err := f.bills.Get(t.Context(), "other", func(context.Context) (bill, error) { return bill{Fee: 1}, nil })
	if err != nil || got.Fee != 1 || level != cache.FromSource {
		t.Errorf("got %+v from %q, %v", got, level, err)
	}
	for _, value := range f.l2.values() {
		if strings.HasPrefix(value, "personal") {
			t.Error(value)
		}
	}
	if n := len(f.l2.values()); n != 3 {
		t.Errorf("%d values in L2", n)
	}
}

func TestMissesOfOneKeyShareOneLoad(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.source.slow = time.Second
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if got, _, err := f.bills.Get(f.t.Context(), key, f.source.load); err != nil || got.Fee != 89000 {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		group.Wait()
		if f.source.asked != 1 {
			t.Errorf("%d loads", f.source.asked)
		}
	})
}

func TestLoadOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.source.slow = 2 * time.Second
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := f.bills.Get(ctx, key, f.source.load); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %s", took)
		}
		bubble.Advance(2 * time.Second)
		f.want(f.bills, 89000, cache.FromL1)
		if fee := f.stored(); fee != 89000 {
			t.Errorf("%d in L2", fee)
		}
	})
}

func TestHungLoadTimesOut(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.source.slow = time.Hour
		start := time.Now()
		if _, _, err := f.bills.Get(f.t.Context(), key, f.source.load); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != loadTimeout {
			t.Errorf("after %s", took)
		}
		f.source.set(func() { f.source.slow = 0 })
		f.want(f.bills, 89000, cache.FromSource)
	})
}

func TestErrorsAreNotCached(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.source.err = errAway
		for range 2 {
			if _, _, err := f.bills.Get(f.t.Context(), key, f.source.load); !errors.Is(err, errAway) {
				t.Errorf("got %v", err)
			}
		}
		f.source.err = nil
		f.want(f.bills, 89000, cache.FromSource)
		if f.source.asked != 3 || f.stored() != 89000 {
			t.Errorf("%d loads, %d in L2", f.source.asked, f.stored())
		}
	})
}

// A load runs in a goroutine of the cache, which no caller recovers.
func TestPanicOfALoadFailsItsRequestOnly(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		_, _, err := f.bills.Get(f.t.Context(), key, func(context.Context) (bill, error) { panic("out of order") })
		if err == nil || !strings.Contains(err.Error(), "out of order") || !strings.Contains(err.Error(), "cache_test.go") {
			t.Errorf("got %v", err)
		}
		f.want(f.bills, 89000, cache.FromSource)
	})
}

func TestL2NeverFailsARequest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		breakIt func(m *memory)
		faults  float64
	}{
		"away":   {func(m *memory) { m.err = errAway }, 1},
		"hangs":  {func(m *memory) { m.hung = true }, 1},
		"broken": {func(m *memory) { m.entries = brokenEntries(m.entries) }, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, func(f *fixture) {
				f.want(f.bills, 89000, cache.FromSource)
				f.l2.set(func() { tc.breakIt(f.l2) })
				other := f.replica()
				defer other.StopGoroutines()
				start := time.Now()
				f.want(other, 89000, cache.FromSource)
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("L2 cost %s", took)
				}
				f.want(other, 89000, cache.FromL1)
				if faults := f.faults(); faults != tc.faults {
					t.Errorf("%v faults counted", faults)
				}
			})
		})
	}
}

// brokenEntries are entries of another release.
func brokenEntries(entries map[string]entry) map[string]entry {
	for key, held := range entries {
		held.text = `["another shape"]`
		entries[key] = held
	}
	return entries
}

func (f *fixture) faults() (sum float64) {
	f.t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "phonebill_cache_l2_faults_total" {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestInvalidateReachesBothLevels(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.want(f.bills, 89000, cache.FromSource)
		f.source.fee = 69000
		if err := f.bills.Invalidate(f.t.Context(), key); err != nil {
			t.Error(err)
		}
		f.want(f.bills, 69000, cache.FromSource)
		f.l2.set(func() { f.l2.err = errAway })
		if err := f.bills.Invalidate(f.t.Context(), key); !errors.Is(err, errAway) {
			t.Errorf("L2 has no tombstone: %v", err)
		}
		f.source.fee = 59000
		f.want(f.bills, 59000, cache.FromSource)
	})
}

func TestRunningLoadDoesNotUndoAnInvalidation(t *testing.T) {
	t.Parallel()
	for name, moment := range map[string]time.Duration{
		"while the source is asked": 500 * time.Millisecond,
		"while L2 is written":       1100 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, func(f *fixture) {
				f.source.slow, f.l2.slow = time.Second, 0
				var early sync.WaitGroup
				early.Go(func() { f.want(f.bills, 69000, cache.FromSource) }) // loads again after the eviction
				bubble.Advance(moment / 2)
				f.l2.set(func() { f.l2.slow = 200 * time.Millisecond })
				bubble.Advance(moment / 2)
				f.source.set(func() { f.source.fee, f.source.slow = 69000, 0 })
				f.l2.set(func() { f.l2.slow = 0 })
				if err := f.bills.Invalidate(f.t.Context(), key); err != nil {
					t.Error(err)
				}
				early.Wait()
				synctest.Wait()
				if fee := f.stored(); fee == 89000 {
					t.Error("L2 has the old value again")
				}
				other := f.replica()
				defer other.StopGoroutines()
				if got, _, err := other.Get(f.t.Context(), key, f.source.load); err != nil || got.Fee != 69000 {
					t.Errorf("another replica got %+v, %v", got, err)
				}
			})
		})
	}
}
