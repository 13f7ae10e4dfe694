package product_test

import (
	"errors"
	"slices"
	"testing"

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
		"plan":   func(w *world) error { return last(w.Subscriber(t.Context(), own)) },
		"fresh":  func(w *world) error { return last(w.FreshSubscriber(t.Context(), own)) },
		"offers": func(w *world) error { return last(w.Offers(t.Context(), own, "", "")) },
		"check":  func(w *world) error { return last(w.Inspect(t.Context(), own, premium.Code, basic.Code)) },
		"holder": func(w *world) error { return w.CheckHolder(t.Context(), own) },
		"ahead": func(w *world) error {
			w.cache.ahead, w.background.holder = true, given()
			return last(w.Subscriber(t.Context(), own))
		},
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
			cached := slices.Contains(w.cache.calls, "all of "+line.Masked())
			if want := name != "plan" && name != "offers"; cached != want { // the key of a load holds the refusal
				t.Errorf("calls: %v", w.cache.calls)
			}
		})
	}
}

// Requests of the former customer must not delete the copy that is served stale to the new
// one.
func TestFormerCustomerDoesNotInvalidateTheNewCopy(t *testing.T) {
	t.Parallel()
	w, kept := newWorld(), given()
	w.archive.holder, w.kos.holder = &kept, given()
	if err := last(w.Subscriber(t.Context(), own)); !errors.Is(err, product.ErrLineMoved) || w.archive.invalidations != 0 {
		t.Errorf("%v, %d invalidations", err, w.archive.invalidations)
	}
	w.kos.err = errAway
	if err := last(w.Subscriber(t.Context(), own)); !errors.Is(err, product.ErrUnavailable) {
		t.Errorf("the former customer, while KOS is out: %v", err)
	}
	others := product.Subscription{Customer: kept.CustomerID, Line: line}
	if got, err := w.Subscriber(t.Context(), others); err != nil || !got.Stale || !cmp.Equal(got.CustomerID, kept.CustomerID) {
		t.Errorf("the new customer, while KOS is out: %+v, %v", got, err)
	}
}

func TestLineWithoutCustomerIsUnavailable(t *testing.T) {
	t.Parallel()
	w, nobodys := newWorld(), holder(basic)
	nobodys.CustomerID = ""
	w.kos.holder = nobodys
	for _, s := range []product.Subscription{own, {Line: line, Customer: "CUST002"}} {
		if err := last(w.Subscriber(t.Context(), s)); !errors.Is(err, product.ErrUnavailable) || w.archive.holder != nil {
			t.Errorf("got %v", err)
		}
	}
}
