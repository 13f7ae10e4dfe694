package product_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// given returns the subscriber of a line that is another customer's by now.
func given() product.Subscriber {
	other := holder(basic)
	other.CustomerID, other.CustomerName = "CUST900", "나새로"
	return other
}

func TestMovedLineIsRefusedAndNotKept(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *world) error{
		"plan":   func(w *world) error { return last(w.subscriber(t, own)) },
		"fresh":  func(w *world) error { return last(w.FreshSubscriber(t.Context(), own)) },
		"offers": func(w *world) error { return last(w.Offers(t.Context(), own, "", "", product.Wait{})) },
		"check":  func(w *world) error { return last(w.Inspect(t.Context(), own, premium.Code, basic.Code)) },
		"holder": func(w *world) error { return w.CheckHolder(t.Context(), own) },
	}
	for name, use := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, before := newWorld(), holder(premium)
			w.archive.holder, w.kos.holder = &before, given()
			if err := use(w); !errors.Is(err, product.ErrLineMoved) {
				t.Fatalf("got %v", err)
			}
			if kept := w.archive.holder; kept != nil && kept.CustomerID != own.Customer {
				t.Errorf("kept %+v", w.archive.holder)
			}
			if w.archive.invalidations != 1 {
				t.Errorf("%d invalidations of archive and replicas", w.archive.invalidations)
			}
			if held, cached := w.cache.lines[own]; cached {
				t.Errorf("cached %+v", held)
			}
		})
	}
}

// A prefetch drops the copies of the former customer and caches no refusal.
func TestPrefetchOfAMovedLineDropsTheCopies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, before := newWorld(), holder(premium)
		w.cache.lines[own], w.archive.holder, w.kos.holder = before, &before, given()
		if _, err := w.lines.Prefetch(t.Context(), own, product.ReasonLogin); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(w.cache.lines)+len(w.cache.refusals) != 0 || w.archive.holder != nil {
			t.Errorf("cached %v and %v, kept %+v", w.cache.lines, w.cache.refusals, w.archive.holder)
		}
	})
}

// The worker of another replica got the refusal, and could not store it.
func TestRefusalThatNoStoreHasIsAskedForAnew(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.kos.holder = given()
	w.lines.fetch = func(context.Context, product.Subscription, bool) error { return nil }
	if err := last(w.subscriber(t, own)); !errors.Is(err, product.ErrLineMoved) || w.kos.asked != 1 {
		t.Errorf("%v, KOS was called %d times", err, w.kos.asked)
	}
}

// Requests of the former customer must not delete the copy that is served stale to the new
// one.
func TestFormerCustomerDoesNotInvalidateTheNewCopy(t *testing.T) {
	t.Parallel()
	w, kept := newWorld(), given()
	w.archive.holder, w.kos.holder = &kept, given()
	if err := last(w.subscriber(t, own)); !errors.Is(err, product.ErrLineMoved) || w.archive.invalidations != 0 {
		t.Errorf("%v, %d invalidations", err, w.archive.invalidations)
	}
	w.kos.err = errAway
	w.cache.expire()
	w.Evict(line)
	if err := last(w.subscriber(t, own)); !errors.Is(err, product.ErrUnavailable) {
		t.Errorf("the former customer, while KOS is out: %v", err)
	}
	others := product.Subscription{Customer: kept.CustomerID, Line: line}
	if got, err := w.subscriber(t, others); err != nil || !got.Stale || !cmp.Equal(got.CustomerID, kept.CustomerID) {
		t.Errorf("the new customer, while KOS is out: %+v, %v", got, err)
	}
}

func TestLineWithoutCustomerIsUnavailable(t *testing.T) {
	t.Parallel()
	w, nobodys := newWorld(), holder(basic)
	nobodys.CustomerID = ""
	w.kos.holder = nobodys
	for _, s := range []product.Subscription{own, {Line: line, Customer: "CUST002"}} {
		if err := last(w.subscriber(t, s)); !errors.Is(err, product.ErrUnavailable) || w.archive.holder != nil {
			t.Errorf("got %v", err)
		}
	}
}
