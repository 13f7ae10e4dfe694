package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

var (
	holder = bill.Customer{ID: "CUST001"}
	own    = bill.Subscription{Customer: holder.ID, Line: line}
)

func TestArchiveKeepsTheNewestAndNeverReplacesAFinalBill(t *testing.T) {
	t.Parallel()
	archive := postgres.NewArchive(pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t))
	ctx := t.Context()
	if _, err := archive.Find(ctx, own, "2026-10"); !errors.Is(err, bill.ErrNotArchived) {
		t.Fatalf("empty archive: %v", err)
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	copies := []struct {
		total int64
		final bool
		asOf  time.Time
		want  int64
	}{
		{100, false, at, 100},
		{200, false, at.Add(time.Hour), 200},
		{150, false, at.Add(time.Minute), 200}, // late: older than the archived one
		{300, true, at.Add(2 * time.Hour), 300},
		{400, true, at.Add(3 * time.Hour), 300}, // final means final
	}
	for _, stored := range copies {
		b := bill.Bill{Line: line, Customer: holder, Month: "2026-10", Final: stored.final, AsOf: stored.asOf, Charges: bill.Charges{Total: stored.total}}
		if err := archive.Store(ctx, b); err != nil {
			t.Fatal(err)
		}
		got, err := archive.Find(ctx, own, "2026-10")
		if err != nil || got.Charges.Total != stored.want {
			t.Errorf("after %+v: %d, %v", stored, got.Charges.Total, err)
		}
	}
}

func TestInvalidatedBillStaysInvalidated(t *testing.T) {
	t.Parallel()
	archive := postgres.NewArchive(pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t))
	ctx, at := t.Context(), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	store := func(b bill.Bill) {
		t.Helper()
		if err := archive.Store(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	open := bill.Bill{Line: line, Customer: holder, Month: "2026-11", AsOf: at.Add(-time.Hour)}
	final := bill.Bill{Line: line, Customer: holder, Month: "2026-10", Final: true, AsOf: at.Add(-time.Hour)}
	store(open)
	store(final)
	for _, month := range []bill.Month{"2026-11", "2026-10", "2026-09"} {
		if err := archive.Invalidate(ctx, line, month, at); err != nil {
			t.Fatal(err)
		}
	}
	open.AsOf = at.Add(-time.Second) // of before the plan change
	store(open)
	if _, err := archive.Find(ctx, own, "2026-11"); !errors.Is(err, bill.ErrNotArchived) {
		t.Errorf("the old plan's bill: %v", err)
	}
	if _, err := archive.Find(ctx, own, "2026-10"); err != nil {
		t.Errorf("a final bill: %v", err)
	}
	open.AsOf = at.Add(time.Second)
	store(open)
	if _, err := archive.Find(ctx, own, "2026-11"); err != nil {
		t.Errorf("the new plan's bill: %v", err)
	}
}
