package cache_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache"
)

func TestRefreshReplacesTheValue(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		if _, known := f.bills.Peek(f.t.Context(), key); known {
			t.Error("an empty cache has a value")
		}
		f.want(f.bills, 89000, cache.FromSource)
		f.source.set(func() { f.source.fee = 69000 })
		if got, err := f.bills.Refresh(f.t.Context(), key, f.source.load); err != nil || got.Fee != 69000 {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, known := f.bills.Peek(f.t.Context(), key); !known || got.Fee != 69000 {
			t.Errorf("knows %+v, %t", got, known)
		}
		f.want(f.bills, 69000, cache.FromL2)
		if f.source.asked != 2 {
			t.Errorf("%d loads", f.source.asked)
		}
	})
}

// A refresh that began before an invalidation does not undo it.
func TestRefreshDoesNotUndoAnInvalidation(t *testing.T) {
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
		// A tombstone blocks writes until it expires.
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

// An expired value costs one load, which concurrent reads share.
func TestConcurrentReadsOfAnExpiredValueShareOneLoad(t *testing.T) {
	t.Parallel()
	onClock(t, func(f *fixture) {
		f.want(f.bills, 89000, cache.FromSource)
		bubble.Advance(ttl)
		f.source.set(func() { f.source.fee, f.source.slow = 69000, 5*time.Second })
		var group sync.WaitGroup
		for i := range 500 {
			group.Go(func() {
				bubble.Advance(time.Duration(i) * 10 * time.Millisecond)
				if got, _, err := f.bills.Get(f.t.Context(), key, f.source.load); err != nil || got.Fee != 69000 {
					f.t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		group.Wait()
		if f.source.asked != 2 {
			f.t.Errorf("%d loads", f.source.asked)
		}
	})
}

// refusal is a value with a short lifetime.
type refusal struct{ Code string }

func (refusal) Life() time.Duration { return time.Minute }

func TestBriefValuesExpireEarly(t *testing.T) {
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
			bubble.Advance(40 * time.Second)
		}
		if asked != 2 || l2.ttls[0] != time.Minute {
			t.Errorf("%d loads, lifetimes %v", asked, l2.ttls)
		}
	})
}
