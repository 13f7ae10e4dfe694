package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func subscriber(line msisdn.Number) product.Subscriber {
	return product.Subscriber{
		Line: line, CustomerID: "CUST001", CustomerName: "김민준", LineStatus: product.Active, AsOf: noon,
		Product: product.Product{Code: "5G-PREMIUM-001", Name: "5G 프리미엄", MonthlyFee: 89_000, Operator: "KT"},
	}
}

func TestArchiveKeepsTheNewestSubscriber(t *testing.T) {
	t.Parallel()
	archive := newStore(t, plenty).archive
	_, version, err := archive.Subscriber(t.Context(), number(1))
	if !errors.Is(err, product.ErrNotArchived) || version != (product.Version{}) {
		t.Fatalf("empty archive: %v, %v", version, err)
	}
	for _, answer := range []struct {
		code string
		asOf time.Time
		want string
	}{
		{"A", noon, "A"},
		{"B", noon.Add(time.Hour), "B"},
		{"C", noon.Add(time.Minute), "B"}, // older than the archived one
	} {
		s := subscriber(number(1))
		s.Product.Code, s.AsOf = answer.code, answer.asOf
		expect.NoError(t, archive.KeepSubscriber(t.Context(), s, version))
		got, _, err := archive.Subscriber(t.Context(), number(1))
		if got.Product.Code != answer.want || err != nil {
			t.Errorf("after %s: %s, %v", answer.code, got.Product.Code, err)
		}
	}
}

// An answer that was requested before an invalidation must not be archived after it,
// whatever its time.
func TestInvalidatedLineIsNotArchivedAgain(t *testing.T) {
	t.Parallel()
	for name, had := range map[string]bool{"kept before": true, "never kept": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive := newStore(t, plenty).archive
			if had {
				expect.NoError(t, archive.KeepSubscriber(t.Context(), subscriber(number(1)), product.Version{}))
			}
			_, before, _ := archive.Subscriber(t.Context(), number(1))
			expect.NoError(t, archive.Invalidate(t.Context(), number(1)))
			late := subscriber(number(1))
			late.AsOf = noon.AddDate(1, 0, 0)
			expect.NoError(t, archive.KeepSubscriber(t.Context(), late, before))
			_, after, err := archive.Subscriber(t.Context(), number(1))
			if !errors.Is(err, product.ErrNotArchived) || after == before {
				t.Fatalf("kept with version %v of %v: %v", after, before, err)
			}
			expect.NoError(t, archive.KeepSubscriber(t.Context(), subscriber(number(1)), after))
			if got, _, err := archive.Subscriber(t.Context(), number(1)); err != nil || got.CustomerID != "CUST001" {
				t.Errorf("requested after: %+v, %v", got, err)
			}
		})
	}
}

func TestArchiveKeepsTheNewestCatalogue(t *testing.T) {
	t.Parallel()
	archive := newStore(t, plenty).archive
	if _, err := archive.Catalogue(t.Context()); !errors.Is(err, product.ErrNotArchived) {
		t.Fatalf("empty archive: %v", err)
	}
	newest := product.Catalogue{Products: []product.Product{target}, AsOf: noon.Add(time.Hour)}
	expect.NoError(t, archive.KeepCatalogue(t.Context(), product.Catalogue{AsOf: noon}))
	expect.NoError(t, archive.KeepCatalogue(t.Context(), newest))
	expect.NoError(t, archive.KeepCatalogue(t.Context(), product.Catalogue{AsOf: noon})) // late
	got, err := archive.Catalogue(t.Context())
	if diff := cmp.Diff(newest, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
