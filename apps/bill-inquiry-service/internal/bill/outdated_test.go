package bill_test

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// TestOutdatedFinalBillIsConfirmedOnce inquires about a final bill that the archive has
// in the first schema.
func TestOutdatedFinalBillIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		trouble func(b *bench)
		fresh   bool // the new answer of KOS is returned and archived
		stale   bool
		calls   int32 // calls of KOS for three inquiries
	}{
		"KOS answers":        {func(*bench) {}, true, false, 1},
		"KOS is out":         {func(b *bench) { b.carrier.set(errOutage) }, false, true, 1},
		"the limit is spent": {func(b *bench) { b.spend() }, false, true, 0},
		"KOS has no bill":    {func(b *bench) { b.carrier.billErr = bill.ErrNoBill }, false, false, 1},
		"line is suspended":  {func(b *bench) { b.carrier.set(bill.ErrSuspended) }, false, true, 1}, // KOS does not name the customer then
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, 8, func(b *bench) {
				t := b.t
				old := read(t, firstSchema)
				old.Month, old.AsOf = bill.MonthOf(time.Now().AddDate(0, -1, 0)), time.Now().Add(-time.Hour)
				b.store(old)
				b.carrier.bill = past
				b.carrier.bill.Month = old.Month
				want := int64(67_750)
				if tc.fresh {
					want = past.Charges.Total
				}
				tc.trouble(b)
				for range 3 {
					got, err := b.inquire(old.Month)
					if err != nil || got.Bill.Charges.Total != want || got.Bill.Stale != tc.stale {
						t.Errorf("got %d, stale %v, %v", got.Bill.Charges.Total, got.Bill.Stale, err)
					}
				}
				if calls := b.carrier.calls.Load(); calls != tc.calls {
					t.Errorf("KOS was called %d times", calls)
				}
				if archived, err := b.archive.Find(t.Context(), bill.Subscription{Customer: holder.ID, Line: line}, old.Month); err != nil || archived.Definitive() != tc.fresh {
					t.Errorf("archived %+v, %v", archived, err)
				}
			})
		})
	}
}
