package product_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestArchivedCopyIsServedWhileKOSIsOut(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(k *kos){
		"away":       func(k *kos) { k.err = errAway },
		"not called": func(k *kos) { k.err = fmt.Errorf("%w: %w", errAway, product.ErrNotCalled) },
		"too slow":   func(k *kos) { k.slow = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				first, err := w.subscriber(t, own)
				if err != nil || first.Stale {
					t.Fatalf("%+v, %v", first, err)
				}
				plans, err := w.Catalogue(t.Context(), product.Wait{})
				if err != nil {
					t.Fatal(err)
				}
				w.cache.expire()
				bubble.Advance(5 * time.Hour)
				w.kos.set(func() { fail(w.kos) })
				start := time.Now()
				got, err := w.subscriber(t, own)
				if err != nil || !got.Stale || got.Product.Code != premium.Code || time.Since(start) > time.Second {
					t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
				}
				offers, err := w.Offers(t.Context(), own, premium.Code, "", product.Wait{})
				if diff := cmp.Diff(product.Catalogue{Products: []product.Product{basic}, AsOf: plans.AsOf, Stale: true}, offers); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				bubble.Advance(time.Hour) // the fetches end, on the clock of the bubble
			})
		})
	}
}

func TestUnavailableWithoutACopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Hour
		for name, ask := range map[string]func() error{
			"line":       func() error { _, err := w.subscriber(t, own); return err },
			"catalogue":  func() error { _, err := w.Catalogue(t.Context(), product.Wait{}); return err },
			"offers":     func() error { _, err := w.Offers(t.Context(), own, "", "", product.Wait{}); return err },
			"inspection": func() error { _, err := w.Inspect(t.Context(), own, "A", "B"); return err },
			"pre-check":  func() error { _, err := w.PreCheck(t.Context(), own, "A", "B"); return err },
		} {
			start := time.Now()
			err := ask()
			shown := problem.From(err)
			if !errors.Is(err, product.ErrUnavailable) || shown.Kind != problem.Unavailable || shown.RetryAfter == 0 || time.Since(start) > 8*time.Second {
				t.Errorf("%s after %s: %v", name, time.Since(start), err)
			}
		}
		bubble.Advance(time.Hour)
	})
}

// A read with a stale copy takes a second at most, also if it needs two answers. KOS's late
// answer serves the next read.
func TestFetchGoesOnAfterTheSoftTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, err := range []error{last(w.subscriber(t, own)), last(w.Catalogue(t.Context(), product.Wait{}))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		w.cache.expire()
		bubble.Advance(5 * time.Hour)
		w.kos.set(func() { w.kos.slow, w.kos.holder = 3*time.Second, holder(basic) })
		start := time.Now()
		offers, err := w.Offers(t.Context(), own, "", "", product.Wait{})
		if err != nil || !offers.Stale || time.Since(start) > time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), offers, err)
		}
		bubble.Advance(3 * time.Second)
		if got, err := w.subscriber(t, own); err != nil || got.Stale || got.Product.Code != basic.Code {
			t.Errorf("then: %+v, %v", got, err)
		}
		if kept, _, err := w.archive.Subscriber(t.Context(), line); err != nil || kept.Product.Code != basic.Code {
			t.Errorf("kept: %+v, %v", kept, err)
		}
	})
}

// Without a copy a read waits for KOS, which is called once.
func TestReadWithoutACopyWaitsForKOS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = 5 * time.Second
		start := time.Now()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				got, err := w.subscriber(t, own)
				if err != nil || got.Stale || time.Since(start) != 5*time.Second {
					t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
				}
			})
		}
		group.Wait()
		if w.kos.asked != 1 {
			t.Errorf("KOS was called %d times", w.kos.asked)
		}
	})
}

// The fetch of a read goes on when the client's wait is over. A client that polls gets the
// position.
func TestWaitOfAClient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait product.Wait
		took time.Duration
	}{
		"default":         {product.Wait{}, 7 * time.Second},
		"two seconds":     {product.Wait{Limit: new(2 * time.Second)}, 2 * time.Second},
		"asynchronous":    {product.Wait{Async: true}, 0},
		"an hour at most": {product.Wait{Limit: new(time.Hour)}, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.kos.slow = 10 * time.Second
				start := time.Now()
				_, err := w.Subscriber(t.Context(), own, c.wait)
				queued, ok := errors.AsType[*readthrough.QueuedError](err)
				if !ok || queued.Estimate == 0 || problem.From(err).Code != "INQUIRY_IN_PROGRESS" || time.Since(start) != c.took {
					t.Errorf("after %s: %v", time.Since(start), err)
				}
				bubble.Advance(20 * time.Second)
				if got, err := w.subscriber(t, own); err != nil || got.Stale || w.kos.asked != 1 {
					t.Errorf("then: %+v, %v, KOS was called %d times", got, err, w.kos.asked)
				}
			})
		})
	}
}

func TestFullQueueRefusesReadsWithoutACopy(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lines.full = true
	if _, err := w.subscriber(t, own); problem.From(err).Code != "OVERLOADED" {
		t.Errorf("got %v", err)
	}
	old := holder(premium)
	w.archive.holder = &old
	if got, err := w.subscriber(t, own); err != nil || !got.Stale {
		t.Errorf("with a copy: %+v, %v", got, err)
	}
}

// Offers need two answers: they are as old as the older one, if that is stale.
func TestOffersAreAsStaleAsTheOwnPlan(t *testing.T) {
	t.Parallel()
	w := newWorld()
	before := holder(premium)
	before.AsOf = time.Now().Add(-time.Hour)
	w.archive.holder, w.lines.outage = &before, time.Now().Add(time.Hour)
	got, err := w.Offers(t.Context(), own, "", "", product.Wait{})
	want := product.Catalogue{Products: []product.Product{basic}, AsOf: before.AsOf, Stale: true}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A value in the last quarter of its lifetime is refreshed in the background.
func TestRefreshAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		known := holder(premium)
		known.AsOf = time.Now()
		w.cache.lines[own] = known
		w.kos.holder = holder(basic)
		for _, want := range []string{premium.Code, premium.Code, basic.Code} {
			if got, err := w.subscriber(t, own); err != nil || got.Product.Code != want || got.Stale {
				t.Errorf("%+v, %v; want %s", got, err, want)
			}
			bubble.Advance(3*time.Hour + time.Minute)
		}
		if kept, _, err := w.archive.Subscriber(t.Context(), line); err != nil || kept.Product.Code != basic.Code {
			t.Errorf("kept %+v, %v", kept, err)
		}
	})
}

// last returns the second of two results.
func last[V any](_ V, err error) error { return err }
