package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// july returns a day of July 2025.
func july(day int) time.Time { return time.Date(2025, time.July, day, 0, 0, 0, 0, time.UTC) }

func TestOpenedLineIsFound(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	const number = msisdn.Number("01077770001")
	empty, err := store.Record(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(billing.Record{}, empty); diff != "" {
		t.Error(diff)
	}
	registration := billing.Registration{
		Customer:     billing.Customer{ID: "CUST900", Name: "김민준"},
		ContractDate: july(1),
	}
	first := billing.Order{ProductCode: "LTE-BASIC-001", EffectiveFrom: july(1)}
	if err := store.Open(t.Context(), number, registration, first); err != nil {
		t.Fatal(err)
	}
	// Another customer opens the line later.
	late := registration
	late.Customer.ID = "CUST901"
	if err := store.Open(t.Context(), number, late, billing.Order{ProductCode: "3G-OLD-001", EffectiveFrom: july(31)}); err != nil {
		t.Fatal(err)
	}
	got, err := store.Record(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	want := billing.Record{Registration: &registration, Orders: []billing.Order{first}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLineIsOpenedOnce(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	const number = msisdn.Number("01077770002")
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			registration := billing.Registration{
				Customer:     billing.Customer{ID: "CUST90" + string(rune('0'+n)), Name: "김민준"},
				ContractDate: july(1 + n),
			}
			order := billing.Order{ProductCode: "LTE-BASIC-001", EffectiveFrom: registration.ContractDate}
			if err := store.Open(t.Context(), number, registration, order); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := store.Record(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Orders) != 1 || !got.Orders[0].EffectiveFrom.Equal(got.Registration.ContractDate) {
		t.Errorf("got %+v of %+v", got.Orders, got.Registration)
	}
}

func TestMovedLineLosesDataOfTheFormerCustomer(t *testing.T) {
	t.Parallel()
	store, number := newStore(t), msisdn.Number("01077770009")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	register := func(id string) (billing.Registration, billing.Order) {
		return billing.Registration{Customer: billing.Customer{ID: id, Name: "이름"}, ContractDate: start},
			billing.Order{ProductCode: "LTE-BASIC-001", EffectiveFrom: start}
	}
	before, first := register("CUST901")
	if err := store.Open(t.Context(), number, before, first); err != nil {
		t.Fatal(err)
	}
	after, plan := register("CUST902")
	plan.ProductCode, after.ContractDate = "5G-PREMIUM-001", start.AddDate(0, 5, 0)
	for range 2 {
		if err := store.Move(t.Context(), number, after, plan); err != nil {
			t.Fatal(err)
		}
	}
	got, err := store.Record(t.Context(), number)
	want := billing.Record{Registration: &after, Orders: []billing.Order{plan}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}
