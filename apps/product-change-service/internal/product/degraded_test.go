package product_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestArchivedCopyIsServedWhileKOSIsOut(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(k *kos){
		"away":     func(k *kos) { k.err = errAway },
		"spent":    func(k *kos) { k.err, k.slow = errAway, 2*time.Second }, // no admission within 2 s
		"too slow": func(k *kos) { k.slow = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				first, err := w.Subscriber(t.Context(), own)
				if err != nil || first.Stale {
					t.Fatalf("%+v, %v", first, err)
				}
				if _, err := w.Catalogue(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.kos.set(func() { fail(w.kos) })
				start := time.Now()
				got, err := w.Subscriber(t.Context(), own)
				if err != nil || !got.Stale || got.Product.Code != premium.Code || time.Since(start) > time.Second {
					t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
				}
				offers, err := w.Offers(t.Context(), own, premium.Code, "")
				if diff := cmp.Diff(product.Catalogue{Products: []product.Product{basic}, AsOf: noon, Stale: true}, offers); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				elapse(time.Hour) // the loads end, on the clock of the bubble
			})
		})
	}
}

func TestUnavailableWithoutAnArchivedCopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Hour
		for name, ask := range map[string]func() error{
			"line":       func() error { _, err := w.Subscriber(t.Context(), own); return err },
			"catalogue":  func() error { _, err := w.Catalogue(t.Context()); return err },
			"offers":     func() error { _, err := w.Offers(t.Context(), own, "", ""); return err },
			"inspection": func() error { _, err := w.Inspect(t.Context(), own, "A", "B"); return err },
		} {
			start := time.Now()
			err := ask()
			if shown := problem.From(err); shown.Code != "KOS_UNAVAILABLE" || shown.RetryAfter == 0 || time.Since(start) > 8*time.Second {
				t.Errorf("%s after %s: %v", name, time.Since(start), err)
			}
		}
		elapse(time.Hour)
	})
}

// A read with a stale copy takes a second at most, also if it needs two answers. KOS's late
// answer serves the next read.
func TestLoadGoesOnAfterTheSoftTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, err := range []error{last(w.Subscriber(t.Context(), own)), last(w.Catalogue(t.Context()))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		later := holder(basic)
		later.AsOf = noon.Add(time.Hour)
		w.kos.set(func() { w.kos.slow, w.kos.holder = 3*time.Second, later })
		start := time.Now()
		offers, err := w.Offers(t.Context(), own, "", "")
		if err != nil || !offers.Stale || time.Since(start) > time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), offers, err)
		}
		elapse(3 * time.Second)
		if kept, _, err := w.archive.Subscriber(t.Context(), line); err != nil || kept.Product.Code != basic.Code {
			t.Errorf("kept: %+v, %v", kept, err)
		}
	})
}

// A slow database delays a stale copy, but does not lose it.
func TestReadWaitsForASlowArchive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if _, err := w.Catalogue(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.kos.set(func() { w.kos.slow = time.Hour })
		w.archive.slow = 500 * time.Millisecond
		if got, err := w.Catalogue(t.Context()); err != nil || !got.Stale {
			t.Errorf("%+v, %v", got, err)
		}
		w.archive.slow = time.Hour // it hangs
		start := time.Now()
		if got, err := w.Catalogue(t.Context()); !errors.Is(err, product.ErrUnavailable) || time.Since(start) > 8*time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
		}
		elapse(time.Hour)
	})
}

// Without a copy a read waits for KOS, which is called once.
func TestReadWithoutACopyWaitsForKOS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = 5 * time.Second
		start := time.Now()
		got, err := w.Subscriber(t.Context(), own)
		if err != nil || got.Stale || time.Since(start) != 5*time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
		}
		elapse(10 * time.Second)
	})
}

// Offers need two answers: they are as old as the older one, if that is stale.
func TestOffersAreAsStaleAsTheOwnPlan(t *testing.T) {
	t.Parallel()
	w := newWorld()
	before := holder(premium)
	before.AsOf = noon.Add(-time.Hour)
	w.archive.holder = &before
	w.cache.ahead = true // the catalogue is there
	w.background.holderErr = errAway
	got, err := w.Offers(t.Context(), own, "", "")
	want := product.Catalogue{Products: []product.Product{basic}, AsOf: before.AsOf, Stale: true}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A refresh ahead uses spare calls only, and archives its answer.
func TestRefreshUsesTheBackgroundCarrier(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.cache.ahead = true
	w.kos.err = errors.New("not called")
	for _, err := range []error{last(w.Subscriber(t.Context(), own)), last(w.Catalogue(t.Context()))} {
		if err != nil {
			t.Error(err)
		}
	}
	if w.archive.holder == nil || w.archive.catalogue == nil {
		t.Errorf("kept: %+v", w.archive)
	}
}

// last returns the second of two results.
func last[V any](_ V, err error) error { return err }
