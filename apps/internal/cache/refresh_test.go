package cache_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/cache"
)

func TestRefreshReplacesWhatIsKnown(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		if _, known := f.bills.Known(f.t.Context(), key); known {
			t.Error("an empty cache knows something")
		}
		f.want(f.bills, 89000, cache.FromSource)
		f.source.set(func() { f.source.fee = 69000 })
		if got, err := f.bills.Refresh(f.t.Context(), key, f.source.load); err != nil || got.Fee != 69000 {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, known := f.bills.Known(f.t.Context(), key); !known || got.Fee != 69000 {
			t.Errorf("knows %+v, %t", got, known)
		}
		f.want(f.bills, 69000, cache.FromL2)
		if f.source.asked != 2 {
			t.Errorf("the source was asked %d times", f.source.asked)
		}
	})
}

// A refresh that began before its key was forgotten brings nothing back.
func TestRefreshLosesAgainstAnInvalidation(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.want(f.bills, 89000, cache.FromSource)
		_, err := f.bills.Refresh(f.t.Context(), key, func(ctx context.Context) (bill, error) {
			old, err := f.source.load(ctx)
			f.source.set(func() { f.source.fee = 69000 })
			if err := f.bills.Invalidate(ctx, key); err != nil {
				t.Error(err)
			}
			return old, err
		})
		if err != nil {
			t.Error(err)
		}
		f.want(f.bills, 69000, cache.FromSource)
		if f.stored() != 0 {
			t.Error("the old value is back")
		}
		// A tombstone is no place to write to, until it is gone.
		if _, err := f.bills.Refresh(f.t.Context(), key, f.source.load); err != nil || f.stored() != 0 {
			t.Errorf("stored %d, %v", f.stored(), err)
		}
	})
}

func TestRefreshWithoutSourceOrStoreChangesNothing(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.want(f.bills, 89000, cache.FromSource)
		f.source.set(func() { f.source.err = errAway })
		if _, err := f.bills.Refresh(f.t.Context(), key, f.source.load); err == nil {
			t.Error("refreshed from nothing")
		}
		f.source.set(func() { f.source.err, f.source.fee = nil, 69000 })
		f.l2.set(func() { f.l2.err = errAway })
		if got, err := f.bills.Refresh(f.t.Context(), key, f.source.load); err != nil || got.Fee != 69000 {
			t.Errorf("got %+v, %v", got, err)
		}
		f.want(f.bills, 89000, cache.FromL1)
	})
}

// A crowd that uses a value which will soon expire has it asked for once, and
// nobody waits for that; when the old one would have expired the new one is
// there.
func TestRefreshAheadServesACrowd(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		const crowd = 500
		f.want(f.bills, 89000, cache.FromSource)
		pass(ttl - time.Minute)
		f.source.set(func() { f.source.fee, f.source.slow = 69000, 5*time.Second })
		use := func(fee int) {
			var group sync.WaitGroup
			for range crowd {
				group.Go(func() {
					start := time.Now()
					got, _, err := f.bills.Get(f.t.Context(), key, f.source.load)
					if err != nil || got.Fee != fee || time.Since(start) != 0 {
						f.t.Errorf("got %+v, %v after %s", got, err, time.Since(start))
					}
					f.bills.RefreshAhead(f.t.Context(), key, f.source.load)
				})
			}
			group.Wait()
		}
		use(89000)
		pass(2 * time.Second)
		use(89000) // while the source is asked
		pass(4 * time.Second)
		use(69000)
		pass(58 * time.Second) // the old one is over
		if got, known := f.bills.Known(f.t.Context(), key); !known || got.Fee != 69000 {
			f.t.Errorf("knows %+v, %t", got, known)
		}
		if f.source.asked != 2 {
			f.t.Errorf("the source was asked %d times", f.source.asked)
		}
	})
}

// Without anybody ahead of it, the end of a value's time costs one load too:
// all who come meanwhile share it.
func TestACrowdAtTheEndOfAValueSharesOneLoad(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.want(f.bills, 89000, cache.FromSource)
		pass(ttl)
		f.source.set(func() { f.source.fee, f.source.slow = 69000, 5*time.Second })
		var group sync.WaitGroup
		for i := range 500 {
			group.Go(func() {
				pass(time.Duration(i) * 10 * time.Millisecond)
				if got, _, err := f.bills.Get(f.t.Context(), key, f.source.load); err != nil || got.Fee != 69000 {
					f.t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		group.Wait()
		if f.source.asked != 2 {
			f.t.Errorf("the source was asked %d times", f.source.asked)
		}
	})
}

// A source that fails, or worse, costs a metric, keeps what is known and is left
// alone for a while.
func TestRefreshAheadThatFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"away":   func() error { return errAway },
		"panics": func() error { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, func(f *fixture) {
				f.want(f.bills, 89000, cache.FromSource)
				var asked atomic.Int32
				for range 100 { // within 100 s
					f.bills.RefreshAhead(f.t.Context(), key, func(context.Context) (bill, error) {
						asked.Add(1)
						return bill{}, fail()
					})
					pass(time.Second)
				}
				f.want(f.bills, 89000, cache.FromL1)
				if asked.Load() != 2 {
					f.t.Errorf("asked %d times within 100 s", asked.Load())
				}
				const want = `
# HELP phonebill_cache_refreshes_ahead_total Values asked for anew before they expired, by kind and outcome: done or failed.
# TYPE phonebill_cache_refreshes_ahead_total counter
phonebill_cache_refreshes_ahead_total{kind="bill",outcome="failed"} 2
`
				if err := testutil.GatherAndCompare(f.registry, strings.NewReader(want), "phonebill_cache_refreshes_ahead_total"); err != nil {
					f.t.Error(err)
				}
			})
		})
	}
}

// refusal is a value that is known for a moment only.
type refusal struct{ Code string }

func (refusal) Life() time.Duration { return time.Minute }

func TestBriefValuesAreKeptBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l2 := &memory{entries: map[string]entry{}}
		refusals := cache.New[refusal](cache.Options{Kind: "refusal", TTL: ttl, LoadTimeout: loadTimeout},
			l2, slog.New(slog.DiscardHandler), cache.NewMetrics(prometheus.NewRegistry()))
		defer refusals.StopGoroutines()
		asked := 0
		for range 3 {
			_, _, err := refusals.Get(t.Context(), key, func(context.Context) (refusal, error) {
				asked++
				return refusal{"1003"}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			pass(40 * time.Second)
		}
		if asked != 2 || l2.ttls[0] != time.Minute {
			t.Errorf("asked %d times, kept for %v", asked, l2.ttls)
		}
	})
}
